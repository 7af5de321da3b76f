//! Who rebuilds the gate at present.

use std::{future::Future, time::Duration};

use deadpool_redis::redis;
use sluice_kernel::PortResult;

use crate::{errors::port_error, keys::Keys, long_work::LongWork};

/// After this long without a sign of life another process takes the rebuild over.
const LEASE: Duration = Duration::from_secs(3);
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Spares two processes the same work. The database's compare-and-set decides; losing the lease does no harm.
pub(crate) struct Lease<'a> {
    redis: &'a LongWork,
    key: String,
    ticket: String,
}

impl<'a> Lease<'a> {
    pub(crate) async fn take(redis: &'a LongWork, keys: &Keys) -> PortResult<Option<Self>> {
        let ticket: i64 = redis.query(redis::cmd("INCR").arg(keys.tickets())).await.map_err(port_error)?;
        let (key, ticket) = (keys.lease(), ticket.to_string());
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(&ticket).arg("NX").arg("PX").arg(LEASE.as_millis().to_string());
        let taken: Option<String> = redis.query(&set).await.map_err(port_error)?;
        Ok(taken.map(|_| Self { redis, key, ticket }))
    }

    pub(crate) async fn hold_during<T>(&self, work: impl Future<Output = T>) -> T {
        let signs = async {
            loop {
                tokio::time::sleep(SIGN_OF_LIFE).await;
                if self.is_mine().await {
                    let _: Option<i64> = self.command("PEXPIRE", &[&LEASE.as_millis().to_string()]).await;
                }
            }
        };
        tokio::select! {
            done = work => done,
            () = signs => std::future::pending().await,
        }
    }

    pub(crate) async fn give_back(self) {
        if self.is_mine().await {
            let _: Option<i64> = self.command("DEL", &[]).await;
        }
    }

    async fn is_mine(&self) -> bool {
        self.command::<String>("GET", &[]).await.as_ref() == Some(&self.ticket)
    }

    /// A lease that can't be asked for or renewed runs out by itself.
    async fn command<T: redis::FromRedisValue>(&self, name: &str, arguments: &[&str]) -> Option<T> {
        self.redis.query::<Option<T>>(redis::cmd(name).arg(&self.key).arg(arguments)).await.ok().flatten()
    }
}
