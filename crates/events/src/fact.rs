//! What one transaction did, kept as one outbox row and unpacked into its messages by the relay: a quarter of the
//! writing that a row a message would cost on the placement path.

use serde::{Deserialize, Serialize};
use sluice_kernel::{OrderNo, ReservationId, Timestamp};

use crate::{
    Envelope, MovementKind, OrderCancelled, OrderCreated, OrderLine, OrderPaid, OrderRefunded, Payload, PaymentSettled, StockMoved,
};

/// One committed change. The stock movements it caused are derived from it, never stored twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// An order was placed; its lines were reserved under its first reservation.
    OrderPlaced { order: OrderCreated },
    /// An order became paid: `reservation` was sold. `late` says that the money came after the order was closed, so
    /// the units were reserved anew (attempt > 1) in the same step.
    OrderPaid { order: OrderPaid, reservation: ReservationId, late: bool },
    /// An order was cancelled or failed: `reservation` was released.
    OrderCancelled { order: OrderCancelled, reservation: ReservationId },
    /// A refund took effect; the restocked units are named by the refund.
    OrderRefunded { order: OrderRefunded },
    /// A payment or refund reached a final state at its provider.
    PaymentSettled { payment: PaymentSettled },
    /// Staff received or wrote off units.
    StockAdjusted { movement: StockMoved },
}

impl Fact {
    /// The key that orders this fact among others: the order, or the adjustment's movement.
    pub fn key(&self) -> String {
        match self {
            Self::OrderPlaced { order } => order.order_no.to_string(),
            Self::OrderPaid { order, .. } => order.order_no.to_string(),
            Self::OrderCancelled { order, .. } => order.order_no.to_string(),
            Self::OrderRefunded { order } => order.order_no.to_string(),
            Self::PaymentSettled { payment } => payment.order_no.to_string(),
            Self::StockAdjusted { movement } => movement.sku_id.to_string(),
        }
    }

    /// The stock movements of this fact, in the order they happened.
    pub fn movements(&self) -> Vec<StockMoved> {
        match self {
            Self::OrderPlaced { order } => {
                let reservation = ReservationId::first(order.order_no);
                moved(&order.lines, MovementKind::Reserve, order.store_id, reservation, order.created_at)
            }
            Self::OrderPaid { order, reservation, late } => {
                let mut all = Vec::new();
                if *late {
                    all.extend(moved(&order.lines, MovementKind::Reserve, order.store_id, *reservation, order.paid_at));
                }
                all.extend(moved(&order.lines, MovementKind::Sell, order.store_id, *reservation, order.paid_at));
                all
            }
            Self::OrderCancelled { order, reservation } => {
                moved(&order.lines, MovementKind::Release, order.store_id, *reservation, order.at)
            }
            Self::OrderRefunded { order } => order
                .restocked
                .iter()
                .map(|line| StockMoved {
                    movement_id: order.refund_id.to_string(),
                    store_id: order.store_id,
                    sku_id: line.sku_id,
                    kind: MovementKind::Restock,
                    quantity: line.quantity,
                    order_no: Some(order.order_no),
                    reason: None,
                    at: order.at,
                })
                .collect(),
            Self::PaymentSettled { .. } => Vec::new(),
            Self::StockAdjusted { movement } => vec![movement.clone()],
        }
    }

    /// The messages to publish, in order. Ids depend on the fact alone, so publishing twice repeats them.
    pub fn envelopes(&self, traceparent: Option<&str>) -> Result<Vec<Envelope>, serde_json::Error> {
        let mut out = Vec::new();
        match self {
            Self::OrderPlaced { order } => {
                out.push(message(order.order_no, format!("{}/created", order.order_no), order.created_at, order)?);
            }
            Self::OrderPaid { order, reservation, .. } => {
                out.push(message(order.order_no, format!("{reservation}/paid"), order.paid_at, order)?);
            }
            Self::OrderCancelled { order, reservation } => {
                out.push(message(order.order_no, format!("{reservation}/cancelled"), order.at, order)?);
            }
            Self::OrderRefunded { order } => {
                out.push(message(order.order_no, format!("{}/refunded", order.refund_id), order.at, order)?);
            }
            Self::PaymentSettled { payment } => {
                out.push(message(payment.order_no, payment.id(), payment.at, payment)?);
            }
            Self::StockAdjusted { .. } => {}
        }
        for movement in self.movements() {
            out.push(Envelope {
                topic: StockMoved::TOPIC,
                key: movement.sku_id.to_string(),
                id: format!("{}/{}/{}", movement.movement_id, movement.kind.as_str(), movement.sku_id),
                kind: StockMoved::KIND.into(),
                time: movement.at,
                traceparent: None,
                data: serde_json::to_string(&movement)?,
            });
        }
        for envelope in &mut out {
            envelope.traceparent = traceparent.map(str::to_owned);
        }
        Ok(out)
    }
}

fn message<P: Payload>(order: OrderNo, id: String, time: Timestamp, payload: &P) -> Result<Envelope, serde_json::Error> {
    let data = serde_json::to_string(payload)?;
    Ok(Envelope { topic: P::TOPIC, key: order.to_string(), id, kind: P::KIND.into(), time, traceparent: None, data })
}

fn moved(
    lines: &[OrderLine],
    kind: MovementKind,
    store_id: sluice_kernel::StoreId,
    reservation: ReservationId,
    at: Timestamp,
) -> Vec<StockMoved> {
    lines
        .iter()
        .map(|line| StockMoved {
            movement_id: reservation.to_string(),
            store_id,
            sku_id: line.sku_id,
            kind,
            quantity: line.quantity,
            order_no: Some(reservation.order),
            reason: None,
            at,
        })
        .collect()
}
