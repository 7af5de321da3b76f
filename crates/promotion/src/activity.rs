//! Activities: what they are, and what staff may write.

use sluice_kernel::{ActivityId, PayType, StoreId, Timestamp};

use crate::{PromotionError, Window, fields::check_text, window::check_window};

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

pub(crate) fn check_activity(fields: &ActivityFields) -> Result<(), PromotionError> {
    check_text("title", &fields.title, 200)?;
    check_window(fields.window)
}
