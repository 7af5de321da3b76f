//! A preview tells what placing would refuse, in its order, and what the buyer was shown holds or nothing is placed.

use std::{collections::HashMap, sync::Arc};

use sluice_kernel::{Attribution, Classified, FormField, Money, PayType, ProductId, Quantity, SkuId};

use crate::{
    CartRequest, CommitOutcome, Expected, IdempotencyKey, OrderError, OrderInput, OrderService as _, PlaceActivityOrder,
    PlaceCartOrder, Recipient, RequestedLine, ShelfCard, StockRefusal, Unpaid,
    fakes::{World, command, found, offer},
};

fn card(sku: i64, price: i64) -> ShelfCard {
    let shelf = offer(PayType::Cash).shelf;
    ShelfCard { sku_id: SkuId(sku), product_id: ProductId(sku), price: Money { amount: price, ..shelf.price }, ..shelf }
}

fn request(lines: &[(&str, i64)], expected: Expected) -> CartRequest {
    let PlaceActivityOrder { store, user, .. } = command(PayType::Cash);
    let line =
        |(sku, quantity): &(&str, i64)| RequestedLine { sku: (*sku).to_owned(), quantity: Quantity::new(*quantity).unwrap() };
    CartRequest {
        store,
        user,
        input: OrderInput::Items(lines.iter().map(line).collect()),
        recipient: Recipient::default(),
        verify_code: None,
        store_code: None,
        attribution: Attribution::default(),
        referrer: None,
        expected,
    }
}

fn placing(request: CartRequest) -> PlaceCartOrder {
    PlaceCartOrder { key: IdempotencyKey { route: "orders", ..command(PayType::Cash).key }, request }
}

fn total(amount: i64) -> Expected {
    Expected { total: Some(amount), points: None }
}

fn world(cached: Vec<ShelfCard>, kept: Vec<ShelfCard>) -> Arc<World> {
    let world = World::new(PayType::Cash);
    *world.cards.lock().unwrap() = (cached, kept);
    *world.usable.lock().unwrap() = HashMap::from([(SkuId(1), 5), (SkuId(2), 5)]);
    Arc::new(world)
}

#[tokio::test]
async fn a_preview_lists_every_refusal_in_the_order_of_placing_and_takes_nothing() {
    let unlisted = ShelfCard { buyable: false, ..card(3, 10) };
    let asks = ShelfCard { form: [FormField::Recipients].into(), ..card(2, 10) };
    let cards = vec![card(1, 10), asks, unlisted];
    let world = world(cards.clone(), cards);
    *world.unpaid.lock().unwrap() = Unpaid { orders: 20, units: 20 };
    let service = world.service();

    let asked = request(&[("1", 9), ("2", 5), ("3", 1), ("x", 1), ("4", 1)], total(1));
    let preview = service.preview(asked).await.unwrap();
    let codes: Vec<&str> = preview.problems.iter().map(Classified::code).collect();
    assert_eq!(codes, ["off_shelf", "field_required", "total_changed", "too_many_unpaid", "insufficient_stock"]);
    let off_shelf = [(2, "3".to_owned()), (3, "x".to_owned()), (4, "4".to_owned())];
    assert!(matches!(&preview.problems[0], OrderError::OffShelf { lines } if *lines == off_shelf));
    let short = &preview.problems[4];
    assert!(matches!(short, OrderError::InsufficientStock { lines } if lines.len() == 1 && lines[0].usable == 5), "{short:?}");
    // What is on the shelf is priced, short or not.
    assert_eq!((preview.priced.total.amount, preview.priced.items.len(), preview.priced.parts.len()), (140, 2, 1));
    assert!(world.written.lock().unwrap().is_empty() && world.reserved.lock().unwrap().is_empty());

    let preview = service.preview(request(&[("x", 1)], Expected::default())).await.unwrap();
    assert_eq!(preview.priced.total, Money::new(0, "EUR".parse().unwrap()), "in the store's currency");
}

#[tokio::test]
async fn a_preview_shows_the_present_price_whatever_is_cached() {
    let world = world(vec![card(1, 10)], vec![card(1, 12)]);
    let preview = world.service().preview(request(&[("1", 2)], total(24))).await.unwrap();
    assert_eq!((preview.priced.total.amount, preview.problems.len()), (24, 0));
}

#[tokio::test]
async fn a_verification_code_is_checked_where_a_product_asks_for_it() {
    let asks = ShelfCard { form: [FormField::VerifyCode].into(), ..card(1, 10) };
    let world = world(vec![asks.clone()], vec![asks]);
    *world.code.lock().unwrap() = Some("123456".to_owned());
    let with = |code: &str| CartRequest {
        recipient: Recipient { phone: Some("13800000000".to_owned()), ..Recipient::default() },
        verify_code: Some(code.to_owned()),
        ..request(&[("1", 1)], Expected::default())
    };
    let service = world.service();
    let wrong = service.preview(with("0")).await.unwrap();
    assert!(matches!(wrong.problems[..], [OrderError::VerifyCodeInvalid]), "{:?}", wrong.problems);
    assert!(service.preview(with("123456")).await.unwrap().problems.is_empty());
}

#[tokio::test]
async fn another_total_than_the_buyer_saw_is_refused_by_what_is_true_and_not_by_a_stale_card() {
    // The buyer saw the new price, this process has the old one.
    let after = world(vec![card(1, 10)], vec![card(1, 12)]);
    let placed = after.service().place(placing(request(&[("1", 1)], total(12)))).await.unwrap();
    assert_eq!(placed.order.terms.total.amount, 12);

    // The buyer saw the old price: the gate knows that it is old.
    let before = world(vec![card(1, 10)], vec![card(1, 12)]);
    before.commits.lock().unwrap().push_back(CommitOutcome::Refused(StockRefusal::Outdated(vec![SkuId(1)])));
    let refused = before.service().place(placing(request(&[("1", 1)], total(10)))).await.unwrap_err();
    let now = 12;
    assert!(matches!(refused, OrderError::TotalChanged { total, .. } if total.amount == now), "{refused:?}");
    assert_eq!(before.written.lock().unwrap().len(), 1, "nothing is written after the refusal");

    // Points are compared by themselves.
    let points = Expected { total: None, points: Some(1) };
    let refused = after.service().place(placing(request(&[("1", 1)], points))).await.unwrap_err();
    assert!(matches!(refused, OrderError::TotalChanged { points_total, .. } if points_total.0 == 500), "{refused:?}");
}

#[tokio::test]
async fn an_activity_order_holds_to_what_the_buyer_saw() {
    let world = Arc::new(World::new(PayType::Cash));
    let mut dearer = offer(PayType::Cash);
    dearer.shelf.price.amount = 2_000;
    world.lookups.lock().unwrap().1 = found(dearer);
    let service = world.service();
    // 2 × 1990 × 0.8 by the cache, 2 × 2000 × 0.8 by the catalog.
    let with = |amount| PlaceActivityOrder { expected: total(amount), ..command(PayType::Cash) };
    let placed = service.place_activity(with(3_200)).await.unwrap();
    assert_eq!(placed.order.terms.total.amount, 3_200);
    let refused = service.place_activity(with(3_184)).await.unwrap_err();
    assert_eq!(refused.code(), "total_changed");
    assert_eq!(world.written.lock().unwrap().len(), 1);
}
