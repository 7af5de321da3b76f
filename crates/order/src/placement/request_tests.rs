//! What a request may say is checked by the service itself, whoever calls it, and before anything is read.

use std::sync::Arc;

use sluice_kernel::{Attribution, PayType, Quantity};

use crate::{
    CartRequest, Expected, IdempotencyKey, OrderError, OrderInput, OrderService as _, Orders, PlaceActivityOrder, PlaceCartOrder,
    Recipient, RequestedLine,
    fakes::{World, command},
};

fn line(sku: &str) -> RequestedLine {
    RequestedLine { sku: sku.to_owned(), quantity: Quantity::new(1).unwrap() }
}

fn cart_order() -> CartRequest {
    let PlaceActivityOrder { store, user, recipient, .. } = command(PayType::Cash);
    CartRequest {
        store,
        user,
        input: OrderInput::Items(vec![line("1")]),
        recipient,
        verify_code: None,
        store_code: None,
        attribution: Attribution::default(),
        referrer: None,
        expected: Expected::default(),
    }
}

/// Placing and previewing refuse the same requests.
async fn refused(service: &Orders, request: CartRequest) -> OrderError {
    let previewed = service.preview(request.clone()).await.err();
    let key = IdempotencyKey { route: "orders", ..command(PayType::Cash).key };
    let refused = service.place(PlaceCartOrder { key, request }).await.unwrap_err();
    if matches!(refused, OrderError::InvalidField(_) | OrderError::TooManyLines) {
        assert_eq!(previewed.map(|error| error.to_string()), Some(refused.to_string()));
    }
    refused
}

/// Everything that is read fails, so whatever is told was found without it.
fn blind_world() -> Arc<World> {
    let world = World::new(PayType::Cash);
    *world.look_up_is_away.lock().unwrap() = true;
    Arc::new(world)
}

fn pointer(error: OrderError) -> String {
    let OrderError::InvalidField(invalid) = error else { panic!("{error:?}") };
    invalid.pointer
}

/// A text of an order: where it stands, its longest length, and how it is set.
type Text<Order> = (&'static str, usize, fn(&mut Order, String));

#[tokio::test]
async fn texts_of_a_cart_order_have_a_length_and_no_control_characters() {
    let service = blind_world().service();
    let texts: [Text<CartRequest>; 13] = [
        ("/recipient/name", 64, |order, text| order.recipient.name = Some(text)),
        ("/recipient/phone", 32, |order, text| order.recipient.phone = Some(text)),
        ("/recipient/id_card", 32, |order, text| order.recipient.id_card = Some(text)),
        ("/recipient/province", 64, |order, text| order.recipient.province = Some(text)),
        ("/recipient/city", 64, |order, text| order.recipient.city = Some(text)),
        ("/recipient/district", 64, |order, text| order.recipient.district = Some(text)),
        ("/recipient/address", 200, |order, text| order.recipient.address = Some(text)),
        ("/attribution/rq", 128, |order, text| order.attribution.rq = Some(text)),
        ("/attribution/cookie_id", 128, |order, text| order.attribution.cookie_id = Some(text)),
        ("/verify_code", 16, |order, text| order.verify_code = Some(text)),
        ("/store_code", 64, |order, text| order.store_code = Some(text)),
        ("/referrer", 512, |order, text| order.referrer = Some(text)),
        ("/items/1/sku_id", 64, |order, text| order.input = OrderInput::Items(vec![line("1"), line(&text)])),
    ];
    for (place, most, set) in texts {
        let with = |text: String| {
            let mut order = cart_order();
            set(&mut order, text);
            order
        };
        for bad in ["长".repeat(most + 1), "a\u{7}".to_owned(), "a\nb".to_owned()] {
            assert_eq!(pointer(refused(&service, with(bad)).await), place);
        }
        for sound in ["长".repeat(most), String::new()] {
            let refused = refused(&service, with(sound)).await;
            assert!(!matches!(refused, OrderError::InvalidField(_)), "{place}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_cart_order_has_1_to_100_lines_before_they_are_summed() {
    let service = blind_world().service();
    let place = async |count: usize| {
        let input = OrderInput::Items(vec![line("1"); count]);
        refused(&service, CartRequest { input, ..cart_order() }).await
    };
    assert_eq!(pointer(place(0).await), "/items");
    assert!(matches!(place(101).await, OrderError::TooManyLines));
    assert!(!matches!(place(100).await, OrderError::TooManyLines | OrderError::InvalidField(_)));
}

#[tokio::test]
async fn texts_of_an_activity_order_have_a_length_and_a_remark_has_lines() {
    let world = blind_world();
    let service = world.service();
    let texts: [Text<PlaceActivityOrder>; 5] = [
        ("/product_id", 64, |order, text| order.product = text),
        ("/recipient/name", 64, |order, text| order.recipient = Recipient { name: Some(text), ..Recipient::default() }),
        ("/attribution/rq", 128, |order, text| order.attribution.rq = Some(text)),
        ("/own_form", 500, |order, text| order.own_form = Some(text)),
        ("/referrer", 512, |order, text| order.referrer = Some(text)),
    ];
    for (place, most, set) in texts {
        for bad in ["长".repeat(most + 1), "a\0".to_owned()] {
            let mut order = command(PayType::Cash);
            set(&mut order, bad);
            assert_eq!(pointer(service.place_activity(order).await.unwrap_err()), place);
        }
    }
    let remark = PlaceActivityOrder { own_form: Some("blue\n\tand red".to_owned()), ..command(PayType::Cash) };
    assert!(service.place_activity(remark).await.is_ok());
    assert_eq!(world.written.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_buyer_was_shown_is_no_less_than_nothing() {
    let service = blind_world().service();
    for (expected, place) in [
        (Expected { total: Some(-1), points: None }, "/expected_total"),
        (Expected { total: Some(0), points: Some(i64::MIN) }, "/expected_points"),
    ] {
        assert_eq!(pointer(refused(&service, CartRequest { expected, ..cart_order() }).await), place);
        let activity = PlaceActivityOrder { expected, ..command(PayType::Cash) };
        assert_eq!(pointer(service.place_activity(activity).await.unwrap_err()), place);
    }
}
