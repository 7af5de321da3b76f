//! What is watched of the servers while the gate is in use: whether they may keep a gate at all, whether they take writes,
//! and how far this process's clock is from theirs.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use deadpool_redis::redis;
use sluice_kernel::{PortError, PortResult, Timestamp};

use crate::{errors::port_error, gate::Core};

/// How long the key lives that is written to see whether the server takes writes.
const PROBE_LIFE: Duration = Duration::from_mins(1);
/// The oldest version whose script cache never comes back from disk.
const OLDEST_VERSION: u32 = 7;

/// What INFO says of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// Another one after every start.
    pub(crate) run: String,
    /// Keys it evicted since its start, or since its statistics were reset.
    pub(crate) evicted: u64,
    version: u32,
    policy: String,
    bounded: bool,
    read_only: bool,
    full: bool,
}

impl Server {
    pub(crate) fn read(info: &str) -> Self {
        let field =
            |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim();
        let number = |name: &str| field(name).parse::<u64>().unwrap_or(0);
        let most = number("maxmemory");
        Self {
            run: field("run_id").to_owned(),
            evicted: number("evicted_keys"),
            version: field("redis_version").split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0),
            policy: field("maxmemory_policy").to_owned(),
            bounded: most > 0,
            read_only: field("role") == "slave",
            full: most > 0 && number("used_memory") >= most,
        }
    }

    /// Why it must not keep a gate.
    pub(crate) fn unfit(&self) -> Option<&'static str> {
        if self.version < OLDEST_VERSION {
            return Some("Redis before 7 may bring scripts back after a restart; the stock gate needs 7 or newer");
        }
        if self.bounded && self.policy != "noeviction" {
            return Some("Redis must not evict the stock gate's keys: set maxmemory-policy noeviction");
        }
        None
    }

    fn trouble(&self) -> Option<&'static str> {
        if let Some(unfit) = self.unfit() {
            return Some(unfit);
        }
        if self.read_only {
            return Some("Redis is a read-only replica");
        }
        self.full.then_some("Redis is full: raise maxmemory")
    }
}

/// Whether keys were evicted since there were `before` of them; the count starts anew when statistics are reset.
pub(crate) fn evicted_since(before: u64, now: u64) -> bool {
    now > before || (now < before && now > 0)
}

#[derive(Default)]
pub(crate) struct Watched {
    trouble: Mutex<Option<String>>,
    /// Milliseconds that the servers' clock is ahead of this process's.
    ahead: AtomicI64,
}

impl Watched {
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// The gate could not be looked at.
    pub(crate) fn note_error(&self, error: &PortError) {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        self.note(Some(format!("{error}{cause}")));
    }

    pub(crate) fn by_redis(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis().saturating_add(self.ahead.load(Ordering::Relaxed)))
    }
}

impl Core {
    /// Looks at all primaries; what the gate asks of them is taken together.
    pub(crate) async fn watch(&self) -> PortResult<Server> {
        let mut all = Server { version: u32::MAX, policy: "noeviction".to_owned(), ..Server::default() };
        for (_, info) in self.link.infos().await.map_err(port_error)? {
            let server = Server::read(&info);
            all.evicted = all.evicted.saturating_add(server.evicted);
            all.version = all.version.min(server.version);
            all.read_only |= server.read_only;
            all.full |= server.full;
            if server.bounded && (!all.bounded || server.policy != "noeviction") {
                (all.bounded, all.policy) = (true, server.policy);
            }
        }
        self.compare_clocks().await?;
        self.watched.note(match all.trouble() {
            Some(trouble) => Some(trouble.to_owned()),
            None => self.refuses_writes().await?,
        });
        Ok(all)
    }

    /// Writes a key of no meaning: what keeps a server from taking writes has many names.
    async fn refuses_writes(&self) -> PortResult<Option<String>> {
        let mut probe = redis::cmd("SET");
        probe.arg(self.keys.probe()).arg(1).arg("PX").arg(PROBE_LIFE.as_millis().to_string());
        match self.link.query::<()>(&probe).await {
            Ok(()) => Ok(None),
            Err(error) if error.code().is_some() => Ok(Some(format!("Redis takes no writes: {error}"))),
            Err(error) => Err(port_error(error)),
        }
    }

    /// Half the round trip is the error of what is measured.
    async fn compare_clocks(&self) -> PortResult<()> {
        let asked = self.clock.now().as_millis();
        let (seconds, micros): (i64, i64) = self.link.query(&redis::cmd("TIME")).await.map_err(port_error)?;
        let between = asked.saturating_add(self.clock.now().as_millis()).div_euclid(2);
        let theirs = seconds.saturating_mul(1_000).saturating_add(micros.div_euclid(1_000));
        self.watched.ahead.store(theirs.saturating_sub(between), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(lines: &str) -> Server {
        Server::read(&format!("redis_version:7.0.15\r\nrun_id:abc\r\nrole:master\r\n{lines}"))
    }

    #[test]
    fn a_server_that_evicts_is_old_or_takes_no_writes_is_named() {
        let evicts = info("maxmemory:100\r\nused_memory:10\r\nmaxmemory_policy:allkeys-lru\r\nevicted_keys:7\r\n");
        assert!(evicts.unfit().is_some_and(|why| why.contains("noeviction")));
        assert_eq!(evicts.evicted, 7);
        assert!(Server { version: 6, ..evicts }.unfit().is_some_and(|why| why.contains("7 or newer")));
        // Without a bound nothing is evicted.
        assert_eq!(info("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n").trouble(), None);
        let full = info("maxmemory:100\r\nused_memory:100\r\nmaxmemory_policy:noeviction\r\n");
        assert_eq!((full.unfit(), full.trouble().is_some_and(|why| why.contains("full"))), (None, true));
        let replica = Server { read_only: true, ..info("maxmemory:0\r\n") };
        assert!(replica.trouble().is_some_and(|why| why.contains("read-only")));
    }

    #[test]
    fn evictions_count_also_after_the_statistics_were_reset() {
        assert!(!evicted_since(7, 7));
        assert!(evicted_since(7, 8));
        assert!(!evicted_since(7, 0));
        assert!(evicted_since(7, 3));
    }
}
