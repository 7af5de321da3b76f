//! What a cart order comes to (docs/domain.md S2 rules 4 and 5).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_kernel::{Currency, IdGenerator, Money, Points, SkuId};

use super::lines::Wanted;
use crate::{ChildOrder, ItemLine, OrderError, ShelfCard};

/// What an order comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    pub items: Vec<ItemLine>,
    pub children: Vec<ChildOrder>,
    pub total: Money,
    pub points_total: Points,
    pub profit_total: i64,
}

/// Rule 4 and the split of rule 5: totals from the server's prices, one child order for each delivery place.
pub fn price(
    wanted: &BTreeMap<SkuId, Wanted>,
    cards: &HashMap<SkuId, Arc<ShelfCard>>,
    ids: &dyn IdGenerator,
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
    let currency = items.first().map_or(Currency::CNY, |item| item.unit_price.currency);
    let mut places: Vec<Arc<str>> = items.iter().map(|item| item.delivery_place.clone()).collect();
    places.sort();
    places.dedup();
    let mut children = Vec::with_capacity(places.len());
    for place in places {
        let (total, points_total, profit_total) = totals(items.iter().filter(|item| item.delivery_place == place), currency)?;
        children.push(ChildOrder { order_no: ids.order_no()?, delivery_place: place, total, points_total, profit_total });
    }
    let (total, points_total, profit_total) = totals(items.iter(), currency)?;
    Ok(Priced { items, children, total, points_total, profit_total })
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
