//! The stock rows and the ledger behind a gate.
//!
//! Contract: a movement counts once (unique by movement, SKU and kind), whoever reports it and however often. One whose
//! predecessor is missing is kept and applied as soon as the figures hold.

use std::collections::HashMap;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, Value};
use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{Figures, Ledger, Listing, Movement, StockTrace};
use sluice_kernel::{OrderNo, PortResult, SkuId, StoreId};

use super::{
    StockMode,
    stock::{LockedStock, figures_of},
};
use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    multi_row::{InList, MultiRow, tuple},
    statement::{MAX_ROWS, padded},
    stored::{At, Stored, code},
    table::{Row as _, row, stock, stock_ledger},
    unit_of_work::UnitOfWork,
};

row! {
    struct Recorded of stock_ledger {
        store_id: i64,
        sku_id: i64,
        movement_id: String,
        kind: Stored<MovementKind>,
        quantity: i64,
        order_no: Option<Stored<OrderNo>>,
        reason: Option<String>,
        at: At,
    }
}

row! {
    struct Waiting of stock_ledger {
        id: i64,
        store_id: i64,
        sku_id: i64,
        kind: Stored<MovementKind>,
        quantity: i64,
    }
}

static NOTE: MultiRow<Recorded> =
    MultiRow::with(&[("applied", "FALSE")], |dialect| dialect.keep_existing("movement_id, sku_id, kind"));
static NOTE_APPLIED: MultiRow<Recorded> = MultiRow::with(&[("applied", "TRUE")], |_| String::new());
static WAITING: InList = InList::with(Waiting::select, "applied = FALSE AND sku_id", " ORDER BY id", |_| "");
static APPLIED: InList = InList::new(|| "UPDATE stock_ledger SET applied = TRUE".to_owned(), "id");

/// Whether a movement stands, whatever its SKUs.
pub(super) async fn is_noted(unit: &UnitOfWork, movement_id: &str, kind: MovementKind) -> StoreResult<bool> {
    let select = "SELECT 1 FROM stock_ledger WHERE movement_id = ? AND kind = ? LIMIT 1";
    Ok(unit.row(select, vec![movement_id.into(), code(kind).into()]).await?.is_some())
}

/// Takes over movements of which none was recorded before and none must wait, as nearly all are: each row is written once.
/// False where one must wait; nothing was changed then. Where one was recorded before the transaction fails.
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
    NOTE_APPLIED.run(unit, sorted.iter().copied().map(recorded)).await?;
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
pub(crate) async fn record(unit: &UnitOfWork, movements: &[StockMoved]) -> StoreResult<()> {
    let sorted = sorted(movements);
    NOTE.run(unit, sorted.iter().copied().map(recorded)).await?;
    apply_waiting(unit, skus_of(&sorted)).await
}

fn recorded(movement: &StockMoved) -> Recorded {
    Recorded {
        store_id: movement.store_id.0,
        sku_id: movement.sku_id.0,
        movement_id: movement.movement_id.clone(),
        kind: Stored(movement.kind),
        quantity: movement.quantity,
        order_no: movement.order_no.map(Stored),
        reason: movement.reason.clone(),
        at: Stored(movement.at),
    }
}

async fn apply_waiting(unit: &UnitOfWork, skus: Vec<SkuId>) -> StoreResult<()> {
    let mut stock = LockedStock::lock(unit, skus.clone()).await?;
    // Read after the lock: whoever applies movements of these SKUs holds it, so none is applied twice.
    let keys: Vec<i64> = skus.into_iter().map(|sku| sku.0).collect();
    let mut waiting: Vec<Waiting> = WAITING.rows(unit, &keys).await?.iter().map(Waiting::read).collect::<StoreResult<_>>()?;
    let mut applied: Vec<i64> = Vec::with_capacity(waiting.len());
    loop {
        let before = applied.len();
        waiting.retain(|movement| {
            let follows = stock.follow(StoreId(movement.store_id), movement.kind.0, SkuId(movement.sku_id), movement.quantity);
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

/// The stock rows of those of these SKUs that the store has.
async fn stock_rows(database: &Database, store: StoreId, skus: &[SkuId]) -> StoreResult<Vec<stock::Model>> {
    let mut rows = Vec::with_capacity(skus.len());
    for skus in skus.chunks(MAX_ROWS) {
        let of_skus = stock::Column::SkuId.is_in(padded(skus).map(|sku| sku.0));
        let wanted = stock::Entity::find().filter(stock::Column::StoreId.eq(store.0)).filter(of_skus);
        rows.extend(wanted.all(database).await?);
    }
    Ok(rows)
}

/// Figures as the stock rows say, of those SKUs the store has.
pub(super) async fn figures(database: &Database, store: StoreId, skus: &[SkuId]) -> StoreResult<HashMap<SkuId, Figures>> {
    let rows = stock_rows(database, store, skus).await?;
    Ok(rows.iter().map(|row| (SkuId(row.sku_id), figures_of(row))).collect())
}

async fn listings(database: &Database, store: StoreId, skus: &[SkuId]) -> StoreResult<HashMap<SkuId, Listing>> {
    let rows = stock_rows(database, store, skus).await?;
    Ok(rows.iter().map(|row| (SkuId(row.sku_id), Listing { buyable: row.buyable, revision: row.revision })).collect())
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
            let select = format!(
                "{} WHERE applied = ? AND sku_id = ? AND store_id = ? ORDER BY id DESC LIMIT ?",
                stock_ledger::Model::select()
            );
            let values: Vec<Value> = vec![applied.into(), sku.0.into(), store.0.into(), (i64::from(limit) + 1).into()];
            let rows = self.database.rows(select, values).await?;
            truncated |= rows.len() > most;
            for row in &rows {
                let row = stock_ledger::Model::read(row)?;
                movements.push((row.id, movement(row)));
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
            let (Stored(kind), units): (Stored<MovementKind>, i64) = tuple(&row)?;
            computed = computed.after(kind, units);
        }
        Ok(computed)
    }
}

fn movement(row: stock_ledger::Model) -> Movement {
    Movement {
        movement_id: row.movement_id,
        sku: SkuId(row.sku_id),
        kind: row.kind.0,
        quantity: row.quantity,
        order_no: row.order_no.map(|order| order.0),
        reason: row.reason,
        at: row.at.0,
        applied: row.applied,
    }
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
        match self.database.transact(move |unit, _| record_new(unit, movements).boxed()).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) if error.is_unique_violation() => {}
            Err(error) => return Err(error.into_port("recording stock movements")),
        }
        self.database.transact(move |unit, _| record(unit, movements).boxed()).await.into_port("recording stock movements")
    }

    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>> {
        figures(&self.database, store, skus).await.into_port("reading stock")
    }

    async fn listings(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Listing>> {
        listings(&self.database, store, skus).await.into_port("reading listings")
    }

    async fn trace(&self, store: StoreId, sku: SkuId, limit: u32) -> PortResult<Option<StockTrace>> {
        self.read_trace(store, sku, limit).await.into_port("tracing stock")
    }
}
