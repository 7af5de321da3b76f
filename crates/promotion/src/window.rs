//! Windows of time, of activities and campaigns alike.

use sluice_kernel::{InvalidField, Timestamp, Window, check};

pub(crate) fn changed_window(present: Window, starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) -> Window {
    Window { starts_at: starts_at.unwrap_or(present.starts_at), ends_at: ends_at.unwrap_or(present.ends_at) }
}

pub(crate) fn check_window(window: Window) -> check::Result {
    if window.starts_at > window.ends_at {
        return Err(InvalidField::new("ends_at", "not before starts_at"));
    }
    Ok(())
}
