//! The stock rows and the ledger behind a gate.
//!
//! Contract: a movement counts once (unique by movement, SKU and kind), whoever tells it and however often. One whose
//! predecessor is missing is kept and applied as soon as the figures hold.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sea_orm::{QueryResult, Value};
use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{Figures, Ledger, Listing, Movement, StockTrace};
use sluice_kernel::{OrderNo, PortResult, SkuId, StoreId, Timestamp};

use super::{
    StockMode,
    stock::{LockedStock, kind_code, kind_of},
};
use crate::{
    Database,
    error::StoreResult,
    multi_row::{InList, MultiRow, column},
    statement::{padded, placeholders},
    unit_of_work::UnitOfWork,
};

static NOTE: MultiRow = MultiRow::with_tail(
    "INSERT INTO stock_ledger (store_id, sku_id, movement_id, kind, quantity, order_no, reason, at, applied) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, FALSE)",
    8,
    |dialect| dialect.keep_existing("movement_id, sku_id, kind"),
);
static WAITING: InList = InList::new(
    "SELECT id, store_id, sku_id, kind, quantity FROM stock_ledger WHERE applied = FALSE AND sku_id IN",
    |_| " ORDER BY id",
);
static APPLIED: InList = InList::new("UPDATE stock_ledger SET applied = TRUE WHERE id IN", |_| "");

static NOTE_APPLIED: MultiRow = MultiRow::insert(
    "INSERT INTO stock_ledger (store_id, sku_id, movement_id, kind, quantity, order_no, reason, at, applied) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, TRUE)",
    8,
);

/// Takes over movements of which none was told before and none must wait, as nearly all are: each row is written once.
/// False where one must wait; nothing was changed then. Where one was told before the transaction fails.
async fn record_new(unit: &UnitOfWork, movements: &[StockMoved]) -> StoreResult<bool> {
    let sorted = sorted(movements);
    let skus = skus_of(&sorted);
    let mut stock = LockedStock::lock(unit, skus.clone()).await?;
    // Those that wait go first.
    let keys: Vec<i64> = skus.into_iter().map(|sku| sku.0).collect();
    let none_waits = WAITING.rows(unit, &keys).await?.is_empty();
    let follows = |movement: &&StockMoved| stock.follow(movement.store_id, movement.kind, movement.sku_id, movement.quantity);
    if !none_waits || !sorted.iter().all(follows) {
        return Ok(false);
    }
    NOTE_APPLIED.run(unit, ledger_values(&sorted)).await?;
    stock.write(unit).await?;
    Ok(true)
}

fn sorted(movements: &[StockMoved]) -> Vec<&StockMoved> {
    let mut sorted: Vec<&StockMoved> = movements.iter().collect();
    sorted.sort_by(|one, other| (&one.movement_id, one.sku_id, one.kind).cmp(&(&other.movement_id, other.sku_id, other.kind)));
    sorted
}

fn skus_of(movements: &[&StockMoved]) -> Vec<SkuId> {
    let mut skus: Vec<SkuId> = movements.iter().map(|movement| movement.sku_id).collect();
    skus.sort_unstable();
    skus.dedup();
    skus
}

/// Takes over movements inside a transaction: rows first, then all that wait for these SKUs, as far as figures hold.
pub(super) async fn record(unit: &UnitOfWork, movements: &[StockMoved]) -> StoreResult<()> {
    let sorted = sorted(movements);
    NOTE.run(unit, ledger_values(&sorted)).await?;
    apply_waiting(unit, skus_of(&sorted)).await
}

fn ledger_values(movements: &[&StockMoved]) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::with_capacity(movements.len() * 8);
    for movement in movements {
        values.extend::<[Value; 8]>([
            movement.store_id.0.into(),
            movement.sku_id.0.into(),
            movement.movement_id.as_str().into(),
            kind_code(movement.kind).into(),
            movement.quantity.into(),
            movement.order_no.map(OrderNo::id).into(),
            movement.reason.clone().into(),
            movement.at.as_millis().into(),
        ]);
    }
    values
}

struct Waiting {
    id: i64,
    store: StoreId,
    sku: SkuId,
    kind: MovementKind,
    quantity: i64,
}

async fn apply_waiting(unit: &UnitOfWork, skus: Vec<SkuId>) -> StoreResult<()> {
    let mut stock = LockedStock::lock(unit, skus.clone()).await?;
    // Read after the lock: whoever applies movements of these SKUs holds it, so none is applied twice.
    let keys: Vec<i64> = skus.into_iter().map(|sku| sku.0).collect();
    let mut waiting: Vec<Waiting> = WAITING.rows(unit, &keys).await?.iter().map(read_waiting).collect::<StoreResult<_>>()?;
    let mut applied: Vec<i64> = Vec::with_capacity(waiting.len());
    loop {
        let before = applied.len();
        waiting.retain(|movement| {
            let follows = stock.follow(movement.store, movement.kind, movement.sku, movement.quantity);
            if follows {
                applied.push(movement.id);
            }
            !follows
        });
        if applied.len() == before {
            break;
        }
    }
    stock.write(unit).await?;
    APPLIED.execute(unit, &applied).await?;
    Ok(())
}

fn read_waiting(row: &QueryResult) -> StoreResult<Waiting> {
    Ok(Waiting {
        id: column(row, 0)?,
        store: StoreId(column(row, 1)?),
        sku: SkuId(column(row, 2)?),
        kind: kind_of(column(row, 3)?)?,
        quantity: column(row, 4)?,
    })
}

/// Figures as the stock rows say, of those SKUs the store has.
pub(super) async fn figures(database: &Database, store: StoreId, skus: &[SkuId]) -> StoreResult<HashMap<SkuId, Figures>> {
    let mut figures = HashMap::with_capacity(skus.len());
    for skus in skus.chunks(crate::statement::MOST_ROWS) {
        let select = format!(
            "SELECT sku_id, usable, locked, sold, received FROM stock WHERE store_id = ? AND sku_id IN ({})",
            placeholders(skus.len())
        );
        let mut values: Vec<Value> = vec![store.0.into()];
        values.extend(padded(skus).map(|sku| Value::from(sku.0)));
        for row in database.rows(select, values).await? {
            let found =
                Figures { usable: column(&row, 1)?, locked: column(&row, 2)?, sold: column(&row, 3)?, received: column(&row, 4)? };
            figures.insert(SkuId(column(&row, 0)?), found);
        }
    }
    Ok(figures)
}

async fn listings(database: &Database, store: StoreId, skus: &[SkuId]) -> StoreResult<HashMap<SkuId, Listing>> {
    let mut listings = HashMap::with_capacity(skus.len());
    for skus in skus.chunks(crate::statement::MOST_ROWS) {
        let select =
            format!("SELECT sku_id, buyable, revision FROM stock WHERE store_id = ? AND sku_id IN ({})", placeholders(skus.len()));
        let mut values: Vec<Value> = vec![store.0.into()];
        values.extend(padded(skus).map(|sku| Value::from(sku.0)));
        for row in database.rows(select, values).await? {
            listings.insert(SkuId(column(&row, 0)?), Listing { buyable: column(&row, 1)?, revision: column(&row, 2)? });
        }
    }
    Ok(listings)
}

#[derive(Clone)]
pub struct SqlLedger {
    database: Database,
    stock: StockMode,
}

impl SqlLedger {
    pub fn new(database: Database, stock: StockMode) -> Self {
        Self { database, stock }
    }

    async fn read_trace(&self, store: StoreId, sku: SkuId, limit: u32) -> StoreResult<Option<StockTrace>> {
        let Some(ledger) = figures(&self.database, store, &[sku]).await?.remove(&sku) else { return Ok(None) };
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut movements, mut truncated) = (Vec::new(), false);
        for applied in [true, false] {
            let select = "SELECT movement_id, kind, quantity, order_no, reason, at, applied, id FROM stock_ledger \
                          WHERE applied = ? AND sku_id = ? AND store_id = ? ORDER BY id DESC LIMIT ?";
            let values: Vec<Value> = vec![applied.into(), sku.0.into(), store.0.into(), (i64::from(limit) + 1).into()];
            let rows = self.database.rows(select, values).await?;
            truncated |= rows.len() > most;
            for row in &rows {
                movements.push((column::<i64>(row, 7)?, read_movement(row, sku)?));
            }
        }
        movements.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        truncated |= movements.len() > most;
        movements.truncate(most);
        let computed = self.compute(sku).await?;
        Ok(Some(StockTrace {
            movements: movements.into_iter().map(|(_, movement)| movement).collect(),
            computed,
            ledger,
            adds_up: computed == ledger && ledger.hold(),
            truncated,
        }))
    }

    /// Reads the index `stock_ledger_sums` alone, no row of the ledger. The SKU is the store's.
    async fn compute(&self, sku: SkuId) -> StoreResult<Figures> {
        let select = "SELECT kind, CAST(SUM(quantity) AS SIGNED) FROM stock_ledger \
                      WHERE applied IN (TRUE, FALSE) AND sku_id = ? GROUP BY kind";
        let mut computed = Figures::default();
        for row in self.database.rows(select, vec![sku.0.into()]).await? {
            computed = computed.after(kind_of(column(&row, 0)?)?, column(&row, 1)?);
        }
        Ok(computed)
    }
}

fn read_movement(row: &QueryResult, sku: SkuId) -> StoreResult<Movement> {
    Ok(Movement {
        movement_id: column(row, 0)?,
        sku,
        kind: kind_of(column(row, 1)?)?,
        quantity: column(row, 2)?,
        order_no: column::<Option<i64>>(row, 3)?.map(OrderNo::from_id),
        reason: column(row, 4)?,
        at: Timestamp::from_millis(column(row, 5)?),
        applied: column(row, 6)?,
    })
}

#[async_trait]
impl Ledger for SqlLedger {
    fn follows_messages(&self) -> bool {
        self.stock == StockMode::Reserved
    }

    async fn record(&self, movements: &[StockMoved]) -> PortResult<()> {
        // With the database gate every movement stands in the transaction that made it.
        if movements.is_empty() || !self.follows_messages() {
            return Ok(());
        }
        let movements: Arc<Vec<StockMoved>> = Arc::new(movements.to_vec());
        let new = Arc::clone(&movements);
        let recorded = self.database.try_transaction(move |unit| {
            let movements = Arc::clone(&new);
            Box::pin(async move { record_new(unit, &movements).await })
        });
        match recorded.await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if error.is_unique_violation() => {}
            Err(error) => return Err(error.into_port("recording stock movements")),
        }
        self.database
            .in_transaction("recording stock movements", move |unit| {
                let movements = Arc::clone(&movements);
                Box::pin(async move { record(unit, &movements).await })
            })
            .await
    }

    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>> {
        figures(&self.database, store, skus).await.map_err(|error| error.into_port("reading stock"))
    }

    async fn listings(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Listing>> {
        listings(&self.database, store, skus).await.map_err(|error| error.into_port("reading listings"))
    }

    async fn trace(&self, store: StoreId, sku: SkuId, limit: u32) -> PortResult<Option<StockTrace>> {
        self.read_trace(store, sku, limit).await.map_err(|error| error.into_port("tracing stock"))
    }
}
