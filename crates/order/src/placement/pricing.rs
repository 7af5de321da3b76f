//! What a cart order comes to (docs/domain.md S2 rules 4 and 5).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_kernel::{Currency, Money, Points, SkuId};

use super::lines::Wanted;
use crate::{Expected, ItemLine, OrderError, ShelfCard};

/// What one delivery place fulfils: the child order before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPart {
    pub delivery_place: Arc<str>,
    pub total: Money,
    pub points_total: Points,
    pub profit_total: i64,
}

/// What an order comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// In SKU order.
    pub items: Vec<ItemLine>,
    /// By delivery place.
    pub parts: Vec<DeliveryPart>,
    pub total: Money,
    pub points_total: Points,
    pub profit_total: i64,
}

/// Rule 4 and the split of rule 5: totals from the server's prices, one part for each delivery place. `currency`: the store's.
pub fn price(
    wanted: &BTreeMap<SkuId, Wanted>,
    cards: &HashMap<SkuId, Arc<ShelfCard>>,
    currency: Currency,
) -> Result<Priced, OrderError> {
    let mut items = Vec::with_capacity(wanted.len());
    for (sku, wanted) in wanted {
        let Some(card) = cards.get(sku) else { continue };
        items.push(ItemLine {
            sku_id: *sku,
            product_id: card.product_id,
            title: card.title.clone(),
            picture: card.picture.clone(),
            spec: card.spec.clone(),
            code: card.code.clone(),
            quantity: wanted.quantity,
            unit_price: card.price,
            unit_points: card.points,
            line_total: card.price.times(wanted.quantity)?,
            supplier_price: card.supplier_price,
            allotable_profit: card.allotable_profit,
            delivery_place: card.delivery_place.clone(),
            revision: card.revision,
        });
    }
    let mut places: Vec<Arc<str>> = items.iter().map(|item| item.delivery_place.clone()).collect();
    places.sort();
    places.dedup();
    let mut parts = Vec::with_capacity(places.len());
    for place in places {
        let (total, points_total, profit_total) = totals(items.iter().filter(|item| item.delivery_place == place), currency)?;
        parts.push(DeliveryPart { delivery_place: place, total, points_total, profit_total });
    }
    let (total, points_total, profit_total) = totals(items.iter(), currency)?;
    Ok(Priced { items, parts, total, points_total, profit_total })
}

/// Cards of one store have its currency; `None` where there is no card.
pub fn currency_of(cards: &HashMap<SkuId, Arc<ShelfCard>>) -> Option<Currency> {
    cards.values().next().map(|card| card.price.currency)
}

/// The buyer was shown these sums, or none.
pub fn check_expected(expected: Expected, total: Money, points_total: Points) -> Result<(), OrderError> {
    let as_expected =
        expected.total.is_none_or(|shown| shown == total.amount) && expected.points.is_none_or(|shown| shown == points_total.0);
    if as_expected { Ok(()) } else { Err(OrderError::TotalChanged { expected, total, points_total }) }
}

fn totals<'a>(items: impl Iterator<Item = &'a ItemLine>, currency: Currency) -> Result<(Money, Points, i64), OrderError> {
    let mut total = Money::zero(currency);
    let mut points = Points(0);
    let mut profit = Money::zero(currency);
    for item in items {
        total = total.checked_add(item.line_total)?;
        points = points.checked_add(item.unit_points.times(item.quantity)?)?;
        profit = profit.checked_add(Money::new(item.allotable_profit, currency).times(item.quantity)?)?;
    }
    Ok((total, points, profit.amount))
}
