//! Windows of time, of activities and campaigns alike.

use sluice_kernel::Timestamp;

use crate::{PromotionError, fields::invalid};

/// From `starts_at` to `ends_at`, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

impl Window {
    pub fn status(&self, at: Timestamp) -> ActivityStatus {
        if at < self.starts_at {
            ActivityStatus::Coming
        } else if at <= self.ends_at {
            ActivityStatus::Running
        } else {
            ActivityStatus::Over
        }
    }
}

/// Where an instant stands to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityStatus {
    Coming,
    Running,
    Over,
}

impl ActivityStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coming => "coming",
            Self::Running => "running",
            Self::Over => "over",
        }
    }
}

pub(crate) fn changed_window(present: Window, starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) -> Window {
    Window { starts_at: starts_at.unwrap_or(present.starts_at), ends_at: ends_at.unwrap_or(present.ends_at) }
}

pub(crate) fn check_window(window: Window) -> Result<(), PromotionError> {
    if window.starts_at > window.ends_at {
        return Err(invalid("ends_at", "not before starts_at"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s1_rule_1_both_ends_of_a_window_belong_to_it() {
        let at = Timestamp::from_millis;
        let window = Window { starts_at: at(1_000), ends_at: at(2_000) };
        let statuses = [999, 1_000, 2_000, 2_001].map(|millis| window.status(at(millis)).as_str());
        assert_eq!(statuses, ["coming", "running", "running", "over"]);
    }
}
