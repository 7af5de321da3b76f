//! What each error of Redis means: one table for everything that asks it.
//!
//! A Redis that refuses for now (its password was changed, it is full, read-only, loading, busy, without its master, or
//! silent) is unavailable: 503, asked again, and well again by itself once the cause is gone. A gate whose scripts or keys
//! went is in doubt. Only what this program did wrong is a defect.

use deadpool_redis::redis::{ErrorKind, RedisError, ServerErrorKind};
use sluice_kernel::PortError;

pub(crate) const WHAT: &str = "the Redis stock gate";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Scripts or keys are not what was loaded: close and count anew.
    Doubt,
    /// Trying again later may help.
    Unavailable,
    /// Ours.
    Defect,
}

/// Codes that the client library has no name for.
const REFUSED_FOR_NOW: [&str; 9] =
    ["NOAUTH", "WRONGPASS", "OOM", "MISCONF", "NOREPLICAS", "BUSY", "UNBLOCKED", "NOMASTERLINK", "INPROG"];

pub(crate) fn meaning(error: &RedisError) -> Meaning {
    let kind = error.kind();
    if let ErrorKind::Server(kind) = kind {
        return of_server(kind, error);
    }
    let unreachable = matches!(
        kind,
        ErrorKind::Io
            | ErrorKind::AuthenticationFailed
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel
            | ErrorKind::EmptySentinelList
    );
    match error.code() {
        _ if unreachable => Meaning::Unavailable,
        // Somebody else's data stands under the gate's name.
        Some("WRONGTYPE") => Meaning::Doubt,
        Some(code) if REFUSED_FOR_NOW.contains(&code) => Meaning::Unavailable,
        Some(_) | None => Meaning::Defect,
    }
}

fn of_server(kind: ServerErrorKind, error: &RedisError) -> Meaning {
    if kind == ServerErrorKind::NoScript {
        return Meaning::Doubt;
    }
    // A script that failed is ours; a server that has no place for one more client, or does not know us yet, is not.
    let failed = kind == ServerErrorKind::ResponseError && !is_about_the_connection(error);
    let misused = matches!(kind, ServerErrorKind::CrossSlot | ServerErrorKind::NotBusy | ServerErrorKind::NoSub);
    // Else: loading, moved, without master, read-only, without permission, aborted, …
    if failed || misused { Meaning::Defect } else { Meaning::Unavailable }
}

/// What a server says to a client it does not serve: too many, or one that sends more than a password before its password.
fn is_about_the_connection(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.starts_with("max number of clients") || detail.starts_with("Protocol error"))
}

/// Whether the connection is of no use any more: it broke, or leads to a server that is not the right one or that does
/// not know us.
pub(crate) fn spoils_connection(error: &RedisError) -> bool {
    let stale = [ServerErrorKind::ReadOnly, ServerErrorKind::MasterDown, ServerErrorKind::NoPerm].map(ErrorKind::Server);
    error.is_io_error()
        || error.kind() == ErrorKind::AuthenticationFailed
        || stale.contains(&error.kind())
        || is_about_the_connection(error)
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}

/// `what` is for the operator.
pub(crate) fn timed_out(what: &'static str) -> RedisError {
    RedisError::from(std::io::Error::new(std::io::ErrorKind::TimedOut, what))
}

pub(crate) fn port_error(error: RedisError) -> PortError {
    match meaning(&error) {
        Meaning::Doubt => PortError::GateClosed,
        Meaning::Unavailable => PortError::unavailable(WHAT, error),
        Meaning::Defect => PortError::internal(WHAT, error),
    }
}

/// Ours: an answer that nobody expected, or a request that should not have come.
pub(crate) fn defect(reason: impl Into<String>) -> PortError {
    PortError::internal(WHAT, reason.into())
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    /// An error as a server sends it.
    fn said(line: &str) -> RedisError {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    #[test]
    fn what_passes_by_itself_is_unavailable_and_never_a_defect() {
        for line in [
            "NOAUTH Authentication required.",
            "WRONGPASS invalid username-password pair or user is disabled.",
            "NOPERM this user has no permissions to run the 'evalsha' command",
            "OOM command not allowed when used memory > 'maxmemory'.",
            "READONLY You can't write against a read only replica.",
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "CLUSTERDOWN The cluster is down",
            "MOVED 3999 127.0.0.1:6381",
            "ASK 3999 127.0.0.1:6381",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            "NOREPLICAS Not enough good replicas to write.",
            "ERR max number of clients reached",
            // Of a command longer than a password, without one.
            "ERR Protocol error: unauthenticated multibulk length",
        ] {
            assert_eq!(meaning(&said(line)), Meaning::Unavailable, "{line}");
        }
        for cause in [std::io::ErrorKind::TimedOut, std::io::ErrorKind::ConnectionRefused, std::io::ErrorKind::UnexpectedEof] {
            let error = RedisError::from(std::io::Error::from(cause));
            assert_eq!(meaning(&error), Meaning::Unavailable, "{cause:?}");
            assert!(spoils_connection(&error));
        }
        assert_eq!(meaning(&timed_out("a test")), Meaning::Unavailable);
        assert!(spoils_connection(&timed_out("a test")));
        assert!(spoils_connection(&said("NOAUTH Authentication required.")));
        assert!(!spoils_connection(&said("OOM command not allowed when used memory > 'maxmemory'.")));
    }

    #[test]
    fn lost_scripts_and_foreign_keys_are_a_doubt_and_a_script_that_fails_is_ours() {
        assert_eq!(meaning(&said("NOSCRIPT No matching script. Please use EVAL.")), Meaning::Doubt);
        assert_eq!(meaning(&said("WRONGTYPE Operation against a key holding the wrong kind of value")), Meaning::Doubt);
        assert_eq!(meaning(&said("ERR user_script:3: attempt to compare nil with number")), Meaning::Defect);
        assert_eq!(meaning(&said("CROSSSLOT Keys in request don't hash to the same slot")), Meaning::Defect);
    }
}
