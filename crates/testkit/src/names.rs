//! Names and ports that no other test uses at the same time.

use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use sluice_kernel::{Clock, SystemClock};

static NAMES: AtomicU32 = AtomicU32::new(0);
static PORTS: AtomicU32 = AtomicU32::new(0);

/// Ports below the range from which the kernel serves outgoing connections, so that none of those takes the port
/// between this answer and its use.
const FIRST_PORT: u32 = 20_000;
const PORT_COUNT: u32 = 12_000;

/// A port on 127.0.0.1 that nobody listens on. Two calls in one process never give the same one soon, and processes
/// begin at different places.
pub fn free_port() -> u16 {
    let start = process::id().wrapping_mul(611);
    for _ in 0..PORT_COUNT {
        let offset = start.wrapping_add(PORTS.fetch_add(1, Ordering::Relaxed)) % PORT_COUNT;
        let port = u16::try_from(FIRST_PORT + offset).expect("the port range fits");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST_PORT} and {}", FIRST_PORT + PORT_COUNT);
}

/// `kind_…`, different in every call and every run: lower-case letters, digits and underscores, fit for a database's
/// name, a key and a user id.
pub fn unique_name(kind: &str) -> String {
    let at = SystemClock.now().as_millis();
    let count = NAMES.fetch_add(1, Ordering::Relaxed);
    format!("{kind}_{at:x}_{:x}_{count:x}", process::id())
}

/// A prefix for the topics and consumer groups of one test: `t….` with a dot at its end.
pub fn unique_prefix() -> String {
    format!("{}.", unique_name("t").replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_never_repeat() {
        let names: BTreeSet<String> = (0..1000).map(|_| unique_name("n")).collect();
        assert_eq!(names.len(), 1000);
    }

    #[test]
    fn ports_never_repeat_and_a_listening_one_is_not_given() {
        let ports: BTreeSet<u16> = (0..100).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 100);
        let taken = free_port();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).expect("it is free");
        PORTS.fetch_sub(1, Ordering::Relaxed); // the next offer would be the taken one
        assert_ne!(free_port(), taken);
    }
}
