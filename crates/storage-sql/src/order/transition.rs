//! A change of state: the order's row, its stock, its refund and its fact in one transaction.
//!
//! Contract: locks are taken as order → stock → limits (an outside gate's epoch before both). Everything is decided before
//! anything is written, so an answer other than `Done` has changed nothing.

use std::collections::HashMap;

use sea_orm::Value;
use sluice_events::{Fact, MovementKind, RestockLine};
use sluice_inventory::{GateEffect, ReserveLine};
use sluice_kernel::{OrderNo, ReservationId, SkuId, Timestamp, UserId};
use sluice_order::{Applied, OrderKind, OrderStatus, RefundRecord, RefundState, StockStep, Transition};

use super::{
    activity::stock_terms,
    codes::{kind_of, reason_in, refund_code, status_code, status_of},
};
use crate::{
    error::{StoreError, StoreResult},
    inventory::{
        StockMode, commit_outcomes,
        limits::LimitKey,
        queue_effect, shared_epoch,
        stock::{Cause, LockedStock},
    },
    messaging::outbox,
    multi_row::column,
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

/// The order as it is now, locked with its items.
struct Locked {
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

pub(super) async fn apply(unit: &UnitOfWork, mode: StockMode, transition: &Transition) -> StoreResult<Applied> {
    let epoch = match &transition.stock {
        StockStep::LateSell { .. } if mode == StockMode::Reserved => Some(shared_epoch(unit).await?),
        StockStep::None | StockStep::Sell(_) | StockStep::Release(_) | StockStep::LateSell { .. } | StockStep::Restock(_) => None,
    };
    let Some(locked) = lock(unit, transition).await? else { return Ok(Applied::Lost) };
    if let Some(refund) = &transition.refund
        && unit.row("SELECT amount FROM order_refunds WHERE refund_id = ?", vec![refund.id.as_str().into()]).await?.is_some()
    {
        return Ok(Applied::Repeated);
    }
    if locked.version != transition.version || locked.status != transition.from {
        return Ok(Applied::Lost);
    }
    if let (StockStep::LateSell { reservation, epoch: reserved_in, .. }, Some(present)) = (&transition.stock, epoch) {
        if !present.open || *reserved_in != Some(present.epoch) {
            return Ok(Applied::EpochMoved);
        }
        if !commit_outcomes(unit, vec![(reservation.to_string(), transition.now)]).await?.is_empty() {
            return Ok(Applied::EpochMoved);
        }
    }
    let restock = restockable(&locked, &transition.stock);
    let moved = match mode {
        StockMode::InCommit => move_stock(unit, transition, &locked, &restock).await?,
        StockMode::Reserved => tell_gate(unit, transition, &restock).await?,
    };
    if !moved {
        return Ok(Applied::Short);
    }
    write_restock(unit, transition.order_no, &restock).await?;
    write_order(unit, transition, &locked).await?;
    if let Some(fact) = told(transition, restock) {
        outbox::append(unit, &fact, transition.traceparent.as_deref(), transition.now).await?;
    }
    Ok(Applied::Done)
}

async fn lock(unit: &UnitOfWork, transition: &Transition) -> StoreResult<Option<Locked>> {
    const SELECT: &str = "SELECT o.status, o.version, o.total, o.refunded, o.cancel_reason, o.attempt, i.sku_id, i.quantity, i.restocked, o.kind, o.user_id \
                          FROM orders o JOIN order_items i ON i.main_no = o.order_no WHERE o.order_no = ? AND o.store_id = ? \
                          ORDER BY i.sku_id";
    let select = match unit.dialect() {
        Dialect::Sqlite => SELECT.to_owned(),
        Dialect::MySql => format!("{SELECT} FOR UPDATE"),
    };
    let rows = unit.rows(select, vec![transition.order_no.id().into(), transition.store.0.into()]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let lines = rows
        .iter()
        .map(|row| Ok(Line { sku: SkuId(column(row, 6)?), quantity: column(row, 7)?, restocked: column(row, 8)? }))
        .collect::<StoreResult<Vec<Line>>>()?;
    let status = status_of(column(first, 0)?)?;
    let (was_cancelled, attempt) = (column::<Option<i16>>(first, 4)?.is_some(), column::<i16>(first, 5)?);
    let is_of_activity = kind_of(column(first, 9)?)? == OrderKind::Activity;
    let limit = LimitKey { sku: SkuId(column(first, 6)?), user: UserId(column(first, 10)?) };
    Ok(Some(Locked {
        status,
        version: column(first, 1)?,
        total: column(first, 2)?,
        refunded: column(first, 3)?,
        limit: is_of_activity.then_some(limit),
        held_units: status != OrderStatus::PaidAfterClose && (!was_cancelled || attempt > 1),
        lines,
    }))
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

/// The database gate: figures and ledger in the order's own transaction. `false` where late money finds too little, or
/// the user's limit taken.
async fn move_stock(unit: &UnitOfWork, transition: &Transition, locked: &Locked, restock: &[RestockLine]) -> StoreResult<bool> {
    let skus: Vec<SkuId> = match &transition.stock {
        StockStep::None => return Ok(true),
        StockStep::Restock(_) => restock.iter().map(|line| line.sku_id).collect(),
        StockStep::Sell(_) | StockStep::Release(_) | StockStep::LateSell { .. } => {
            locked.lines.iter().map(|line| line.sku).collect()
        }
    };
    let limit = locked.limit.as_ref().filter(|_| matches!(transition.stock, StockStep::Release(_) | StockStep::LateSell { .. }));
    let mut stock = LockedStock::lock_with_limits(unit, skus, limit.cloned().into_iter().collect()).await?;
    match &transition.stock {
        StockStep::None => {}
        StockStep::Sell(reservation) => move_lines(&mut stock, transition, locked, *reservation, MovementKind::Sell)?,
        StockStep::Release(reservation) => {
            move_lines(&mut stock, transition, locked, *reservation, MovementKind::Release)?;
            if let Some(limit) = limit {
                let units = locked.lines.iter().filter(|line| line.sku == limit.sku).map(|line| line.quantity).sum();
                stock.free_limit(transition.store, limit, units)?;
            }
        }
        StockStep::LateSell { reservation, terms, .. } => {
            let movement_id = reservation.to_string();
            // What was asked and paid for at the time is not priced again.
            let lines: Vec<ReserveLine> =
                locked.lines.iter().map(|line| ReserveLine { sku: line.sku, quantity: line.quantity, revision: None }).collect();
            if stock.take(&cause(transition, &movement_id), &lines, &stock_terms(terms.clone()), transition.now)?.is_err() {
                return Ok(false);
            }
            move_lines(&mut stock, transition, locked, *reservation, MovementKind::Sell)?;
        }
        StockStep::Restock(refund) => {
            for line in restock {
                if !stock.move_units(&cause(transition, refund.id.as_str()), MovementKind::Restock, line.sku_id, line.quantity) {
                    return Err(StoreError::Contradiction("a restock of units that the stock row does not count as sold"));
                }
            }
        }
    }
    stock.write(unit).await?;
    Ok(true)
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
async fn tell_gate(unit: &UnitOfWork, transition: &Transition, restock: &[RestockLine]) -> StoreResult<bool> {
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
        queue_effect(unit, &effect).await?;
    }
    Ok(true)
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
        let insert = "INSERT INTO order_refunds (refund_id, order_no, amount, at) VALUES (?, ?, ?, ?)";
        unit.execute(insert, vec![id.as_str().into(), order_no.id().into(), (*amount).into(), now.as_millis().into()]).await?;
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
        status_code(to.status()).into(),
        reason_in(to).into(),
        attempt.into(),
        to.payment().map(|payment| payment.as_str().to_owned()).into(),
        paid_at.map(Timestamp::as_millis).into(),
        refunded.into(),
        refund_state.map(refund_code).into(),
        order_no.id().into(),
        store.0.into(),
        (*version).into(),
        status_code(*from).into(),
    ];
    if unit.execute(update, values).await? != 1 {
        return Err(StoreError::Contradiction("a locked order changed"));
    }
    Ok(())
}

/// The fact as it happened: a restock that found less tells of less.
fn told(transition: &Transition, restock: Vec<RestockLine>) -> Option<Fact> {
    let mut fact = transition.fact.clone()?;
    if let Fact::OrderRefunded { order } = &mut fact {
        order.restocked = restock;
    }
    Some(fact)
}
