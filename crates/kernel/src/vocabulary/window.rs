//! Spans of time in which something is offered.

use crate::Timestamp;

/// From `starts_at` to `ends_at`, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

impl Window {
    pub fn status(&self, at: Timestamp) -> WindowStatus {
        if at < self.starts_at {
            WindowStatus::Coming
        } else if at <= self.ends_at {
            WindowStatus::Running
        } else {
            WindowStatus::Over
        }
    }

    pub fn holds(&self, at: Timestamp) -> bool {
        self.status(at) == WindowStatus::Running
    }
}

/// Where an instant stands to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowStatus {
    Coming,
    Running,
    Over,
}

impl WindowStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coming => "coming",
            Self::Running => "running",
            Self::Over => "over",
        }
    }
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
