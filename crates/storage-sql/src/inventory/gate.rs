//! The stock gate in the database: every call is a transaction of its own.
//!
//! Placing does not come this way: with this gate the group commit decides (`order::commit`), over the same functions.
//! A reservation is remembered by its ledger rows, with the user whose limit it took. Its row in `reservation_outcomes`
//! serialises the calls that name it and is its tombstone.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, sea_query::ExprTrait as _,
};
use sluice_events::{MovementKind, RestockLine};
use sluice_inventory::{
    AdjustmentId, AdjustmentState, BoundGate, Figures, GateAnswer, GateStatus, Listing, ReserveLine, Settled, Short, StockGate,
    TakenOfLimit, Terms,
};
use sluice_kernel::{PortResult, ReservationId, SkuId, StoreId, Timestamp, UserId};

use super::{
    adjustments,
    gate_state::{present_epoch, shared_epoch},
    ledger,
    limits::{self, LimitKey},
    outcomes::write_outcomes,
    stock::{Cause, LockedStock, empty_stock},
};
use crate::{
    Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::MultiRow,
    stored::Stored,
    table::{Row as _, reservation_outcomes, row, stock},
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlStockGate {
    database: Database,
}

impl SqlStockGate {
    pub fn new(database: Database) -> Self {
        // It is open whenever the database answers.
        metrics::gauge!("sluice_gate_open").set(1.0);
        Self { database }
    }
}

row! {
    struct Held of stock_ledger {
        sku_id: i64,
        kind: Stored<MovementKind>,
        quantity: i64,
        limit_user: Option<String>,
    }
}

struct HeldLine {
    sku: SkuId,
    units: i64,
    /// Whose limit it took with these units.
    limit_user: Option<UserId>,
}

impl HeldLine {
    fn limit(&self) -> Option<LimitKey> {
        self.limit_user.clone().map(|user| LimitKey { sku: self.sku, user })
    }
}

/// What the ledger knows of a reservation.
#[derive(Default)]
struct Remembered {
    /// Its lines, where this store reserved them.
    lines: Vec<HeldLine>,
    sold: bool,
    released: bool,
}

impl Remembered {
    async fn read(unit: &UnitOfWork, store: StoreId, id: &str) -> StoreResult<Self> {
        let select = format!("{} WHERE movement_id = ? AND store_id = ?", Held::select());
        let mut remembered = Self::default();
        for row in unit.rows(select, vec![id.into(), store.0.into()]).await? {
            let Held { sku_id, kind, quantity, limit_user } = Held::read(&row)?;
            match kind.0 {
                MovementKind::Reserve => {
                    remembered.lines.push(HeldLine { sku: SkuId(sku_id), units: quantity, limit_user: limit_user.map(UserId) });
                }
                MovementKind::Sell => remembered.sold = true,
                MovementKind::Release => remembered.released = true,
                MovementKind::Restock | MovementKind::Adjust => {}
            }
        }
        Ok(remembered)
    }

    fn is_known(&self) -> bool {
        !self.lines.is_empty()
    }
}

/// Makes calls that name this reservation wait for each other; `true` where its tombstone stands.
async fn take_turn(unit: &UnitOfWork, id: &str, now: Timestamp) -> StoreResult<bool> {
    write_outcomes(unit, false, vec![(id.to_owned(), now)]).await?;
    let outcome = reservation_outcomes::Entity::find_by_id(id).lock_exclusive().one(unit).await?;
    Ok(outcome.is_some_and(|outcome| outcome.released))
}

/// Leaves the tombstone: the reservation is never held again.
async fn mark_released(unit: &UnitOfWork, id: &str) -> StoreResult<()> {
    unit.execute("UPDATE reservation_outcomes SET released = TRUE WHERE reservation_id = ?", vec![id.into()]).await?;
    Ok(())
}

async fn reserve(
    unit: &UnitOfWork,
    store: StoreId,
    id: ReservationId,
    lines: &[ReserveLine],
    terms: &Terms,
    now: Timestamp,
) -> StoreResult<GateAnswer> {
    let movement_id = id.to_string();
    let is_released = take_turn(unit, &movement_id, now).await?;
    let remembered = Remembered::read(unit, store, &movement_id).await?;
    if is_released || remembered.sold || remembered.released {
        return Ok(GateAnswer::Gone);
    }
    if !remembered.is_known() {
        let limits = terms.limit.iter().map(LimitKey::from).collect();
        let mut stock = LockedStock::lock_with_limits(unit, lines.iter().map(|line| line.sku).collect(), limits).await?;
        let cause = Cause { store, movement_id: &movement_id, order_no: Some(id.order), at: now };
        if let Err(refusal) = stock.take(&cause, lines, terms, now)? {
            return Ok(refusal.into());
        }
        stock.write(unit).await?;
    }
    Ok(GateAnswer::Reserved { epoch: shared_epoch(unit).await?.epoch })
}

async fn sell(unit: &UnitOfWork, store: StoreId, id: ReservationId, now: Timestamp) -> StoreResult<Settled> {
    let movement_id = id.to_string();
    if !Remembered::read(unit, store, &movement_id).await?.is_known() {
        return Ok(Settled::Unknown);
    }
    take_turn(unit, &movement_id, now).await?;
    let remembered = Remembered::read(unit, store, &movement_id).await?;
    if remembered.released || remembered.sold {
        return Ok(if remembered.sold { Settled::Already } else { Settled::Refused });
    }
    settle(unit, store, id, &remembered, MovementKind::Sell, now).await
}

async fn release(unit: &UnitOfWork, store: StoreId, id: ReservationId, now: Timestamp) -> StoreResult<Settled> {
    let movement_id = id.to_string();
    let is_released = take_turn(unit, &movement_id, now).await?;
    let remembered = Remembered::read(unit, store, &movement_id).await?;
    if remembered.sold {
        return Ok(Settled::Refused);
    }
    if is_released || remembered.released {
        return Ok(if remembered.is_known() { Settled::Already } else { Settled::Unknown });
    }
    if !remembered.is_known() && belongs_to_another(unit, store, &movement_id).await? {
        return Ok(Settled::Refused);
    }
    mark_released(unit, &movement_id).await?;
    if !remembered.is_known() {
        return Ok(Settled::Unknown);
    }
    settle(unit, store, id, &remembered, MovementKind::Release, now).await
}

async fn belongs_to_another(unit: &UnitOfWork, store: StoreId, id: &str) -> StoreResult<bool> {
    let select = "SELECT 1 FROM stock_ledger WHERE movement_id = ? AND store_id <> ? LIMIT 1";
    Ok(unit.row(select, vec![id.into(), store.0.into()]).await?.is_some())
}

async fn settle(
    unit: &UnitOfWork,
    store: StoreId,
    id: ReservationId,
    remembered: &Remembered,
    kind: MovementKind,
    now: Timestamp,
) -> StoreResult<Settled> {
    let movement_id = id.to_string();
    let cause = Cause { store, movement_id: &movement_id, order_no: Some(id.order), at: now };
    // What was bought stays counted.
    let frees = kind == MovementKind::Release;
    let limits = remembered.lines.iter().filter(|_| frees).filter_map(HeldLine::limit).collect();
    let mut stock = LockedStock::lock_with_limits(unit, remembered.lines.iter().map(|line| line.sku).collect(), limits).await?;
    for line in &remembered.lines {
        if !stock.move_units(&cause, kind, line.sku, line.units) {
            return Err(StoreError::Contradiction("a reservation whose units the stock row does not count as locked"));
        }
        if let Some(limit) = line.limit().filter(|_| frees) {
            stock.free_limit(store, &limit, line.units)?;
        }
    }
    stock.write(unit).await?;
    Ok(Settled::Done)
}

async fn restock(unit: &UnitOfWork, store: StoreId, refund: &str, lines: &[RestockLine], now: Timestamp) -> StoreResult<Settled> {
    // The rows first: whoever restocks for the same refund waits here.
    let mut stock = LockedStock::lock(unit, lines.iter().map(|line| line.sku_id).collect()).await?;
    if ledger::is_noted(unit, refund, MovementKind::Restock).await? {
        return Ok(Settled::Already);
    }
    let cause = Cause { store, movement_id: refund, order_no: None, at: now };
    for line in lines {
        if !stock.move_units(&cause, MovementKind::Restock, line.sku_id, line.quantity) {
            return Ok(Settled::Refused);
        }
    }
    stock.write(unit).await?;
    Ok(Settled::Done)
}

async fn adjust(
    unit: &UnitOfWork,
    store: StoreId,
    id: &AdjustmentId,
    sku: SkuId,
    delta: i64,
    now: Timestamp,
) -> StoreResult<Result<i64, Short>> {
    let epoch = shared_epoch(unit).await?.epoch;
    // Before the stock: whoever ends the adjustment waits, and a refusal that stands is final, though units came meanwhile.
    let refused = adjustments::lock(unit, id).await? == Some(AdjustmentState::Rejected);
    let mut stock = LockedStock::lock(unit, vec![sku]).await?;
    if ledger::is_noted(unit, &id.0, MovementKind::Adjust).await? {
        return Ok(Ok(epoch));
    }
    let cause = Cause { store, movement_id: &id.0, order_no: None, at: now };
    if refused || !stock.move_units(&cause, MovementKind::Adjust, sku, delta) {
        let usable = stock.row(store, sku).map_or(0, |row| row.figures.usable);
        return Ok(Err(Short { sku, usable }));
    }
    stock.write(unit).await?;
    Ok(Ok(epoch))
}

async fn set_listing(unit: &UnitOfWork, store: StoreId, sku: SkuId, listing: Listing) -> StoreResult<()> {
    NEW_STOCK.run(unit, [empty_stock(store, sku, listing)]).await?;
    let Listing { buyable, revision } = listing;
    stock::Entity::update_many()
        .set(stock::ActiveModel { buyable: Set(buyable), revision: Set(revision), ..Default::default() })
        .filter(stock::Column::SkuId.eq(sku.0).and(stock::Column::StoreId.eq(store.0)))
        .filter(stock::Column::Revision.lt(revision))
        .exec(unit)
        .await?;
    Ok(())
}

static NEW_STOCK: MultiRow<stock::Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("sku_id"));

#[async_trait]
impl StockGate for SqlStockGate {
    async fn bound(&self, _store: StoreId) -> PortResult<BoundGate> {
        let present = present_epoch(&self.database).await.into_port("the gate's state")?;
        Ok(BoundGate { epoch: present.epoch, gate: Arc::new(self.clone()) })
    }

    async fn distrust(&self, _store: StoreId, _why: &str) -> PortResult<()> {
        Ok(())
    }

    async fn reserve(
        &self,
        store: StoreId,
        id: ReservationId,
        lines: &[ReserveLine],
        terms: &Terms,
        now: Timestamp,
    ) -> PortResult<GateAnswer> {
        self.database
            .transact(move |unit, _| reserve(unit, store, id, lines, terms, now).boxed())
            .await
            .into_port("reserving stock")
    }

    async fn sell(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<Settled> {
        self.database.transact(move |unit, _| sell(unit, store, id, now).boxed()).await.into_port("selling stock")
    }

    async fn release(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<Settled> {
        self.database.transact(move |unit, _| release(unit, store, id, now).boxed()).await.into_port("releasing stock")
    }

    async fn restock(&self, store: StoreId, refund: &str, lines: &[RestockLine], now: Timestamp) -> PortResult<Settled> {
        self.database.transact(move |unit, _| restock(unit, store, refund, lines, now).boxed()).await.into_port("restocking")
    }

    async fn adjust(
        &self,
        store: StoreId,
        id: &AdjustmentId,
        sku: SkuId,
        delta: i64,
        now: Timestamp,
    ) -> PortResult<Result<i64, Short>> {
        self.database.transact(move |unit, _| adjust(unit, store, id, sku, delta, now).boxed()).await.into_port("adjusting stock")
    }

    async fn set_listing(&self, store: StoreId, sku: SkuId, listing: Listing) -> PortResult<()> {
        self.database.transact(move |unit, _| set_listing(unit, store, sku, listing).boxed()).await.into_port("listing a SKU")
    }

    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>> {
        ledger::figures(&self.database, store, skus).await.into_port("reading stock")
    }

    async fn taken(&self, store: StoreId) -> PortResult<Vec<TakenOfLimit>> {
        limits::all_taken(&self.database, store).await.into_port("reading limits")
    }

    async fn unconfirmed(&self, _older_than: Duration, _limit: u32) -> PortResult<Vec<(StoreId, ReservationId)>> {
        Ok(Vec::new())
    }

    async fn confirm(&self, _reservations: &[(StoreId, ReservationId)]) -> PortResult<()> {
        Ok(())
    }

    async fn status(&self) -> PortResult<GateStatus> {
        let present = present_epoch(&self.database).await.into_port("the gate's state")?;
        Ok(GateStatus { kind: "database", open: present.open, epoch: present.epoch, trouble: None })
    }
}
