//! Figures and limits inside a transaction: lock the stock rows in SKU order, read the counters they guard, decide in
//! memory, write everything back with its ledger rows.

use std::collections::BTreeMap;

use sluice_events::MovementKind;
use sluice_inventory::{Figures, GateAnswer, Listing, ReserveLine, Short, Terms};
use sluice_kernel::{OrderNo, SkuId, StoreId, Timestamp, UserId};
use sluice_order::StockRefusal;

use super::limits::{LimitKey, LockedLimits};
use crate::{
    error::{StoreError, StoreResult},
    multi_row::{InList, MultiRow, Values},
    statement::Dialect,
    stored::{At, Stored},
    table::{Row as _, row, stock},
    unit_of_work::UnitOfWork,
};

static LOCK: InList = InList::with(stock::Model::select, "sku_id", " ORDER BY sku_id", Dialect::for_update);

/// The rows exist and are locked, so this only ever overwrites; the table's CHECKs stand behind the decision.
static WRITE: MultiRow<stock::Model> =
    MultiRow::with_tail(|dialect| dialect.overwrite_existing("sku_id", &["usable", "locked", "sold", "received"]));

/// Most of a batch takes the same number of units of each SKU: one statement for all of these.
static MOVE: InList = InList::new(
    || "UPDATE stock SET usable = usable + ?, locked = locked + ?, sold = sold + ?, received = received + ?".to_owned(),
    "sku_id",
);
/// With more different changes than this the rows are written one by one.
const MAX_MOVES: usize = 3;

row! {
    struct NewMovement of stock_ledger {
        store_id: i64,
        sku_id: i64,
        movement_id: String,
        kind: Stored<MovementKind>,
        quantity: i64,
        order_no: Option<Stored<OrderNo>>,
        at: At,
        limit_user: Option<String>,
    }
}

static LEDGER: MultiRow<NewMovement> = MultiRow::with(&[("applied", "TRUE")], |_| String::new());

/// The row of a SKU that has no units.
pub(crate) fn empty_stock(store: StoreId, sku: SkuId, listing: Listing) -> stock::Model {
    let Listing { buyable, revision } = listing;
    stock::Model { sku_id: sku.0, store_id: store.0, usable: 0, locked: 0, sold: 0, received: 0, buyable, revision }
}

pub(crate) fn figures_of(row: &stock::Model) -> Figures {
    Figures { usable: row.usable, locked: row.locked, sold: row.sold, received: row.received }
}

/// Why a reservation was refused; nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    OffShelf(Vec<SkuId>),
    Outdated(Vec<SkuId>),
    OutsideWindow,
    LimitReached,
    Short(Vec<Short>),
}

impl From<Refusal> for StockRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OffShelf(skus) => Self::OffShelf(skus),
            Refusal::Outdated(skus) => Self::Outdated(skus),
            Refusal::OutsideWindow => Self::OutsideWindow,
            Refusal::LimitReached => Self::LimitReached,
            Refusal::Short(short) => Self::Short(short.into_iter().map(|short| (short.sku, short.usable)).collect()),
        }
    }
}

impl From<Refusal> for GateAnswer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::OffShelf(skus) => Self::OffShelf(skus),
            Refusal::Outdated(skus) => Self::Outdated(skus),
            Refusal::OutsideWindow => Self::OutsideWindow,
            Refusal::LimitReached => Self::LimitReached,
            Refusal::Short(short) => Self::Short(short),
        }
    }
}

pub(crate) struct StockRow {
    pub(crate) store: StoreId,
    pub(crate) figures: Figures,
    pub(crate) listing: Listing,
    /// As they were when the row was locked.
    before: Figures,
}

impl StockRow {
    fn change(&self) -> [i64; 4] {
        let (Figures { usable, locked, sold, received }, before) = (self.figures, self.before);
        [usable - before.usable, locked - before.locked, sold - before.sold, received - before.received]
    }
}

/// What a change of figures is written under in the ledger.
pub(crate) struct Cause<'a> {
    pub(crate) store: StoreId,
    pub(crate) movement_id: &'a str,
    pub(crate) order_no: Option<OrderNo>,
    pub(crate) at: Timestamp,
}

/// Locked stock rows and the counters read under them, with their changes and the ledger rows of these.
pub(crate) struct LockedStock {
    rows: BTreeMap<SkuId, StockRow>,
    limits: LockedLimits,
    ledger: Values<NewMovement>,
}

impl LockedStock {
    /// Locks the rows of these SKUs, in SKU order whatever order they come in.
    pub(crate) async fn lock(unit: &UnitOfWork, skus: Vec<SkuId>) -> StoreResult<Self> {
        Self::lock_with_limits(unit, skus, Vec::new()).await
    }

    /// Locks the rows of these SKUs, then reads these counters, whose SKUs are among them. Without any the counters cost
    /// nothing.
    pub(crate) async fn lock_with_limits(unit: &UnitOfWork, mut skus: Vec<SkuId>, limits: Vec<LimitKey>) -> StoreResult<Self> {
        skus.sort_unstable();
        skus.dedup();
        let keys: Vec<i64> = skus.into_iter().map(|sku| sku.0).collect();
        let mut rows = BTreeMap::new();
        for row in LOCK.rows(unit, &keys).await? {
            let row = stock::Model::read(&row)?;
            let figures = figures_of(&row);
            let listing = Listing { buyable: row.buyable, revision: row.revision };
            rows.insert(SkuId(row.sku_id), StockRow { store: StoreId(row.store_id), figures, listing, before: figures });
        }
        let limits = LockedLimits::read(unit, limits).await?;
        Ok(Self { rows, limits, ledger: Values::default() })
    }

    /// The row of a SKU of this store.
    pub(crate) fn row(&self, store: StoreId, sku: SkuId) -> Option<&StockRow> {
        self.rows.get(&sku).filter(|row| row.store == store)
    }

    /// All lines and the user's limit, or nothing. `now` is the instant of the decision. Fails where the limit's counter
    /// was not read or its SKU stands in no line.
    pub(crate) fn take(
        &mut self,
        cause: &Cause<'_>,
        lines: &[ReserveLine],
        terms: &Terms,
        now: Timestamp,
    ) -> StoreResult<Result<(), Refusal>> {
        if let Some(refusal) = self.refusal(cause.store, lines, terms, now)? {
            return Ok(Err(refusal));
        }
        for line in lines {
            // Checked above, line by line; a SKU stands in at most one line.
            let limit = terms.limit.as_ref().filter(|limit| limit.sku == line.sku);
            self.change(cause, MovementKind::Reserve, line.sku, line.quantity, limit.map(|limit| &limit.user));
        }
        if let Some(limit) = &terms.limit {
            self.limits.take(cause.store, limit);
        }
        Ok(Ok(()))
    }

    /// The first reason to refuse, over all lines: off shelf, outdated, outside the window, limit reached, short.
    fn refusal(&self, store: StoreId, lines: &[ReserveLine], terms: &Terms, now: Timestamp) -> StoreResult<Option<Refusal>> {
        let row = |line: &ReserveLine| self.row(store, line.sku);
        let skus = |refused: &dyn Fn(&ReserveLine) -> bool| -> Vec<SkuId> {
            lines.iter().filter(|line| refused(line)).map(|line| line.sku).collect()
        };
        // Late money does not ask: its order was placed while the SKU was listed.
        let off_shelf = skus(&|line| row(line).is_none_or(|row| line.revision.is_some() && !row.listing.buyable));
        if !off_shelf.is_empty() {
            return Ok(Some(Refusal::OffShelf(off_shelf)));
        }
        let outdated =
            skus(&|line| line.revision.is_some_and(|priced_at| row(line).is_none_or(|row| row.listing.revision != priced_at)));
        if !outdated.is_empty() {
            return Ok(Some(Refusal::Outdated(outdated)));
        }
        if terms.window.is_some_and(|window| !window.holds(now)) {
            return Ok(Some(Refusal::OutsideWindow));
        }
        if let Some(limit) = &terms.limit {
            // The line's stock row guards the counter, and its units are what a release gives back.
            if !lines.iter().any(|line| line.sku == limit.sku && line.quantity == limit.units) {
                return Err(StoreError::Contradiction("a limit of units that are not reserved"));
            }
            if !self.limits.leaves_room_for(limit)? {
                return Ok(Some(Refusal::LimitReached));
            }
        }
        let usable = |line: &ReserveLine| row(line).map_or(0, |row| row.figures.usable);
        let short: Vec<Short> = lines
            .iter()
            .filter(|line| usable(line) < line.quantity)
            .map(|line| Short { sku: line.sku, usable: usable(line) })
            .collect();
        Ok((!short.is_empty()).then_some(Refusal::Short(short)))
    }

    /// One order and these units of a user's limit are free again. Belongs beside the release of the order's units, whose
    /// unique ledger row lets it happen once.
    pub(crate) fn free_limit(&mut self, store: StoreId, key: &LimitKey, units: i64) -> StoreResult<()> {
        if self.row(store, key.sku).is_none() {
            return Err(StoreError::Contradiction("a limit that is freed without its stock row"));
        }
        self.limits.free(store, key, units)
    }

    /// Changes the figures of a SKU and notes the movement; `false` where they would not hold or the store has no such
    /// SKU, and nothing was changed.
    #[must_use]
    pub(crate) fn move_units(&mut self, cause: &Cause<'_>, kind: MovementKind, sku: SkuId, units: i64) -> bool {
        let holds = self.row(cause.store, sku).is_some_and(|row| row.figures.after(kind, units).hold());
        if holds {
            self.change(cause, kind, sku, units, None);
        }
        holds
    }

    fn change(&mut self, cause: &Cause<'_>, kind: MovementKind, sku: SkuId, units: i64, limit_user: Option<&UserId>) {
        self.change_unnoted(kind, sku, units);
        self.ledger.push(NewMovement {
            store_id: cause.store.0,
            sku_id: sku.0,
            movement_id: cause.movement_id.to_owned(),
            kind: Stored(kind),
            quantity: units,
            order_no: cause.order_no.map(Stored),
            at: Stored(cause.at),
            limit_user: limit_user.map(|user| user.0.clone()),
        });
    }

    /// Changes the figures by a movement that the ledger has already.
    #[must_use]
    pub(crate) fn follow(&mut self, store: StoreId, kind: MovementKind, sku: SkuId, units: i64) -> bool {
        let holds = self.row(store, sku).is_some_and(|row| row.figures.after(kind, units).hold());
        if holds {
            self.change_unnoted(kind, sku, units);
        }
        holds
    }

    fn change_unnoted(&mut self, kind: MovementKind, sku: SkuId, units: i64) {
        if let Some(row) = self.rows.get_mut(&sku) {
            row.figures = row.figures.after(kind, units);
        }
    }

    /// A few statements for all figures, one for all ledger rows, one for all counters; none for what did not change.
    pub(crate) async fn write(self, unit: &UnitOfWork) -> StoreResult<()> {
        let mut moves: BTreeMap<[i64; 4], Vec<i64>> = BTreeMap::new();
        for (sku, row) in self.rows.iter().filter(|(_, row)| row.figures != row.before) {
            moves.entry(row.change()).or_default().push(sku.0);
        }
        if moves.len() <= MAX_MOVES {
            for (change, skus) in moves {
                MOVE.execute_with(unit, &change, &skus).await?;
            }
        } else {
            self.overwrite(unit).await?;
        }
        LEDGER.run(unit, self.ledger).await?;
        self.limits.write(unit).await
    }

    async fn overwrite(&self, unit: &UnitOfWork) -> StoreResult<()> {
        let changed = self.rows.iter().filter(|(_, row)| row.figures != row.before).map(|(sku, row)| {
            let Figures { usable, locked, sold, received } = row.figures;
            stock::Model { usable, locked, sold, received, ..empty_stock(row.store, *sku, row.listing) }
        });
        WRITE.run(unit, changed).await?;
        Ok(())
    }
}
