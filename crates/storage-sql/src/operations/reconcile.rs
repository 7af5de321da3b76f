//! Stock rows, ledger, users' limits and orders side by side (`sluice reconcile`).

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::EntityTrait as _;
use sluice_events::MovementKind;
use sluice_inventory::Figures;
use sluice_kernel::{PortResult, SkuId, StoreId, UserId};

use super::gate_source::{counted, taken};
use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    inventory::{
        limits::{LimitKey, Taken},
        stock::figures_of,
    },
    multi_row::tuple,
    stored::Stored,
    table::{gate_state, limit_counters, stock},
    unit_of_work::UnitOfWork,
};

/// A SKU whose three records do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub store: StoreId,
    pub sku: SkuId,
    /// As the stock row says.
    pub stock: Figures,
    /// As all ledger rows add up.
    pub ledger: Figures,
    /// As orders and completed adjustments add up.
    pub orders: Figures,
    /// Movements that wait for their predecessor; with a gate outside the database they explain a difference.
    pub waiting: u64,
}

/// What a user has taken of a SKU's limit, where the counter does not agree with the orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitDifference {
    pub store: StoreId,
    pub sku: SkuId,
    pub user: UserId,
    /// Orders and units as the counter says.
    pub counter: (i64, i64),
    /// As the orders add up.
    pub orders: (i64, i64),
}

pub struct SqlReconciler {
    database: Database,
}

type BySku<T> = BTreeMap<(StoreId, SkuId), T>;

impl SqlReconciler {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Every SKU of every store whose records differ, or whose figures do not hold (promise P1), read at one moment.
    pub async fn differences(&self) -> PortResult<Vec<Difference>> {
        self.compare().await.into_port("comparing stock, ledger and orders")
    }

    /// Every counter of a user's limit that its orders do not add up to, read at one moment. A gate outside the database
    /// counts by itself, so with one there is nothing to compare.
    pub async fn limit_differences(&self) -> PortResult<Vec<LimitDifference>> {
        self.compare_limits().await.into_port("comparing limits and orders")
    }

    async fn compare_limits(&self) -> StoreResult<Vec<LimitDifference>> {
        let unit = self.database.begin_snapshot().await?;
        let read = read_limits(&unit).await;
        unit.rollback().await;
        let Some((counters, orders)) = read? else { return Ok(Vec::new()) };
        let all: BTreeMap<&LimitKey, StoreId> = counters.iter().chain(&orders).map(|(key, (store, _))| (key, *store)).collect();
        let of = |counted: &ByKey, key: &LimitKey| {
            let Taken { orders, units } = counted.get(key).map(|(_, taken)| *taken).unwrap_or_default();
            (orders, units)
        };
        let differences = all.into_iter().map(|(key, store)| LimitDifference {
            store,
            sku: key.sku,
            user: key.user.clone(),
            counter: of(&counters, key),
            orders: of(&orders, key),
        });
        Ok(differences.filter(|both| both.counter != both.orders).collect())
    }

    async fn compare(&self) -> StoreResult<Vec<Difference>> {
        let unit = self.database.begin_snapshot().await?;
        let read = read_all(&unit).await;
        unit.rollback().await;
        let (stock, ledger, waiting, orders) = read?;
        let all: BTreeSet<(StoreId, SkuId)> = stock.keys().chain(ledger.keys()).chain(orders.keys()).copied().collect();
        let of = |figures: &BySku<Figures>, key| figures.get(&key).copied().unwrap_or_default();
        let differences = all.into_iter().map(|key| Difference {
            store: key.0,
            sku: key.1,
            stock: of(&stock, key),
            ledger: of(&ledger, key),
            orders: of(&orders, key),
            waiting: waiting.get(&key).copied().unwrap_or(0),
        });
        Ok(differences.filter(|all| all.stock != all.ledger || all.stock != all.orders || !all.stock.hold()).collect())
    }
}

type Records = (BySku<Figures>, BySku<Figures>, BySku<u64>, BySku<Figures>);

async fn read_all(unit: &UnitOfWork) -> StoreResult<Records> {
    let mut stock = BySku::new();
    for row in stock::Entity::find().all(unit).await? {
        stock.insert((StoreId(row.store_id), SkuId(row.sku_id)), figures_of(&row));
    }
    let mut ledger: BySku<Figures> = BySku::new();
    let mut waiting: BySku<u64> = BySku::new();
    let sums = "SELECT store_id, sku_id, kind, applied, CAST(SUM(quantity) AS SIGNED), COUNT(*) FROM stock_ledger \
                GROUP BY store_id, sku_id, kind, applied";
    for row in unit.rows(sums, vec![]).await? {
        let (store, sku, Stored(kind), applied, units, rows): (_, _, Stored<MovementKind>, bool, _, i64) = tuple(&row)?;
        let key = (StoreId(store), SkuId(sku));
        let figures = ledger.entry(key).or_default();
        *figures = figures.after(kind, units);
        if !applied {
            *waiting.entry(key).or_default() += u64::try_from(rows).unwrap_or(0);
        }
    }
    Ok((stock, ledger, waiting, counted(unit).await?))
}

type ByKey = BTreeMap<LimitKey, (StoreId, Taken)>;

/// Counters and orders; `None` where the database gate is not in use.
async fn read_limits(unit: &UnitOfWork) -> StoreResult<Option<(ByKey, ByKey)>> {
    let claimed = gate_state::Entity::find().one(unit).await?;
    if claimed.is_some_and(|gate| gate.kind != "database") {
        return Ok(None);
    }
    let mut counters = ByKey::new();
    for row in limit_counters::Entity::find().all(unit).await? {
        let key = LimitKey { sku: SkuId(row.sku_id), user: UserId(row.user_id) };
        counters.insert(key, (StoreId(row.store_id), Taken { orders: row.orders, units: row.units }));
    }
    Ok(Some((counters, taken(unit).await?)))
}
