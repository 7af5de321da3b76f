//! W3C trace context: the one string that ties a request, its events and its log lines together.

use std::fmt;

/// A parsed `traceparent` (version 00). Lower-case hexadecimal, ids never all zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    pub trace_id: String,
    pub span_id: String,
}

impl TraceContext {
    /// A new trace from 128 random bits in hexadecimal, as [`crate::IdGenerator::token`] makes them.
    pub fn start(token: &str) -> Self {
        let span_id = token.get(..16).unwrap_or("0000000000000001").to_owned();
        Self { trace_id: token.to_owned(), span_id }
    }

    /// `None` where the header is not a valid version-00 `traceparent`.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hexadecimal = |text: &str, digits: usize| {
            text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let zero = |text: &str| text.bytes().all(|b| b == b'0');
        let sound = version == "00"
            && hexadecimal(trace_id, 32)
            && hexadecimal(span_id, 16)
            && hexadecimal(flags, 2)
            && parts.next().is_none()
            && !zero(trace_id)
            && !zero(span_id);
        sound.then(|| Self { trace_id: trace_id.to_owned(), span_id: span_id.to_owned() })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-01", self.trace_id, self.span_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_reads_back_and_a_broken_one_is_dropped() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(header).unwrap().to_string(), header);
        for broken in ["", "00", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "01-x-y-z"] {
            assert_eq!(TraceContext::parse(broken), None, "{broken}");
        }
    }
}
