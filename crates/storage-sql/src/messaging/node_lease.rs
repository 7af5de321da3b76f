//! The node number in a process's order numbers: two processes never hold one at the same time.
//!
//! Contract: the holder renews well within the lease's life and stops making order numbers as soon as a renewal fails
//! or comes too late ([`SqlNodeLease::renew`] answers `false`); an expired number goes to whoever asks next.

use std::time::Duration;

use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, sea_query::ExprTrait as _,
};
use sluice_kernel::{NodeIds, PortError, PortResult, Timestamp};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    stored::Stored,
    table::node_leases::{ActiveModel, Column, Entity, Model},
    unit_of_work::UnitOfWork,
};

/// How often the next free number is tried after another process took the one that was seen.
const MAX_RACES: u32 = 64;

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
        for _ in 0..MAX_RACES {
            let taken = database.transact(move |unit, _| take_lowest(unit, owner, now, until).boxed()).await;
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
        let renewed = self.set_end(now.plus(self.ttl), now).await.into_port("renewing a node number")?;
        Ok(renewed > 0)
    }

    /// Sets the end of a lease that ends after `end_now`.
    async fn set_end(&self, until: Timestamp, end_now: Timestamp) -> StoreResult<u64> {
        let mine = Column::Node.eq(self.node).and(Column::Owner.eq(&self.owner)).and(Column::UntilAt.gt(Stored(end_now)));
        let lease = ActiveModel { until_at: Set(Stored(until)), ..Default::default() };
        Ok(Entity::update_many().set(lease).filter(mine).exec(&self.database).await?.rows_affected)
    }

    /// Gives the number back, at an orderly stop.
    pub async fn release(&self, now: Timestamp) -> PortResult<()> {
        // A second of grace: numbers of the present millisecond may have borrowed from the next ones.
        let until = now.plus(Duration::from_secs(1));
        self.set_end(until, until).await.map(|_| ()).into_port("releasing a node number")
    }
}

async fn take_lowest(unit: &UnitOfWork, owner: &str, now: Timestamp, until: Timestamp) -> StoreResult<Option<i64>> {
    let mut next = 0;
    for row in Entity::find().order_by_asc(Column::Node).lock_exclusive().all(unit).await? {
        let node = i64::from(row.node);
        if node > next {
            break;
        }
        if row.until_at.0 <= now {
            let taken = Entity::update_many()
                .set(ActiveModel { owner: Set(owner.to_owned()), until_at: Set(Stored(until)), ..Default::default() })
                .filter(Column::Node.eq(node).and(Column::UntilAt.lte(Stored(now))));
            if taken.exec(unit).await?.rows_affected == 0 {
                return Err(StoreError::Corrupt("node_leases changed under its lock"));
            }
            return Ok(Some(node));
        }
        next = node + 1;
    }
    if next >= NodeIds::NODES {
        return Ok(None);
    }
    let node = i16::try_from(next).map_err(|_| StoreError::Corrupt("node_leases.node"))?;
    let row = Model { node, owner: owner.to_owned(), until_at: Stored(until) };
    Entity::insert(row.into_active_model()).exec(unit).await?;
    Ok(Some(next))
}
