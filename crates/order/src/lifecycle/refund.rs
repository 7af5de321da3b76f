//! Refunds: what staff may ask for, what returns to stock, and what a refund that took effect does to the order.

use sluice_events::{Fact, OrderRefunded, PaymentSettled};
use sluice_kernel::{InvalidField, Money, RefundId, RefundState, check};

use super::attempt::Attempt;
use crate::{
    IdempotencyKey, Order, OrderError, OrderStatus, Orders, PaymentRefund, RefundOutcome, RefundRecord, RefundRequest,
    RestockChoice, RestockRequest, StockStep, Transition,
};

/// Lines of units that a refund returns to stock; an order has no more lines.
const MAX_RESTOCK_LINES: usize = 100;

impl Orders {
    pub(crate) async fn begin_refund(&self, request: &RefundRequest) -> Result<RefundOutcome, OrderError> {
        let order = self.order(request.store, request.order_no).await?;
        let replay = self.ports.orders.find_replay(&request.key).await?;
        if replay.is_some_and(|replay| !replay.same_body) {
            return Err(OrderError::KeyReused);
        }
        let remembered = replay.is_some();
        let payment = order.state.payment().cloned();
        let payment = payment.ok_or_else(|| OrderError::NotRefundable(format!("it is {}", order.status().as_str())))?;
        let id = refund_id(&request.key);
        // A process may have died between asking for it and keeping its key: what the order has left by now is after it.
        let replayed = remembered || self.ports.payments.is_refunding(request.store, request.order_no, &id).await?;
        if !replayed {
            check_refund(&order, request)?;
        }
        let asked = if order.terms.is_paid_in_points() {
            self.refund_points(&order, request, &restock_requests(&order, &request.restock), replayed).await?
        } else {
            let refund = PaymentRefund {
                id: id.clone(),
                store: request.store,
                order_no: request.order_no,
                payment,
                amount: request.amount.map(|amount| amount.minor_units),
                reason: request.reason.clone(),
                restock: restock_requests(&order, &request.restock),
                fingerprint: Some(request.key.fingerprint),
            };
            let (amount, done) = self.ports.payments.refund(refund).await?;
            let amount = Money { amount, ..order.terms.total };
            RefundOutcome { id, order_no: request.order_no, amount, points: None, done, replayed }
        };
        if !remembered {
            self.ports.orders.remember(&request.key, request.order_no, self.ports.clock.now()).await?;
        }
        Ok(asked)
    }

    pub(crate) async fn take_refund(&self, order: Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        let Some(refund_id) = settled.refund_id.clone() else {
            return Ok(Attempt::Settled);
        };
        // A second payment that went back never belonged to the order.
        if order.state.payment() != Some(&settled.payment_id) {
            return Ok(Attempt::Settled);
        }
        let refunded = order.refunded.saturating_add(settled.amount.amount);
        let full = refunded >= order.terms.total.amount;
        let to = if full && order.state.payment().is_some() {
            match order.state.clone().refund_fully() {
                Ok(state) => state,
                // Refunded already: a replay, which the refund's own row recognises.
                Err(refused) => refused.0,
            }
        } else {
            order.state.clone()
        };
        let record = RefundRecord {
            id: refund_id.clone(),
            amount: settled.amount.amount,
            restock: settled.restock.iter().map(|line| (line.sku_id, line.quantity)).collect(),
        };
        let fact = Fact::OrderRefunded {
            order: OrderRefunded {
                order_no: order.order_no,
                kind: order.terms.kind,
                store_id: order.store,
                user_id: order.user.clone(),
                status: to.status().as_str().to_owned(),
                refund_status: if full { RefundState::Full } else { RefundState::Partial },
                refund_id,
                amount: settled.amount,
                restocked: settled.restock.clone(),
                points: settled.points,
                activity: order.activity_fact(),
                at: settled.at,
            },
        };
        let stock = if record.restock.is_empty() { StockStep::None } else { StockStep::Restock(record.clone()) };
        let transition = Transition {
            stock,
            refund: Some(record),
            settles: Some(settled.id()),
            fact: Some(fact),
            ..self.plain_transition(&order, to)
        };
        self.try_apply(&transition).await
    }
}

/// The refund's id follows from its key: repeating the request names the same refund towards the provider.
fn refund_id(key: &IdempotencyKey) -> RefundId {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(format!("{}\n{}\n{}\n{}", key.route, key.store, key.user, key.key));
    RefundId(hash.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

/// What can be said of a request before its order is read.
pub(crate) fn check_refund_request(request: &RefundRequest) -> check::Result {
    check::text("reason", &request.reason, 200)?;
    match &request.restock {
        RestockChoice::Lines(lines) => check::entries("restock_items", lines.len(), MAX_RESTOCK_LINES),
        RestockChoice::Nothing | RestockChoice::Everything => Ok(()),
    }
}

fn check_refund(order: &Order, request: &RefundRequest) -> Result<(), OrderError> {
    if order.status() == OrderStatus::Refunded {
        return Err(OrderError::NotRefundable("all of it was refunded".to_owned()));
    }
    if let Some(amount) = request.amount {
        let amount = amount.in_currency("amount", order.terms.total.currency)?;
        if order.terms.is_paid_in_points() {
            return Err(InvalidField::new("amount", "an order that was paid in points is refunded whole").into());
        }
        let left = order.terms.total.amount.saturating_sub(order.refunded);
        if amount <= 0 || amount > left {
            return Err(InvalidField::new("amount", format!("from 1 to the {left} minor units that are left")).into());
        }
    }
    let RestockChoice::Lines(lines) = &request.restock else {
        return Ok(());
    };
    for (index, (sku, quantity)) in lines.iter().enumerate() {
        let item = order.items.iter().find(|item| item.line.sku_id == *sku);
        let most = item.map_or(0, |item| item.line.quantity.get().saturating_sub(item.restocked));
        let repeated = lines.iter().take(index).any(|(other, _)| other == sku);
        if quantity.get() > most || repeated || order.status() == OrderStatus::PaidAfterClose {
            let reason = format!("at most {most} units of this SKU can be restocked");
            return Err(InvalidField::new(("restock_items", index), reason).into());
        }
    }
    Ok(())
}

/// The units that return to stock. Of an order that was paid in money what is left of them is decided where the refund is written.
fn restock_requests(order: &Order, choice: &RestockChoice) -> Vec<RestockRequest> {
    let ordered = |sku| order.items.iter().find(|item| item.line.sku_id == sku).map_or(0, |item| item.line.quantity.get());
    match choice {
        RestockChoice::Nothing => Vec::new(),
        RestockChoice::Lines(lines) => lines
            .iter()
            .map(|(sku_id, quantity)| RestockRequest { sku_id: *sku_id, wanted: Some(quantity.get()), ordered: ordered(*sku_id) })
            .collect(),
        // Units of an order that was paid after its close went back to stock when it was closed.
        RestockChoice::Everything if order.status() == OrderStatus::PaidAfterClose => Vec::new(),
        RestockChoice::Everything => order
            .items
            .iter()
            .map(|item| RestockRequest { sku_id: item.line.sku_id, wanted: None, ordered: item.line.quantity.get() })
            .collect(),
    }
}
