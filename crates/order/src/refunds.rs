//! What staff may ask of a refund, and what it returns to stock.

use sluice_events::RestockLine;
use sluice_kernel::{RefundId, text::is_visible};

use crate::{IdempotencyKey, Order, OrderError, OrderStatus, RefundAsk, RestockChoice, RestockWish, rules};

/// The refund's id follows from its key: repeating the request names the same refund towards the provider.
pub(crate) fn refund_id(key: &IdempotencyKey) -> RefundId {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(format!("{}\n{}\n{}\n{}", key.route, key.store, key.user, key.key));
    RefundId(hash.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

pub(crate) fn check_refund(order: &Order, ask: &RefundAsk) -> Result<(), OrderError> {
    if order.status() == OrderStatus::Refunded {
        return Err(OrderError::NotRefundable("all of it was refunded".to_owned()));
    }
    if !is_visible(&ask.reason) || ask.reason.chars().count() > 200 {
        return Err(rules::invalid("/reason", "1 to 200 characters"));
    }
    if order.is_paid_in_points() && ask.amount.is_some() {
        return Err(rules::invalid("/amount", "an order that was paid in points is refunded whole"));
    }
    let left = order.total.amount.saturating_sub(order.refunded);
    if ask.amount.is_some_and(|amount| amount <= 0 || amount > left) {
        return Err(rules::invalid("/amount", &format!("from 1 to the {left} minor units that are left")));
    }
    let RestockChoice::Lines(lines) = &ask.restock else {
        return Ok(());
    };
    for (index, (sku, quantity)) in lines.iter().enumerate() {
        let item = order.items.iter().find(|item| item.line.sku_id == *sku);
        let most = item.map_or(0, |item| item.line.quantity.get().saturating_sub(item.restocked));
        let repeated = lines.iter().take(index).any(|(other, _)| other == sku);
        if *quantity < 1 || *quantity > most || repeated || order.status() == OrderStatus::PaidAfterClose {
            return Err(rules::invalid(
                &format!("/restock_items/{index}"),
                &format!("at most {most} units of this SKU can be restocked"),
            ));
        }
    }
    Ok(())
}

/// Of orders that were paid in points: these are refunded once and whole, so no unit came back before.
pub(crate) fn restock_lines(order: &Order, choice: &RestockChoice) -> Vec<RestockLine> {
    match choice {
        RestockChoice::Nothing => Vec::new(),
        RestockChoice::Lines(lines) => {
            lines.iter().map(|(sku_id, quantity)| RestockLine { sku_id: *sku_id, quantity: *quantity }).collect()
        }
        // Units of an order that was paid after its close went back to stock when it was closed.
        RestockChoice::Everything if order.status() == OrderStatus::PaidAfterClose => Vec::new(),
        RestockChoice::Everything => {
            order.items.iter().map(|item| RestockLine { sku_id: item.line.sku_id, quantity: item.line.quantity.get() }).collect()
        }
    }
}

/// Of orders that were paid in money: what is left is looked at where it is written.
pub(crate) fn restock_wishes(order: &Order, choice: &RestockChoice) -> Vec<RestockWish> {
    let ordered = |sku| order.items.iter().find(|item| item.line.sku_id == sku).map_or(0, |item| item.line.quantity.get());
    match choice {
        RestockChoice::Nothing => Vec::new(),
        RestockChoice::Lines(lines) => lines
            .iter()
            .map(|(sku_id, quantity)| RestockWish { sku_id: *sku_id, wanted: Some(*quantity), ordered: ordered(*sku_id) })
            .collect(),
        // Units of an order that was paid after its close went back to stock when it was closed.
        RestockChoice::Everything if order.status() == OrderStatus::PaidAfterClose => Vec::new(),
        RestockChoice::Everything => order
            .items
            .iter()
            .map(|item| RestockWish { sku_id: item.line.sku_id, wanted: None, ordered: item.line.quantity.get() })
            .collect(),
    }
}
