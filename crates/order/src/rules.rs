//! The rules of a cart order as plain functions: sums, required fields, totals, the split into child orders.
//!
//! Nothing here waits or fails for technical reasons; spec.md S2 rules 1, 3 and 4.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_kernel::{Currency, IdGenerator, Money, Points, Quantity, SkuId, text::is_visible};

use crate::{Attribution, ChildOrder, ItemLine, MissingField, OrderError, Recipient, RequestedLine, RequiredField, ShelfCard};

/// Lines an order takes at most, counted before lines of one SKU are summed (api.md, Limits).
pub const MOST_LINES: usize = 100;

/// One SKU of the order: the index of its first line in the request, and the summed quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub line: usize,
    pub quantity: Quantity,
}

/// Sums lines of one SKU; in SKU order, which is also the lock order.
pub fn sum_lines(lines: &[RequestedLine]) -> Result<BTreeMap<SkuId, Wanted>, OrderError> {
    if lines.len() > MOST_LINES {
        return Err(OrderError::TooManyLines);
    }
    if lines.is_empty() {
        return Err(invalid("/items", "at least one line"));
    }
    let mut unknown = Vec::new();
    let mut wanted = BTreeMap::<SkuId, Wanted>::new();
    for (line, requested) in lines.iter().enumerate() {
        // An id is opaque to the client: one that cannot be ours names a SKU that does not exist.
        let Some(sku) = requested.sku.parse::<SkuId>().ok().filter(|sku| sku.to_string() == requested.sku) else {
            unknown.push((line, requested.sku.clone()));
            continue;
        };
        match wanted.get_mut(&sku) {
            None => {
                wanted.insert(sku, Wanted { line, quantity: requested.quantity });
            }
            Some(known) => {
                known.quantity = known
                    .quantity
                    .checked_add(requested.quantity)
                    .map_err(|_| invalid(&format!("/items/{line}/quantity"), "the lines of one SKU sum to more than 9999"))?;
            }
        }
    }
    if unknown.is_empty() { Ok(wanted) } else { Err(OrderError::OffShelf { lines: unknown }) }
}

/// Rule 1: every SKU exists in the store and is listed, its product too.
pub fn check_shelf(wanted: &BTreeMap<SkuId, Wanted>, cards: &HashMap<SkuId, Arc<ShelfCard>>) -> Result<(), OrderError> {
    let lines: Vec<(usize, String)> = wanted
        .iter()
        .filter(|(sku, _)| !cards.get(sku).is_some_and(|card| card.buyable))
        .map(|(sku, wanted)| (wanted.line, sku.to_string()))
        .collect();
    if lines.is_empty() { Ok(()) } else { Err(OrderError::OffShelf { lines }) }
}

/// A text that says something.
pub fn given(text: Option<&String>) -> bool {
    text.is_some_and(|text| is_visible(text))
}

/// Rule 3: the required form fields of every product. Answers whether a verification code must be checked.
pub fn check_fields<'a>(
    cards: impl Iterator<Item = &'a Arc<ShelfCard>>,
    recipient: &Recipient,
    verify_code: Option<&String>,
) -> Result<bool, OrderError> {
    let name = ("/recipient/name", "name", given(recipient.name.as_ref()));
    let phone = ("/recipient/phone", "phone", given(recipient.phone.as_ref()));
    let id_card = ("/recipient/id_card", "id_card", given(recipient.id_card.as_ref()));
    let place = [
        ("/recipient/province", "province", given(recipient.province.as_ref())),
        ("/recipient/city", "city", given(recipient.city.as_ref())),
        ("/recipient/district", "district", given(recipient.district.as_ref())),
        ("/recipient/address", "address", given(recipient.address.as_ref())),
    ];
    let code = ("/verify_code", "verify_code", given(verify_code));

    let mut missing = Vec::new();
    let mut check_code = false;
    for card in cards {
        for required in card.required.iter() {
            let needed: Vec<(&'static str, &'static str, bool)> = match required {
                RequiredField::Recipients => vec![name],
                RequiredField::Tel => vec![phone],
                RequiredField::IdCard => vec![id_card],
                RequiredField::VerifyCode => {
                    check_code = true;
                    vec![phone, code]
                }
                RequiredField::ReceivingInfo => [vec![name, phone], place.to_vec()].concat(),
            };
            let absent = needed.into_iter().filter(|(_, _, given)| !given);
            missing.extend(absent.map(|(pointer, field, _)| MissingField { pointer, field, product: card.product_id }));
        }
    }
    missing.dedup();
    if missing.is_empty() { Ok(check_code) } else { Err(OrderError::FieldRequired { missing }) }
}

/// Longest texts, in characters (docs/errors.md lists them for clients).
pub fn check_texts(
    recipient: &Recipient,
    attribution: &Attribution,
    others: &[(&str, Option<&String>, usize)],
) -> Result<(), OrderError> {
    let fixed = [
        ("/recipient/name", recipient.name.as_ref(), 64),
        ("/recipient/phone", recipient.phone.as_ref(), 32),
        ("/recipient/id_card", recipient.id_card.as_ref(), 32),
        ("/recipient/province", recipient.province.as_ref(), 64),
        ("/recipient/city", recipient.city.as_ref(), 64),
        ("/recipient/district", recipient.district.as_ref(), 64),
        ("/recipient/address", recipient.address.as_ref(), 200),
        ("/attribution/rq", attribution.rq.as_ref(), 128),
        ("/attribution/cookie_id", attribution.cookie_id.as_ref(), 128),
    ];
    for (pointer, text, most) in fixed.iter().chain(others) {
        if text.is_some_and(|text| text.chars().count() > *most) {
            return Err(invalid(pointer, &format!("at most {most} characters")));
        }
    }
    Ok(())
}

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

pub fn invalid(pointer: &str, reason: &str) -> OrderError {
    OrderError::InvalidField { pointer: pointer.to_owned(), reason: reason.to_owned() }
}
