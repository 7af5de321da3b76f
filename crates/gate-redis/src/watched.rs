//! What is watched of the servers while the gate is in use: whether they may keep a gate at all, whether they take writes,
//! and how far this process's clock is from theirs.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use deadpool_redis::redis;
use sluice_kernel::{Clock, PortError, PortResult, Timestamp};

use crate::{errors::port_error, keys::Keys, long_work::LongWork, server::Server};

/// How long the key lives that is written to see whether the server takes writes.
const PROBE_LIFE: Duration = Duration::from_mins(1);

pub(crate) struct Watched {
    clock: Arc<dyn Clock>,
    trouble: Mutex<Option<String>>,
    /// Milliseconds that the servers' clock is ahead of this process's.
    ahead: AtomicI64,
}

impl Watched {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, trouble: Mutex::default(), ahead: AtomicI64::new(0) }
    }

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

    /// Looks at all primaries; what the gate asks of them is taken together.
    pub(crate) async fn look(&self, redis: &LongWork, keys: &Keys) -> PortResult<Server> {
        let infos = redis.infos().await.map_err(port_error)?;
        let all = Server::all_in_one(infos.iter().map(|(_, info)| Server::read(info)));
        self.compare_clocks(redis).await?;
        self.note(match all.trouble() {
            Some(trouble) => Some(trouble.to_owned()),
            None => refuses_writes(redis, keys).await?,
        });
        Ok(all)
    }

    /// Half the round trip is the error of what is measured.
    async fn compare_clocks(&self, redis: &LongWork) -> PortResult<()> {
        let asked = self.clock.now().as_millis();
        let (seconds, micros): (i64, i64) = redis.query(&redis::cmd("TIME")).await.map_err(port_error)?;
        let between = asked.saturating_add(self.clock.now().as_millis()).div_euclid(2);
        let theirs = seconds.saturating_mul(1_000).saturating_add(micros.div_euclid(1_000));
        self.ahead.store(theirs.saturating_sub(between), Ordering::Relaxed);
        Ok(())
    }
}

/// Writes a key of no meaning: what keeps a server from taking writes has many names.
async fn refuses_writes(redis: &LongWork, keys: &Keys) -> PortResult<Option<String>> {
    let mut probe = redis::cmd("SET");
    probe.arg(keys.probe()).arg(1).arg("PX").arg(PROBE_LIFE.as_millis().to_string());
    match redis.query::<()>(&probe).await {
        Ok(()) => Ok(None),
        Err(error) if error.code().is_some() => Ok(Some(format!("Redis takes no writes: {error}"))),
        Err(error) => Err(port_error(error)),
    }
}
