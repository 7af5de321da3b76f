//! The node number in a process's order numbers: two processes never hold one at the same time.
//!
//! Contract: the holder renews well within the lease's life and stops making order numbers as soon as a renewal fails
//! or comes too late ([`SqlNodeLease::renew`] answers `false`); an expired number goes to whoever asks next.

use std::time::Duration;

use futures_util::FutureExt as _;
use sluice_kernel::{NodeIds, PortError, PortResult, Timestamp};

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    unit_of_work::UnitOfWork,
};

/// How often the next free number is tried after another process took the one that was seen.
const MOST_RACES: u32 = 64;

pub struct SqlNodeLease {
    database: Database,
    node: i64,
    owner: String,
    ttl: Duration,
}

#[derive(Debug, thiserror::Error)]
enum NodeLeaseError {
    #[error("all node numbers are taken")]
    NoneFree,
    #[error("other processes were faster, time and again")]
    TooManyRaces,
}

impl SqlNodeLease {
    /// Takes the lowest number that is free or expired. `owner` names this run of the process and nobody else.
    pub async fn acquire(database: Database, owner: &str, now: Timestamp, ttl: Duration) -> PortResult<Self> {
        let until = now.plus(ttl);
        for _ in 0..MOST_RACES {
            let taken = database.try_transact(move |unit, _| take_lowest(unit, owner, now, until).boxed()).await;
            match taken {
                Ok(Some(node)) => return Ok(Self { database, node, owner: owner.to_owned(), ttl }),
                Ok(None) => return Err(PortError::unavailable("a node number", NodeLeaseError::NoneFree)),
                Err(error) if error.is_unique_violation() => {}
                Err(error) => return Err(error.into_port("leasing a node number")),
            }
        }
        Err(PortError::unavailable("a node number", NodeLeaseError::TooManyRaces))
    }

    pub fn node(&self) -> i64 {
        self.node
    }

    /// `false` where the lease ran out or went to another process: make no more order numbers.
    pub async fn renew(&self, now: Timestamp) -> PortResult<bool> {
        let update = "UPDATE node_leases SET until_at = ? WHERE node = ? AND owner = ? AND until_at > ?";
        let until = now.plus(self.ttl).as_millis();
        let values = vec![until.into(), self.node.into(), self.owner.as_str().into(), now.as_millis().into()];
        let renewed = self.database.execute(update, values).await;
        renewed.map(|done| done.rows_affected() > 0).map_err(|error| error.into_port("renewing a node number"))
    }

    /// Gives the number back, at an orderly stop.
    pub async fn release(&self, now: Timestamp) -> PortResult<()> {
        let update = "UPDATE node_leases SET until_at = ? WHERE node = ? AND owner = ? AND until_at > ?";
        // A second of grace: numbers of the present millisecond may have borrowed from the next ones.
        let until = now.plus(Duration::from_secs(1)).as_millis();
        let values = vec![until.into(), self.node.into(), self.owner.as_str().into(), until.into()];
        let released = self.database.execute(update, values).await;
        released.map(|_| ()).map_err(|error| error.into_port("releasing a node number"))
    }
}

async fn take_lowest(unit: &UnitOfWork, owner: &str, now: Timestamp, until: Timestamp) -> StoreResult<Option<i64>> {
    let select = format!("SELECT node, until_at FROM node_leases ORDER BY node{}", unit.dialect().for_update());
    let mut next = 0;
    for row in unit.rows(select, vec![]).await? {
        let node: i64 = row.try_get_by("node")?;
        if node > next {
            break;
        }
        if row.try_get_by::<i64, _>("until_at")? <= now.as_millis() {
            let update = "UPDATE node_leases SET owner = ?, until_at = ? WHERE node = ? AND until_at <= ?";
            let values = vec![owner.into(), until.as_millis().into(), node.into(), now.as_millis().into()];
            if unit.execute(update, values).await? == 0 {
                return Err(StoreError::Corrupt("node_leases changed under its lock"));
            }
            return Ok(Some(node));
        }
        next = node + 1;
    }
    if next >= NodeIds::NODES {
        return Ok(None);
    }
    let insert = "INSERT INTO node_leases (node, owner, until_at) VALUES (?, ?, ?)";
    unit.execute(insert, vec![next.into(), owner.into(), until.as_millis().into()]).await?;
    Ok(Some(next))
}
