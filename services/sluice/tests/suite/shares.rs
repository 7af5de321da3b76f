//! One user against all others: streams, codes, unpaid orders. The one is refused, the others notice nothing.

use std::time::Duration;

use serde_json::json;
use sluice_testkit::{Shopper, unique_name};

use crate::codes::new_phone;
use crate::floor;
use crate::on_every_profile;
use crate::world::{Profile, World};

async fn a_user_cannot_lock_the_stock_with_orders_that_nobody_pays(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(100_000).await;
    let (hoarder, other) = (storefront.somebody(), storefront.somebody());
    let mut placed = Vec::new();
    for _ in 0..10 {
        let answer = hoarder.place(&[(&product.sku, 9_999)]).await;
        if answer.status == 201 {
            placed.push(answer.order_no());
        } else {
            assert_eq!((answer.status, answer.code()), (409, "too_many_unpaid"), "{}", answer.body);
        }
    }
    assert_eq!(placed.len(), 2, "two orders hold 19,998 units");
    let _ = other.place(&[(&product.sku, 9_999)]).await.expect_status(201);
    let _ = hoarder.cancel(&placed[0]).await.expect_status(200);
    let again = hoarder.place(&[(&product.sku, 9_999)]).await.expect_status(201);
    // Paid orders are nobody's hoard.
    let _ = hoarder.pay(&again).await.expect_status(200);
    hoarder.wait_for_status(&again.order_no(), "paid", crate::world::SOON).await;
    let _ = hoarder.place(&[(&product.sku, 9_999)]).await.expect_status(201);
}

async fn a_user_has_so_many_unpaid_orders_of_either_kind(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(1_000).await;
    let buyer = storefront.somebody();
    let take = async |number: usize| {
        if number.is_multiple_of(2) {
            return buyer.place(&[(&product.sku, 1)]).await;
        }
        let body = json!({"product_id": "1001", "quantity": 1, "pay_type": "cash"});
        buyer.post_with_key("/activities/1/orders", &unique_name("key"), body).await
    };
    let mut last = None;
    for number in 0..20 {
        last = Some(take(number).await.expect_status(201));
    }
    for number in 20..24 {
        let refused = take(number).await;
        assert_eq!((refused.status, refused.code()), (409, "too_many_unpaid"), "{}", refused.body);
    }
    let _ = storefront.somebody().place(&[(&product.sku, 1)]).await.expect_status(201);
    let points = json!({"product_id": "1002", "quantity": 1, "pay_type": "points"});
    let rich = storefront.customer(1, "42");
    let _ = rich.post_with_key("/activities/1/orders", &unique_name("key"), points).await.expect_status(201);
    let _ = buyer.cancel(&last.unwrap().order_no()).await.expect_status(200);
    let _ = take(24).await.expect_status(201);
}

async fn a_user_gets_five_codes_an_hour_and_others_get_theirs(world: &World) {
    let storefront = world.storefront();
    let (collector, other) = (storefront.somebody(), storefront.somebody());
    let send = async |user: &Shopper| user.post("/verification-codes", json!({"phone": new_phone()})).await;
    for _ in 0..5 {
        let _ = send(&collector).await.expect_status(202);
    }
    for _ in 0..5 {
        let refused = send(&collector).await;
        assert_eq!((refused.status, refused.code()), (429, "rate_limited"), "{}", refused.body);
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((3_000..=3_600).contains(&wait), "Retry-After: {wait}");
    }
    let _ = send(&other).await.expect_status(202);
}

async fn wrong_tries_of_a_stranger_burn_nobodys_code(world: &World) {
    let storefront = world.storefront();
    let (owner, stranger, phone) = (storefront.somebody(), storefront.somebody(), new_phone());
    let _ = owner.post("/verification-codes", json!({"phone": phone})).await.expect_status(202);
    let code = world.code_sent_to(&phone).await;
    let order =
        |code: &str| json!({"items": [{"sku_id": "14", "quantity": 1}], "recipient": {"phone": phone}, "verify_code": code});
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    for _ in 0..8 {
        let refused = stranger.place_body(&unique_name("key"), order(&wrong)).await;
        assert_eq!((refused.status, refused.code()), (422, "verify_code_invalid"));
    }
    let lucky = stranger.place_body(&unique_name("key"), order(&code)).await;
    assert_eq!((lucky.status, lucky.code()), (422, "verify_code_invalid"), "the stranger has no try left");
    let _ = owner.place_body(&unique_name("key"), order(&code)).await.expect_status(201);
}

on_every_profile!(
    a_user_cannot_lock_the_stock_with_orders_that_nobody_pays,
    a_user_has_so_many_unpaid_orders_of_either_kind,
    a_user_gets_five_codes_an_hour_and_others_get_theirs,
    wrong_tries_of_a_stranger_burn_nobodys_code,
);

/// One user opens a thousand streams, as fast as it goes; everybody else still follows and orders.
#[tokio::test]
async fn a_user_with_a_thousand_streams_leaves_room_for_all_others() {
    let _floor = floor::alone().await;
    let world = Profile::Embedded.plan().start().await;
    let storefront = world.storefront();
    let greedy = storefront.somebody();
    let order = greedy.place(&[("1", 1)]).await.expect_status(201).order_no();
    let open = async |number: usize| {
        let path = format!("/api/v1/orders/{order}/events");
        let answer = greedy.open(&path).await;
        (number, answer)
    };
    let mut held = Vec::new();
    let mut refused = 0;
    for number in 0..1_000 {
        let (_, answer) = open(number).await;
        match answer.status().as_u16() {
            200 => held.push(answer),
            429 => refused += 1,
            other => panic!("stream {number}: {other}"),
        }
    }
    assert_eq!((held.len(), refused), (10, 990));
    for _ in 0..20 {
        let buyer = storefront.somebody();
        let order = buyer.place(&[("1", 1)]).await.expect_status(201);
        let mut stream = buyer.follow(&order.order_no()).await;
        assert_eq!(stream.next(Duration::from_secs(5)).await.unwrap()["status"], "unpaid");
        let _ = buyer.pay(&order).await.expect_status(200);
        assert_eq!(stream.next(Duration::from_secs(15)).await.unwrap()["status"], "paid");
    }
}
