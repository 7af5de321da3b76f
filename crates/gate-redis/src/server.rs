//! What INFO says of one server, and whether it may keep a gate.

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

    /// The worst of several servers.
    pub(crate) fn all_in_one(servers: impl Iterator<Item = Self>) -> Self {
        let mut all = Self { version: u32::MAX, policy: "noeviction".to_owned(), ..Self::default() };
        for server in servers {
            all.evicted = all.evicted.saturating_add(server.evicted);
            all.version = all.version.min(server.version);
            all.read_only |= server.read_only;
            all.full |= server.full;
            if server.bounded && (!all.bounded || server.policy != "noeviction") {
                (all.bounded, all.policy) = (true, server.policy);
            }
        }
        all
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

    /// Why it can't keep one at present.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
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
