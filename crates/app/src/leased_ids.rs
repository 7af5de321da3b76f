//! Order numbers from a leased node number: two processes never share one, and a process that lost its lease makes none.

use std::{
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use sluice_kernel::{Clock, IdError, IdGenerator, NodeIds, OrderNo, PortResult};
use sluice_storage_sql::{Database, SqlNodeLease};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long a node number stays ours without being renewed. A process that was stopped for longer makes no numbers
/// until it has a lease again.
const LEASE: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(8);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

pub struct LeasedIds {
    clock: Arc<dyn Clock>,
    node: RwLock<NodeIds>,
    /// Milliseconds since 1970 until which the lease certainly stands.
    until: AtomicI64,
    /// Notified when no number can be made: the lease is looked at at once.
    refused: Notify,
}

impl LeasedIds {
    /// `names` makes the random name of this run.
    pub async fn acquire(
        database: Database,
        clock: Arc<dyn Clock>,
        names: &dyn IdGenerator,
    ) -> PortResult<(Arc<Self>, SqlNodeLease)> {
        let now = clock.now();
        let lease = SqlNodeLease::acquire(database, &names.token(), now, LEASE).await?;
        let ids = Self {
            node: RwLock::new(NodeIds::new(clock.clone(), lease.node())),
            until: AtomicI64::new(now.plus(LEASE).as_millis()),
            clock,
            refused: Notify::new(),
        };
        Ok((Arc::new(ids), lease))
    }

    /// Renews the lease until `stop`, then gives it back. A lease that was lost is replaced by another number, and so is one
    /// whose numbers lie ahead of a clock that stepped back.
    pub async fn keep(self: Arc<Self>, mut lease: SqlNodeLease, database: Database, stop: CancellationToken) {
        let mut pause = RENEW_EVERY;
        loop {
            let wait = async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = self.refused.notified(), if pause == RENEW_EVERY => {}
                }
            };
            if stop.run_until_cancelled(wait).await.is_none() {
                break;
            }
            pause = match self.stand(&mut lease, &database).await {
                Ok(()) => RENEW_EVERY,
                Err(error) => {
                    tracing::warn!(error = %error, "The node number could not be renewed.");
                    TRY_AGAIN_AFTER
                }
            };
        }
        // What was made ahead of a clock that stepped back stays this number's.
        let until = self.clock.now().max(self.ids().latest());
        if let Err(error) = lease.release(until).await {
            tracing::debug!(error = %error, "The node number was not given back; its lease runs out.");
        }
    }

    async fn stand(&self, lease: &mut SqlNodeLease, database: &Database) -> PortResult<()> {
        let now = self.clock.now();
        let (is_ahead, latest) = {
            let ids = self.ids();
            (ids.is_ahead(), ids.latest())
        };
        if !is_ahead && lease.renew(now.max(latest)).await? {
            self.until.store(now.plus(LEASE).as_millis(), Ordering::Release);
            return Ok(());
        }
        // The number given up is free again only after the last instant it was leased for: nobody makes its numbers twice.
        let other = SqlNodeLease::acquire(database.clone(), &self.token(), now, LEASE).await?;
        let reason = if is_ahead { "the clock stepped back" } else { "the lease ran out" };
        tracing::warn!(node.former = lease.node(), node.taken = other.node(), reason, "Another node number is leased.");
        *self.node.write().unwrap_or_else(PoisonError::into_inner) = NodeIds::new(self.clock.clone(), other.node());
        self.until.store(now.plus(LEASE).as_millis(), Ordering::Release);
        *lease = other;
        Ok(())
    }

    fn ids(&self) -> RwLockReadGuard<'_, NodeIds> {
        self.node.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdGenerator for LeasedIds {
    fn order_no(&self) -> Result<OrderNo, IdError> {
        let made = if self.clock.now().as_millis() >= self.until.load(Ordering::Acquire) {
            Err(IdError::NodeLost)
        } else {
            self.ids().order_no()
        };
        if made.is_err() {
            self.refused.notify_one();
        }
        made
    }

    fn token(&self) -> String {
        self.ids().token()
    }
}

#[cfg(test)]
#[path = "leased_ids_tests.rs"]
mod tests;
