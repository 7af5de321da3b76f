//! W3C trace context: the one string that ties a request, its events and its log lines together.
//!
//! A trace is at hand wherever work is done for it, so that no call has to carry it. Work that goes on in a task of its own, and
//! rows that are written by another task, take it along by themselves.

use std::fmt;

tokio::task_local! {
    static CURRENT: Option<TraceContext>;
}

/// A parsed `traceparent` (version 00). Its ids are never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceContext {
    /// A new trace from 128 random bits in hexadecimal, as [`crate::IdGenerator::token`] makes them.
    pub fn start(token: &str) -> Self {
        let trace = u128::from_str_radix(token, 16).unwrap_or(1).max(1);
        Self { trace, span: u64::try_from(trace >> 64).unwrap_or(1).max(1), flags: 1 }
    }

    /// `None` where the header is not a valid version-00 `traceparent`.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hexadecimal = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let sound =
            version == "00" && hexadecimal(trace, 32) && hexadecimal(span, 16) && hexadecimal(flags, 2) && parts.next().is_none();
        if !sound {
            return None;
        }
        let parsed = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (parsed.trace != 0 && parsed.span != 0).then_some(parsed)
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Another's trace, gone on with under a span of our own.
    #[must_use]
    pub fn under_span_of(self, own: Self) -> Self {
        Self { trace: self.trace, ..own }
    }

    /// Does `work` as a part of the trace; of none where there is none.
    pub async fn within<T>(trace: Option<Self>, work: impl Future<Output = T>) -> T {
        CURRENT.scope(trace, work).await
    }

    /// The trace that the present work is a part of.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|trace| *trace).ok().flatten()
    }

    /// The present trace as a `traceparent`, to be kept with what is written for it.
    pub fn current_header() -> Option<String> {
        Self::current().map(|trace| trace.to_string())
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_reads_back_and_a_broken_one_is_dropped() {
        for header in
            ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000001-0000000000000001-00"]
        {
            assert_eq!(TraceContext::parse(header).unwrap().to_string(), header);
        }
        for broken in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "01-x-y-z",
        ] {
            assert_eq!(TraceContext::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_new_trace_is_its_random_bits() {
        let trace = TraceContext::start("00112233445566778899aabbccddeeff");
        assert_eq!(trace.id(), "00112233445566778899aabbccddeeff");
        assert_eq!(trace.to_string(), "00-00112233445566778899aabbccddeeff-0011223344556677-01");
        let caller = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00").unwrap();
        assert_eq!(caller.under_span_of(trace).to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0011223344556677-01");
    }
}
