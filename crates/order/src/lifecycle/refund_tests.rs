//! What staff may ask of a refund, checked by the service itself.

use std::sync::Arc;

use sluice_kernel::{Amount, Currency, Money, PayType, PaymentId, Quantity, SkuId};

use crate::{
    IdempotencyKey, Order, OrderError, OrderService as _, OrderState, RefundRequest, RestockChoice,
    fakes::{SKU, STORE, World, command},
};

/// A paid order of two units, 31.84 CNY.
async fn paid_order(world: &Arc<World>) -> Order {
    let placed = world.service().place_activity(command(PayType::Cash)).await.unwrap().order;
    let paid = Order { state: OrderState::Paid { payment: PaymentId::from("p1") }, ..placed };
    *world.order.lock().unwrap() = Some(paid.clone());
    paid
}

fn ask(order: &Order) -> RefundRequest {
    RefundRequest {
        store: STORE,
        order_no: order.order_no,
        key: IdempotencyKey { route: "refunds", ..command(PayType::Cash).key },
        amount: None,
        reason: "broken".to_owned(),
        restock: RestockChoice::Nothing,
    }
}

async fn refused(world: &Arc<World>, request: RefundRequest) -> String {
    match world.service().refund(request).await {
        Err(OrderError::InvalidField(invalid)) => invalid.pointer,
        other => panic!("{other:?}"),
    }
}

fn lines(units: &[(SkuId, i64)]) -> RestockChoice {
    RestockChoice::Lines(units.iter().map(|(sku, units)| (*sku, Quantity::new(*units).unwrap())).collect())
}

#[tokio::test]
async fn a_refund_says_why_before_its_order_is_read() {
    let world = Arc::new(World::new(PayType::Cash));
    let order = paid_order(&world).await;
    *world.order.lock().unwrap() = None;
    for reason in ["", " \u{200B}", "broken\u{7}", &*"x".repeat(201)] {
        let request = RefundRequest { reason: reason.to_owned(), ..ask(&order) };
        assert_eq!(refused(&world, request).await, "/reason", "{reason:?}");
    }
    let request = RefundRequest { restock: lines(&[(SKU, 1); 101]), ..ask(&order) };
    assert_eq!(refused(&world, request).await, "/restock_items");
    assert!(matches!(world.service().refund(ask(&order)).await, Err(OrderError::NotFound)));
}

#[tokio::test]
async fn a_refund_stays_within_its_order() {
    let world = Arc::new(World::new(PayType::Cash));
    let order = paid_order(&world).await;
    let yen = Amount { minor_units: 1, currency: "JPY".parse().ok() };
    for amount in [0.into(), (-1).into(), 3_185.into(), yen] {
        let request = RefundRequest { amount: Some(amount), ..ask(&order) };
        assert_eq!(refused(&world, request).await, "/amount", "{amount:?}");
    }
    for (units, pointer) in
        [(&[(SKU, 3)][..], "/restock_items/0"), (&[(SkuId(1), 1)], "/restock_items/0"), (&[(SKU, 1), (SKU, 1)], "/restock_items/1")]
    {
        let request = RefundRequest { restock: lines(units), ..ask(&order) };
        assert_eq!(refused(&world, request).await, pointer);
    }
    assert!(world.money_back.lock().unwrap().is_empty());

    let yuan = Amount { minor_units: 3_184, currency: Some(Currency::CNY) };
    let whole = RefundRequest { amount: Some(yuan), restock: lines(&[(SKU, 2)]), ..ask(&order) };
    assert_eq!(world.service().refund(whole).await.unwrap().amount, Money::zero(Currency::CNY), "the fakes give nothing back");
    let asked = world.money_back.lock().unwrap()[0].clone();
    assert_eq!((asked.amount, asked.restock.len()), (Some(3_184), 1));
}

/// The process died after the money was asked for and before the key was kept; meanwhile the refund reached the order.
#[tokio::test]
async fn a_refund_that_was_begun_is_repeated_under_its_key_though_nothing_is_left() {
    let world = Arc::new(World::new(PayType::Cash));
    let order = paid_order(&world).await;
    let part = Amount { minor_units: 3_000, currency: Some(Currency::CNY) };
    let request = RefundRequest { amount: Some(part), restock: lines(&[(SKU, 2)]), ..ask(&order) };
    assert!(!world.service().refund(request.clone()).await.unwrap().replayed);
    let mut items = order.items.clone();
    items[0].restocked = 2;
    *world.order.lock().unwrap() = Some(Order { refunded: 3_000, items, ..order });
    assert!(world.service().refund(request.clone()).await.unwrap().replayed);
    let other = IdempotencyKey { key: "another".to_owned(), ..request.key.clone() };
    assert_eq!(refused(&world, RefundRequest { key: other, ..request }).await, "/amount");
}
