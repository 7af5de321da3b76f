//! Order numbers from a leased node number: two processes never share one, and a process that lost its lease makes none.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use sluice_kernel::{Clock, IdError, IdGenerator, NodeIds, OrderNo, PortResult};
use sluice_storage_sql::{Database, SqlNodeLease};
use tokio_util::sync::CancellationToken;

/// How long a node number stays ours without being renewed. A process that was stopped for longer makes no numbers
/// until it has a lease again.
const LEASE: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(8);

pub struct LeasedIds {
    clock: Arc<dyn Clock>,
    node: RwLock<NodeIds>,
    /// Milliseconds since 1970 until which the lease certainly stands.
    until: AtomicI64,
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
        };
        Ok((Arc::new(ids), lease))
    }

    /// Renews the lease until `stop`, then gives it back. A lease that was lost is replaced by another number.
    pub async fn keep(self: Arc<Self>, mut lease: SqlNodeLease, database: Database, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(RENEW_EVERY)).await.is_some() {
            let now = self.clock.now();
            match lease.renew(now).await {
                Ok(true) => self.until.store(now.plus(LEASE).as_millis(), Ordering::Release),
                Ok(false) => match SqlNodeLease::acquire(database.clone(), &self.token(), now, LEASE).await {
                    Ok(other) => {
                        tracing::warn!(
                            node.lost = lease.node(),
                            node.taken = other.node(),
                            "The node number was lost; another one is leased."
                        );
                        self.take_over(other.node(), now.plus(LEASE).as_millis());
                        lease = other;
                    }
                    Err(error) => tracing::warn!(error = %error, "No node number can be leased."),
                },
                Err(error) => tracing::warn!(error = %error, "The node number could not be renewed."),
            }
        }
        if let Err(error) = lease.release(self.clock.now()).await {
            tracing::debug!(error = %error, "The node number was not given back; its lease runs out.");
        }
    }

    fn take_over(&self, node: i64, until: i64) {
        *self.node.write().unwrap_or_else(PoisonError::into_inner) = NodeIds::new(self.clock.clone(), node);
        self.until.store(until, Ordering::Release);
    }
}

impl IdGenerator for LeasedIds {
    fn order_no(&self) -> Result<OrderNo, IdError> {
        if self.clock.now().as_millis() >= self.until.load(Ordering::Acquire) {
            return Err(IdError::NodeLost);
        }
        self.node.read().unwrap_or_else(PoisonError::into_inner).order_no()
    }

    fn token(&self) -> String {
        self.node.read().unwrap_or_else(PoisonError::into_inner).token()
    }
}
