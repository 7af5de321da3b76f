//! Lines and sums of a cart order: the rules of docs/domain.md S2, one test each, and the totals as properties.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use proptest::prelude::*;
use sluice_kernel::{Classified as _, Currency, Money, Points, ProductId, Quantity, SkuId};

use super::{
    lines::{Summed, Wanted, check_shelf, sum_lines},
    pricing::price,
};
use crate::{OrderError, RequestedLine, ShelfCard};

fn line(sku: &str, quantity: i64) -> RequestedLine {
    RequestedLine { sku: sku.to_owned(), quantity: Quantity::new(quantity).unwrap() }
}

fn card(sku: i64, price: i64, place: &str) -> Arc<ShelfCard> {
    Arc::new(ShelfCard {
        sku_id: SkuId(sku),
        product_id: ProductId(sku),
        title: format!("Product {sku}").into(),
        picture: None,
        spec: "standard".into(),
        code: format!("SKU-{sku}").into(),
        price: Money::new(price, Currency::CNY),
        points: Points(5),
        allotable_profit: 150,
        supplier_price: 990,
        delivery_place: place.into(),
        form: [].into(),
        buyable: true,
        revision: 1,
    })
}

fn shelf(cards: &[Arc<ShelfCard>]) -> HashMap<SkuId, Arc<ShelfCard>> {
    cards.iter().map(|card| (card.sku_id, card.clone())).collect()
}

#[test]
fn lines_of_one_sku_are_summed_and_keep_their_first_place() {
    let summed = sum_lines(&[line("2", 3), line("1", 1), line("2", 4)]).unwrap();
    let expected = BTreeMap::from([
        (SkuId(1), Wanted { line: 1, quantity: Quantity::new(1).unwrap() }),
        (SkuId(2), Wanted { line: 0, quantity: Quantity::new(7).unwrap() }),
    ]);
    assert_eq!(summed, Summed { wanted: expected, unknown: Vec::new() });
}

#[test]
fn a_sum_over_9999_is_refused() {
    let error = sum_lines(&[line("1", 9_999), line("1", 1)]).unwrap_err();
    assert_eq!(error.code(), "invalid_field");
    assert!(matches!(error, OrderError::InvalidField(invalid) if invalid.pointer == "/items/1/quantity"));
}

#[test]
fn an_id_that_cannot_be_ours_is_off_the_shelf() {
    let summed = sum_lines(&[line("1", 1), line("abc", 1), line("+1", 1), line("01", 1)]).unwrap();
    assert_eq!(summed.wanted.keys().collect::<Vec<_>>(), [&SkuId(1)]);
    let error = check_shelf(&summed, &shelf(&[card(1, 10, "1")])).unwrap_err();
    let named = [(1, "abc".to_owned()), (2, "+1".to_owned()), (3, "01".to_owned())];
    assert!(matches!(error, OrderError::OffShelf { lines } if lines == named));
}

#[test]
fn rule_1_names_every_line_that_is_not_on_the_shelf() {
    let summed = sum_lines(&[line("x", 1), line("1", 1), line("2", 1), line("3", 1)]).unwrap();
    let mut unlisted = ShelfCard::clone(&card(2, 10, "1"));
    unlisted.buyable = false;
    let cards = shelf(&[card(1, 10, "1"), Arc::new(unlisted)]);
    let error = check_shelf(&summed, &cards).unwrap_err();
    let named = [(0, "x".to_owned()), (2, "2".to_owned()), (3, "3".to_owned())];
    assert!(matches!(error, OrderError::OffShelf { lines } if lines == named));
}

#[test]
fn rule_4_overflow_is_an_error() {
    let wanted = sum_lines(&[line("1", 9_999)]).unwrap().wanted;
    let cards = shelf(&[card(1, i64::MAX / 2, "1")]);
    let error = price(&wanted, &cards, Currency::CNY).unwrap_err();
    assert!(matches!(error, OrderError::InvalidField(invalid) if invalid.pointer == "/items"));
}

proptest! {
    /// Rules 4 and 5: the total is the sum of its lines, and the parts' totals are the order's.
    #[test]
    fn totals_of_lines_parts_and_order_agree(lines in prop::collection::vec((1_i64..30, 1_i64..300, 0_i64..1_000_000), 1..60)) {
        let mut cards = HashMap::new();
        let mut requested = Vec::new();
        for (sku, quantity, unit) in &lines {
            let place = if sku % 3 == 0 { "2" } else { "1" };
            cards.entry(SkuId(*sku)).or_insert_with(|| card(*sku, *unit, place));
            requested.push(line(&sku.to_string(), *quantity));
        }
        let wanted = sum_lines(&requested).unwrap().wanted;
        let priced = price(&wanted, &cards, Currency::CNY).unwrap();
        let by_hand: i64 = lines.iter().map(|(sku, quantity, _)| cards[&SkuId(*sku)].price.amount * quantity).sum();
        prop_assert_eq!(priced.total.amount, by_hand);
        prop_assert_eq!(priced.items.iter().map(|item| item.line_total.amount).sum::<i64>(), by_hand);
        prop_assert_eq!(priced.parts.iter().map(|part| part.total.amount).sum::<i64>(), by_hand);
        prop_assert_eq!(priced.parts.iter().map(|part| part.points_total.0).sum::<i64>(), priced.points_total.0);
        prop_assert_eq!(priced.parts.iter().map(|part| part.profit_total).sum::<i64>(), priced.profit_total);
    }
}
