//! Activities: what they are, and what staff may write.

use sluice_kernel::{ActivityId, PayType, StoreId, Timestamp, check};

use crate::{Window, window::check_window};

/// The discount mode of an activity or an offer is what its orders are paid with.
pub type Mode = PayType;

/// A discount promotion of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    pub id: ActivityId,
    pub store_id: StoreId,
    pub title: String,
    pub window: Window,
    /// The mode of offers that have none of their own.
    pub mode: Mode,
    /// Counts changes, for If-Match.
    pub version: i64,
}

/// What staff may change of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityFields {
    pub title: String,
    pub window: Window,
    pub mode: Mode,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewActivity {
    /// Chosen by demo data and imports; otherwise the database numbers it.
    pub id: Option<ActivityId>,
    pub fields: ActivityFields,
}

/// Fields that are `Some` replace what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityChange {
    pub title: Option<String>,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub mode: Option<Mode>,
}

pub(crate) fn check_new_activity(fields: &ActivityFields) -> check::Result {
    check_title(&fields.title)?;
    check_window(fields.window)
}

/// What can be said of a change before the activity is read; its window is checked when it is known whole.
pub(crate) fn check_activity_change(change: &ActivityChange) -> check::Result {
    change.title.as_deref().map_or(Ok(()), check_title)
}

fn check_title(title: &str) -> check::Result {
    check::text("title", title, 200)
}
