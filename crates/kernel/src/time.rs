//! Time as an argument: a timestamp in milliseconds and the clock that is handed in.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// An instant in milliseconds since 1970-01-01T00:00:00Z; RFC 3339 UTC with milliseconds in JSON.
///
/// Any number is an instant and can be written, and what was written can be read: an event of a machine whose clock was
/// wrong is no unreadable event. What people give is read by [`given`], in bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 2000-01-01T00:00:00Z
    pub const EARLIEST_GIVEN: Self = Self(946_684_800_000);
    /// 9000-12-31T23:59:59.999Z
    pub const LATEST_GIVEN: Self = Self(221_876_927_999_999);
    /// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z: what four digits of a year can say.
    const WRITABLE: (i64, i64) = (-62_167_219_200_000, 253_402_300_799_999);

    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Saturates at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time from `earlier` to here; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    /// Never fails: what four digits of a year cannot say is written as the end they reach.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = Self::WRITABLE;
        let millis = i128::from(self.0.clamp(first, last));
        let moment = OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, clock) = (moment.date(), moment.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            date.year(),
            u8::from(date.month()),
            date.day(),
            clock.hour(),
            clock.minute(),
            clock.second(),
            clock.millisecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        let moment = OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom)?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).map(Self).map_err(de::Error::custom)
    }
}

/// A time that somebody gives, for `#[serde(deserialize_with)]`: of the years 2000 to 9000 alone (docs/api.md, Conventions). What
/// lies beyond is a slip of the pen, and arithmetic on what was given never comes near the ends of the calendar.
pub fn given<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
    let read = Timestamp::deserialize(d)?;
    if (Timestamp::EARLIEST_GIVEN..=Timestamp::LATEST_GIVEN).contains(&read) {
        return Ok(read);
    }
    Err(de::Error::custom("a time lies between the years 2000 and 9000"))
}

/// The same where it may be left out or null; with `#[serde(default)]`.
pub fn given_or_none<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    struct Given(#[serde(deserialize_with = "given")] Timestamp);
    Ok(Option::<Given>::deserialize(d)?.map(|given| given.0))
}

/// Where the time comes from. Services take it as `Arc<dyn Clock>`; rules take a [`Timestamp`].
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's clock, used by the composition root alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the ambient clock is read")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Starts with the machine's time and runs on evenly, whatever is done to the machine's clock afterwards.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    start: Timestamp,
    started: Instant,
}

impl SteadyClock {
    pub fn start() -> Self {
        Self { start: SystemClock.now(), started: Instant::now() }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.started.elapsed())
    }
}

/// A clock that a test turns by hand.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::SeqCst);
    }

    pub fn set(&self, to: Timestamp) {
        self.0.store(to.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_rfc_3339_in_utc_with_milliseconds() {
        let moment = Timestamp::from_millis(1_795_305_600_123);
        assert_eq!(moment.to_string(), "2026-11-22T00:00:00.123Z");
        let back: Timestamp = serde_json::from_str("\"2026-11-22T08:00:00.123+08:00\"").unwrap();
        assert_eq!(back, moment);
    }

    #[test]
    fn no_stored_number_makes_a_time_that_cannot_be_written() {
        for (millis, text) in [
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_318_799_000, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text, "{millis}");
            assert_eq!(serde_json::to_string(&Timestamp::from_millis(millis)).unwrap(), format!("\"{text}\""));
        }
    }

    #[test]
    fn times_outside_the_years_2000_to_9000_are_not_given() {
        let read = |text: &str| given(serde_json::Value::from(text));
        for text in ["2000-01-01T00:00:00Z", "1999-12-31T20:00:00-05:00", "9000-12-31T23:59:59.999Z"] {
            assert!(read(text).is_ok(), "{text}");
        }
        assert_eq!(read("2000-01-01T00:00:00Z").unwrap(), Timestamp::EARLIEST_GIVEN);
        assert_eq!(read("9000-12-31T23:59:59.999Z").unwrap(), Timestamp::LATEST_GIVEN);
        for text in [
            "9999-12-31T23:59:59-05:00",
            "9001-01-01T00:00:00Z",
            "1999-12-31T23:59:59.999Z",
            "2000-01-01T00:00:00+00:01",
            "0001-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "-0001-01-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01",
            "",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(given_or_none(serde_json::Value::Null).unwrap(), None);
        assert!(given_or_none(serde_json::Value::from("1999-12-31T23:59:59.999Z")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn every_instant_is_written_and_reads_back_as_it_was_written(millis: i64) {
            let written = Timestamp::from_millis(millis).to_string();
            proptest::prop_assert_eq!(written.len(), 24);
            let back: Timestamp = serde_json::from_value(written.clone().into()).unwrap();
            proptest::prop_assert_eq!(back.to_string(), written);
        }
    }
}
