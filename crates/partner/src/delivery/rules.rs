//! How answers are judged and how long is waited: plain functions over numbers.

use std::time::Duration;

use crate::Answer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushRules {
    /// Before the first try of a target, or of a refused message, is repeated; doubled by every further failure.
    pub first_pause: Duration,
    /// A target that is away is probed at least this often; a refused message is tried again at least once in twelve
    /// times this.
    pub longest_pause: Duration,
    pub give_up_after: Duration,
    /// Requests to one target at the same time.
    pub per_target: u32,
    /// Requests of one process at the same time.
    pub at_once: u32,
}

impl Default for PushRules {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_mins(5),
            give_up_after: Duration::from_hours(72),
            per_target: 4,
            at_once: 64,
        }
    }
}

/// A message that its receiver refuses is repeated less often than a target is probed.
const REFUSED_PAUSES: u32 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// The target is there and does not want this message: it alone waits.
    Refused,
    /// The target is away, overloaded or broken: everything for it waits.
    Away,
}

impl Verdict {
    /// 2xx takes the message. 408, 429, 5xx, redirects (which are not followed) and silence speak of the target; what
    /// is left, 4xx, of the message.
    pub fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Status { status: 200..=299, .. } => Self::Accepted,
            Answer::Status { status: 408 | 429, .. } | Answer::None { .. } => Self::Away,
            Answer::Status { status: 400..=499, .. } => Self::Refused,
            Answer::Status { .. } => Self::Away,
        }
    }

    /// Label of the counter of tries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Away => "away",
        }
    }
}

impl PushRules {
    /// After the target failed `failures` times in a row; what the target asks for is granted up to the longest pause.
    pub(crate) fn target_pause(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let pause = doubled(self.first_pause, failures, self.longest_pause);
        pause.max(asked.unwrap_or_default().min(self.longest_pause))
    }

    /// After a message was refused for the `tries`th time.
    pub(crate) fn message_pause(&self, tries: u32) -> Duration {
        doubled(self.first_pause, tries, self.longest_message_pause())
    }

    /// Between two tries of a message that its receiver refuses.
    pub fn longest_message_pause(&self) -> Duration {
        self.longest_pause.saturating_mul(REFUSED_PAUSES)
    }
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    let doublings = times.saturating_sub(1).min(30);
    first.saturating_mul(2_u32.saturating_pow(doublings)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Verdict {
        Verdict::of(&Answer::Status { status, retry_after: None, said: String::new() })
    }

    #[test]
    fn a_refusal_is_the_messages_and_an_outage_the_targets() {
        for code in [200, 202, 204, 299] {
            assert_eq!(status(code), Verdict::Accepted, "{code}");
        }
        for code in [400, 401, 404, 409, 410, 422] {
            assert_eq!(status(code), Verdict::Refused, "{code}");
        }
        for code in [301, 302, 307, 408, 429, 500, 502, 503, 504, 101] {
            assert_eq!(status(code), Verdict::Away, "{code}");
        }
        assert_eq!(Verdict::of(&Answer::None { reason: String::new() }), Verdict::Away);
    }

    #[test]
    fn pauses_grow_to_their_bound() {
        let rules = PushRules::default();
        let seconds = |failures| rules.target_pause(failures, None).as_secs();
        assert_eq!([1, 2, 3, 6, 7, 8, 1_000].map(seconds), [5, 10, 20, 160, 300, 300, 300]);
        assert_eq!(rules.target_pause(1, Some(Duration::from_mins(1))).as_secs(), 60);
        assert_eq!(rules.target_pause(1, Some(Duration::from_hours(6))).as_secs(), 300);
        assert_eq!(rules.target_pause(6, Some(Duration::from_secs(1))).as_secs(), 160);
        assert_eq!([1, 2, 20].map(|tries| rules.message_pause(tries).as_secs()), [5, 10, 3_600]);
    }
}
