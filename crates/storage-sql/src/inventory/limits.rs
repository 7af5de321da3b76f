//! What users have taken of the SKUs of activities (docs/domain.md S1 rule 4): read, checked, taken and given back.
//!
//! Contract: the stock row of a SKU guards the counters of its users. Whoever changes a counter has locked that row
//! first, so the decision over units and limit is one step, and a user who never ordered needs no row to be locked by.
//! Whose limit a reservation took stands in the ledger row of its reserve; the unique ledger row of its release makes it
//! free once.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, Value, sea_query::ExprTrait as _};
use sluice_inventory::{TakenOfLimit, UserLimit};
use sluice_kernel::{SkuId, StoreId, UserId};

use crate::{
    Database,
    error::{StoreError, StoreResult},
    multi_row::{AnyOf, MultiRow},
    statement::Dialect,
    table::{Row as _, limit_counters},
    unit_of_work::UnitOfWork,
};

/// A locking read sees what was committed while it waited for the stock rows, whatever the isolation.
static READ: AnyOf =
    AnyOf::new(|| format!("{} WHERE", limit_counters::Model::select()), "(sku_id = ? AND user_id = ?)", 2, Dialect::for_update);

static WRITE: MultiRow<limit_counters::Model> =
    MultiRow::with_tail(|dialect| dialect.overwrite_existing("sku_id, user_id", &["orders", "units"]));

/// Whose counter of which SKU.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LimitKey {
    pub(crate) sku: SkuId,
    pub(crate) user: UserId,
}

impl From<&UserLimit> for LimitKey {
    fn from(limit: &UserLimit) -> Self {
        Self { sku: limit.sku, user: limit.user.clone() }
    }
}

/// Orders and units taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) orders: i64,
    pub(crate) units: i64,
}

impl Taken {
    fn leaves_room_for(self, limit: &UserLimit) -> bool {
        let fits = |taken: i64, more: i64, most: Option<i64>| most.is_none_or(|most| taken.saturating_add(more) <= most);
        fits(self.orders, 1, limit.most_orders) && fits(self.units, limit.units, limit.most_units)
    }
}

/// Counters under the locks of their stock rows, with their changes.
#[derive(Default)]
pub(super) struct LockedLimits {
    counters: BTreeMap<LimitKey, Taken>,
    /// Keys whose counter changed, with the store they belong to.
    changed: BTreeMap<LimitKey, StoreId>,
}

impl LockedLimits {
    /// Reads the counters of these keys; the caller holds the stock rows of their SKUs. No statement where there is none.
    pub(super) async fn read(unit: &UnitOfWork, mut keys: Vec<LimitKey>) -> StoreResult<Self> {
        keys.sort_unstable();
        keys.dedup();
        let values: Vec<Value> =
            keys.iter().flat_map(|key| -> [Value; 2] { [key.sku.0.into(), key.user.as_str().into()] }).collect();
        let mut counters: BTreeMap<LimitKey, Taken> = keys.into_iter().map(|key| (key, Taken::default())).collect();
        for row in READ.rows(unit, &values).await? {
            let row = limit_counters::Model::read(&row)?;
            let key = LimitKey { sku: SkuId(row.sku_id), user: UserId(row.user_id) };
            counters.insert(key, Taken { orders: row.orders, units: row.units });
        }
        Ok(Self { counters, changed: BTreeMap::new() })
    }

    pub(super) fn leaves_room_for(&self, limit: &UserLimit) -> StoreResult<bool> {
        if limit.units <= 0 {
            return Err(StoreError::Contradiction("a limit of which no units are taken"));
        }
        let taken = self.counters.get(&LimitKey::from(limit));
        Ok(taken.ok_or(StoreError::Contradiction(NOT_READ))?.leaves_room_for(limit))
    }

    /// One order and its units more; the caller asked for room before.
    pub(super) fn take(&mut self, store: StoreId, limit: &UserLimit) {
        let key = LimitKey::from(limit);
        let taken = self.counters.entry(key.clone()).or_default();
        *taken = Taken { orders: taken.orders.saturating_add(1), units: taken.units.saturating_add(limit.units) };
        self.changed.insert(key, store);
    }

    /// One order and its units less.
    pub(super) fn free(&mut self, store: StoreId, key: &LimitKey, units: i64) -> StoreResult<()> {
        let taken = self.counters.get_mut(key).ok_or(StoreError::Contradiction(NOT_READ))?;
        let left = Taken { orders: taken.orders - 1, units: taken.units - units };
        if left.orders < 0 || left.units < 0 {
            return Err(StoreError::Contradiction("an order whose limit the user's counter does not count"));
        }
        *taken = left;
        self.changed.insert(key.clone(), store);
        Ok(())
    }

    pub(super) async fn write(self, unit: &UnitOfWork) -> StoreResult<()> {
        let changed = self.changed.iter().map(|(key, store)| {
            let Taken { orders, units } = self.counters.get(key).copied().unwrap_or_default();
            limit_counters::Model { sku_id: key.sku.0, user_id: key.user.0.clone(), store_id: store.0, orders, units }
        });
        WRITE.run(unit, changed).await?;
        Ok(())
    }
}

/// Every counter of the store that counts anything, by SKU and user.
pub(super) async fn all_taken(database: &Database, store: StoreId) -> StoreResult<Vec<TakenOfLimit>> {
    use limit_counters::{Column, Entity};
    let counting = Column::Orders.gt(0).or(Column::Units.gt(0));
    let found = Entity::find().filter(Column::StoreId.eq(store.0).and(counting));
    let found = found.order_by_asc(Column::SkuId).order_by_asc(Column::UserId).all(database).await?;
    let read = |row: limit_counters::Model| {
        let (sku, user) = (SkuId(row.sku_id), UserId(row.user_id));
        TakenOfLimit { store, sku, user, orders: row.orders, units: row.units }
    };
    Ok(found.into_iter().map(read).collect())
}

const NOT_READ: &str = "a limit whose counter was not read under its stock row";

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(units: i64, most_orders: Option<i64>, most_units: Option<i64>) -> UserLimit {
        UserLimit { sku: SkuId(1), user: UserId("ann".to_owned()), units, most_orders, most_units }
    }

    #[test]
    fn a_limit_is_full_when_orders_or_units_reach_it() {
        let taken = Taken { orders: 1, units: 4 };
        assert!(taken.leaves_room_for(&limit(100, None, None)));
        assert!(taken.leaves_room_for(&limit(6, Some(2), Some(10))));
        assert!(!taken.leaves_room_for(&limit(7, Some(2), Some(10))));
        assert!(!taken.leaves_room_for(&limit(1, Some(1), Some(10))));
        assert!(!taken.leaves_room_for(&limit(i64::MAX, None, Some(i64::MAX - 1))));
    }

    #[test]
    fn what_was_not_read_is_neither_taken_nor_freed() {
        let mut limits = LockedLimits::default();
        assert!(limits.leaves_room_for(&limit(1, None, None)).is_err());
        assert!(limits.free(StoreId(1), &LimitKey::from(&limit(1, None, None)), 1).is_err());
    }
}
