//! Changes of state: the orders' rows, their stock, refunds and facts in one transaction.
//!
//! Contract: locks are taken as orders → payments → stock → limits (an outside gate's epoch before all), each in the order of its
//! ids. Everything is decided before anything is written, so an answer other than `Done` has changed nothing. An order
//! stands in one change of a transaction.

use std::collections::HashMap;

use sea_orm::Value;
use sluice_events::{Fact, MovementKind, RestockLine};
use sluice_inventory::{GateEffect, ReserveLine};
use sluice_kernel::{OrderNo, ReservationId, SkuId, StoreId, Timestamp, UserId};
use sluice_order::{Applied, CancelReason, OrderKind, OrderState, OrderStatus, RefundRecord, RefundState, StockStep, Transition};

use super::{activity::stock_terms, stored_money::stored_money};
use crate::{
    Database,
    error::{StoreError, StoreResult},
    held_rows::HeldRow,
    inventory::{
        Epoch, StockMode, commit_outcomes,
        limits::LimitKey,
        queue_effect, shared_epoch,
        stock::{Cause, LockedStock},
    },
    messaging::outbox,
    multi_row::{InList, MultiRow, tuple},
    settlements,
    statement::Dialect,
    stored::{Stored, code},
    table::{Places, Row as _, order_refunds, row},
    unit_of_work::UnitOfWork,
};

row! {
    struct LockedOrder of orders {
        order_no: Stored<OrderNo>,
        store_id: i64,
        status: Stored<OrderStatus>,
        version: i64,
        total: i64,
        refunded: i64,
        cancel_reason: Option<Stored<CancelReason>>,
        attempt: i16,
        kind: Stored<OrderKind>,
        user_id: String,
    }
}

row! {
    struct LockedLine of order_items {
        sku_id: i64,
        quantity: i64,
        restocked: i64,
    }
}

static LOCK: InList = InList::with(
    || {
        let (order, line) = (LockedOrder::columns_of("o"), LockedLine::columns_of("i"));
        format!("SELECT {order}, {line} FROM orders o JOIN order_items i ON i.main_no = o.order_no")
    },
    "o.order_no",
    " ORDER BY o.order_no, i.sku_id",
    Dialect::for_update,
);

/// The order as it is now, locked with its items.
struct Locked {
    store: StoreId,
    status: OrderStatus,
    version: i64,
    total: i64,
    refunded: i64,
    /// False where money came after the close and the units were gone: nothing of it was ever sold.
    held_units: bool,
    /// Whose limit an activity order took, and must free when its units return unsold.
    limit: Option<LimitKey>,
    lines: Vec<Line>,
}

struct Line {
    sku: SkuId,
    quantity: i64,
    restocked: i64,
}

/// A change that nothing speaks against.
struct Step<'a> {
    transition: &'a Transition,
    locked: Locked,
    /// What of a restock is still there to be returned.
    restock: Vec<RestockLine>,
}

pub(super) async fn apply_all(unit: &UnitOfWork, mode: StockMode, transitions: &[Transition]) -> StoreResult<Vec<Applied>> {
    let late = transitions.iter().any(|transition| matches!(transition.stock, StockStep::LateSell { .. }));
    let epoch = if late && mode == StockMode::Reserved { Some(shared_epoch(unit).await?) } else { None };
    let mut orders = lock(unit, transitions).await?;
    let stored = stored_money(unit, transitions).await?;
    let mut steps: Vec<Result<Step<'_>, Applied>> = Vec::with_capacity(transitions.len());
    for transition in transitions {
        let Some(locked) = orders.remove(&transition.order_no).filter(|locked| locked.store == transition.store) else {
            steps.push(Err(Applied::Lost));
            continue;
        };
        let door_is_closed = transition.to.status() == OrderStatus::Cancelled && stored.contains(&transition.order_no);
        steps.push(match refusal(unit, transition, &locked, epoch).await? {
            Some(refused) => Err(refused),
            None if door_is_closed => Err(Applied::MoneyStored),
            None => Ok(Step { transition, restock: restockable(&locked, &transition.stock), locked }),
        });
    }
    match mode {
        StockMode::InCommit => move_stock(unit, &mut steps).await?,
        StockMode::Reserved => {
            for step in steps.iter().flatten() {
                tell_gate(unit, step.transition, &step.restock).await?;
            }
        }
    }
    let (mut facts, mut taken) = (Vec::with_capacity(steps.len()), Vec::new());
    for Step { transition, locked, restock } in steps.iter().flatten() {
        write_restock(unit, transition.order_no, restock).await?;
        write_order(unit, transition, locked).await?;
        taken.extend(transition.settles.clone());
        facts.extend(announced(transition, restock).map(|fact| (fact, transition.traceparent.as_deref())));
    }
    settlements::taken(unit, taken).await?;
    if let Some(first) = transitions.first() {
        outbox::append_all(unit, &facts, first.now).await?;
    }
    Ok(steps.into_iter().map(|step| step.err().unwrap_or(Applied::Done)).collect())
}

/// Why the order as it is now does not take this change, apart from its stock.
async fn refusal(
    unit: &UnitOfWork,
    transition: &Transition,
    locked: &Locked,
    epoch: Option<Epoch>,
) -> StoreResult<Option<Applied>> {
    if let Some(refund) = &transition.refund
        && unit.row("SELECT amount FROM order_refunds WHERE refund_id = ?", vec![refund.id.as_str().into()]).await?.is_some()
    {
        return Ok(Some(Applied::Repeated));
    }
    if locked.version != transition.version || locked.status != transition.from {
        return Ok(Some(Applied::Lost));
    }
    if let (StockStep::LateSell { reservation, epoch: reserved_in, .. }, Some(present)) = (&transition.stock, epoch) {
        let stands = present.open && *reserved_in == Some(present.epoch);
        if !stands || !commit_outcomes(unit, vec![(reservation.to_string(), transition.now)]).await?.is_empty() {
            return Ok(Some(Applied::EpochMoved));
        }
    }
    Ok(None)
}

/// Locks the orders of these changes in the order of their numbers.
async fn lock(unit: &UnitOfWork, transitions: &[Transition]) -> StoreResult<HashMap<OrderNo, Locked>> {
    let mut numbers: Vec<i64> = transitions.iter().map(|transition| transition.order_no.id()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut orders: HashMap<OrderNo, Locked> = HashMap::with_capacity(numbers.len());
    for row in LOCK.rows(unit, &numbers).await? {
        let places = &mut Places::of(&row);
        let (order, line) = (LockedOrder::read_from(places)?, LockedLine::read_from(places)?);
        let line = Line { sku: SkuId(line.sku_id), quantity: line.quantity, restocked: line.restocked };
        let order_no = order.order_no.0;
        if let Some(locked) = orders.get_mut(&order_no) {
            locked.lines.push(line);
            continue;
        }
        let (status, was_cancelled) = (order.status.0, order.cancel_reason.is_some());
        let limit = LimitKey { sku: line.sku, user: UserId(order.user_id) };
        let locked = Locked {
            store: StoreId(order.store_id),
            status,
            version: order.version,
            total: order.total,
            refunded: order.refunded,
            limit: (order.kind.0 == OrderKind::Activity).then_some(limit),
            held_units: status != OrderStatus::PaidAfterClose && (!was_cancelled || order.attempt > 1),
            lines: vec![line],
        };
        orders.insert(order_no, locked);
    }
    Ok(orders)
}

static REFUNDS: MultiRow<order_refunds::Model> = MultiRow::insert();
static LINES: InList = InList::new(|| "SELECT main_no, sku_id FROM order_items".to_owned(), "main_no");

/// The rows that each of these changes shares with others: its order, and the stock rows of its lines.
pub(super) async fn rows_to_lock(
    database: &Database,
    mode: StockMode,
    transitions: &[Transition],
) -> StoreResult<Vec<Vec<HeldRow>>> {
    let mut numbers: Vec<i64> = transitions.iter().map(|transition| transition.order_no.id()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut skus: HashMap<i64, Vec<HeldRow>> = HashMap::with_capacity(numbers.len());
    if mode == StockMode::InCommit {
        let unit = database.begin().await?;
        let lines = LINES.rows(&unit, &numbers).await;
        unit.rollback().await;
        for row in lines? {
            let (order, sku) = tuple(&row)?;
            skus.entry(order).or_default().push(HeldRow::Stock(sku));
        }
    }
    let rows = |transition: &Transition| {
        let mut rows = vec![HeldRow::Order(transition.order_no.id())];
        if !matches!(transition.stock, StockStep::None) {
            rows.extend(skus.get(&transition.order_no.id()).into_iter().flatten());
        }
        rows
    };
    Ok(transitions.iter().map(rows).collect())
}

/// What of a restock is still there to be returned: two refunds that were asked at once never return a unit twice.
fn restockable(locked: &Locked, step: &StockStep) -> Vec<RestockLine> {
    let StockStep::Restock(refund) = step else { return Vec::new() };
    if !locked.held_units {
        return Vec::new();
    }
    let mut wanted: HashMap<SkuId, i64> = HashMap::new();
    for (sku, quantity) in &refund.restock {
        *wanted.entry(*sku).or_default() += (*quantity).max(0);
    }
    locked
        .lines
        .iter()
        .map(|line| RestockLine {
            sku_id: line.sku,
            quantity: wanted.get(&line.sku).map_or(0, |wanted| (*wanted).min(line.quantity - line.restocked)),
        })
        .filter(|line| line.quantity > 0)
        .collect()
}

impl Step<'_> {
    /// SKUs whose figures this change moves.
    fn skus(&self) -> Vec<SkuId> {
        match &self.transition.stock {
            StockStep::None => Vec::new(),
            StockStep::Restock(_) => self.restock.iter().map(|line| line.sku_id).collect(),
            StockStep::Sell(_) | StockStep::Release(_) | StockStep::LateSell { .. } => {
                self.locked.lines.iter().map(|line| line.sku).collect()
            }
        }
    }

    /// The counter that this change frees or takes again.
    fn limit(&self) -> Option<&LimitKey> {
        let counts = matches!(self.transition.stock, StockStep::Release(_) | StockStep::LateSell { .. });
        self.locked.limit.as_ref().filter(|_| counts)
    }

    /// `false` where late money finds too little, or the user's limit taken; nothing was changed then.
    fn move_units(&self, stock: &mut LockedStock) -> StoreResult<bool> {
        let Self { transition, locked, restock } = self;
        match &transition.stock {
            StockStep::None => {}
            StockStep::Sell(reservation) => move_lines(stock, transition, locked, *reservation, MovementKind::Sell)?,
            StockStep::Release(reservation) => {
                move_lines(stock, transition, locked, *reservation, MovementKind::Release)?;
                if let Some(limit) = self.limit() {
                    let units = locked.lines.iter().filter(|line| line.sku == limit.sku).map(|line| line.quantity).sum();
                    stock.free_limit(transition.store, limit, units)?;
                }
            }
            StockStep::LateSell { reservation, terms, .. } => {
                let movement_id = reservation.to_string();
                // What was asked and paid for at the time is not priced again.
                let lines: Vec<ReserveLine> = locked
                    .lines
                    .iter()
                    .map(|line| ReserveLine { sku: line.sku, quantity: line.quantity, revision: None })
                    .collect();
                let terms = stock_terms(terms.clone());
                if stock.take(&cause(transition, &movement_id), &lines, &terms, transition.now)?.is_err() {
                    return Ok(false);
                }
                move_lines(stock, transition, locked, *reservation, MovementKind::Sell)?;
            }
            StockStep::Restock(refund) => {
                for line in restock {
                    if !stock.move_units(&cause(transition, refund.id.as_str()), MovementKind::Restock, line.sku_id, line.quantity)
                    {
                        return Err(StoreError::Contradiction("a restock of units that the stock row does not count as sold"));
                    }
                }
            }
        }
        Ok(true)
    }
}

/// The database gate: figures and ledger in the orders' own transaction.
async fn move_stock(unit: &UnitOfWork, steps: &mut [Result<Step<'_>, Applied>]) -> StoreResult<()> {
    let skus: Vec<SkuId> = steps.iter().flatten().flat_map(Step::skus).collect();
    if skus.is_empty() {
        return Ok(());
    }
    let limits = steps.iter().flatten().filter_map(|step| step.limit().cloned()).collect();
    let mut stock = LockedStock::lock_with_limits(unit, skus, limits).await?;
    for step in steps.iter_mut() {
        if let Ok(wanted) = step
            && !wanted.move_units(&mut stock)?
        {
            *step = Err(Applied::Short);
        }
    }
    stock.write(unit).await
}

fn move_lines(
    stock: &mut LockedStock,
    transition: &Transition,
    locked: &Locked,
    reservation: ReservationId,
    kind: MovementKind,
) -> StoreResult<()> {
    let movement_id = reservation.to_string();
    for line in &locked.lines {
        if !stock.move_units(&cause(transition, &movement_id), kind, line.sku, line.quantity) {
            return Err(StoreError::Contradiction("an order whose units the stock row does not count as locked"));
        }
    }
    Ok(())
}

fn cause<'a>(transition: &Transition, movement_id: &'a str) -> Cause<'a> {
    Cause { store: transition.store, movement_id, order_no: Some(transition.order_no), at: transition.now }
}

/// A gate outside the database hears of it after the commit, from the effects queue.
async fn tell_gate(unit: &UnitOfWork, transition: &Transition, restock: &[RestockLine]) -> StoreResult<()> {
    let store = transition.store;
    let effect = match &transition.stock {
        StockStep::None => None,
        StockStep::Sell(reservation) | StockStep::LateSell { reservation, .. } => {
            Some(GateEffect::Sell { store, reservation: *reservation })
        }
        StockStep::Release(reservation) => Some(GateEffect::Release { store, reservation: *reservation }),
        StockStep::Restock(_) if restock.is_empty() => None,
        StockStep::Restock(refund) => Some(GateEffect::Restock { store, refund: refund.id.to_string(), lines: restock.to_vec() }),
    };
    if let Some(effect) = effect {
        queue_effect(unit, &effect, Some(transition.order_no)).await?;
    }
    Ok(())
}

async fn write_restock(unit: &UnitOfWork, order_no: OrderNo, restock: &[RestockLine]) -> StoreResult<()> {
    let update = "UPDATE order_items SET restocked = restocked + ? WHERE main_no = ? AND sku_id = ? AND restocked + ? <= quantity";
    for line in restock {
        let values: Vec<Value> = vec![line.quantity.into(), order_no.id().into(), line.sku_id.0.into(), line.quantity.into()];
        if unit.execute(update, values).await? != 1 {
            return Err(StoreError::Contradiction("a restock beyond what was ordered"));
        }
    }
    Ok(())
}

async fn write_order(unit: &UnitOfWork, transition: &Transition, locked: &Locked) -> StoreResult<()> {
    let Transition { store, order_no, version, from, to, paid_at, refund, now, .. } = transition;
    let mut refunded = locked.refunded;
    if let Some(RefundRecord { id, amount, .. }) = refund {
        refunded = refunded.saturating_add(*amount);
        if *amount < 0 || refunded > locked.total {
            return Err(StoreError::Contradiction("a refund of more than was paid"));
        }
        let row = order_refunds::Model {
            refund_id: id.as_str().to_owned(),
            order_no: Stored(*order_no),
            amount: *amount,
            at: Stored(*now),
        };
        REFUNDS.run(unit, [row]).await?;
    }
    let refund_state = refund.as_ref().map(|_| if refunded >= locked.total { RefundState::Full } else { RefundState::Partial });
    let attempt = match &transition.stock {
        StockStep::LateSell { reservation, .. } => Some(i16::try_from(reservation.attempt).unwrap_or(i16::MAX)),
        StockStep::None | StockStep::Sell(_) | StockStep::Release(_) | StockStep::Restock(_) => None,
    };
    let update = "UPDATE orders SET status = ?, cancel_reason = COALESCE(?, cancel_reason), attempt = COALESCE(?, attempt), \
                  payment_id = COALESCE(?, payment_id), paid_at = COALESCE(?, paid_at), refunded = ?, \
                  refund_state = COALESCE(?, refund_state), version = version + 1 \
                  WHERE order_no = ? AND store_id = ? AND version = ? AND status = ?";
    let values: Vec<Value> = vec![
        code(to.status()).into(),
        reason_in(to).map(code).into(),
        attempt.into(),
        to.payment().map(|payment| payment.as_str().to_owned()).into(),
        paid_at.map(Timestamp::as_millis).into(),
        refunded.into(),
        refund_state.map(code).into(),
        order_no.id().into(),
        store.0.into(),
        (*version).into(),
        code(*from).into(),
    ];
    if unit.execute(update, values).await? != 1 {
        return Err(StoreError::Contradiction("a locked order changed"));
    }
    Ok(())
}

/// The reason that a state brings with it.
fn reason_in(state: &OrderState) -> Option<CancelReason> {
    if let OrderState::Cancelled { reason } = state { Some(*reason) } else { None }
}

/// The fact as it happened: a restock that found less tells of less.
fn announced(transition: &Transition, restock: &[RestockLine]) -> Option<Fact> {
    let mut fact = transition.fact.clone()?;
    if let Fact::OrderRefunded { order } = &mut fact {
        order.restocked = restock.to_vec();
    }
    Some(fact)
}
