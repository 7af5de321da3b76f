//! Verification codes (S2 rule 3): sent to a phone, five tries, used up by the order and by nothing else.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sluice_testkit::{Answer, Shopper, unique_name};

use crate::on_every_profile;
use crate::world::World;

static PHONES: AtomicU32 = AtomicU32::new(0);

/// A phone that no other test uses.
pub fn new_phone() -> String {
    format!("+86139{:08}", PHONES.fetch_add(1, Ordering::Relaxed))
}

fn order(sku: &str, phone: &str, code: &str) -> Value {
    json!({"items": [{"sku_id": sku, "quantity": 1}], "recipient": {"phone": phone}, "verify_code": code})
}

async fn place(buyer: &Shopper, sku: &str, phone: &str, code: &str) -> Answer {
    buyer.place_body(&unique_name("key"), order(sku, phone, code)).await
}

async fn send(world: &World, buyer: &Shopper, phone: &str) -> String {
    let _ = buyer.post("/verification-codes", json!({"phone": phone})).await.expect_status(202);
    let code = world.code_sent_to(phone).await;
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "six digits, not {code}");
    code
}

/// A code that is not this one.
fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[track_caller]
fn expect_invalid(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (422, "verify_code_invalid"), "{}", answer.body);
}

async fn s2_rule_3_a_code_is_used_up_by_the_order_and_not_by_a_refusal(world: &World) {
    let storefront = world.storefront();
    let (buyer, phone) = (storefront.somebody(), new_phone());
    let code = send(world, &buyer, &phone).await;
    let empty = json!({
        "items": [{"sku_id": "14", "quantity": 1}, {"sku_id": "18", "quantity": 1}],
        "recipient": {"phone": phone}, "verify_code": code,
    });
    for _ in 0..6 {
        let refused = buyer.place_body(&unique_name("key"), empty.clone()).await;
        assert_eq!((refused.status, refused.code()), (409, "insufficient_stock"));
    }
    let key = unique_name("key");
    let placed = buyer.place_body(&key, order("14", &phone, &code)).await.expect_status(201);
    expect_invalid(&place(&buyer, "14", &phone, &code).await);
    let replayed = buyer.place_body(&key, order("14", &phone, &code)).await.expect_status(201);
    assert_eq!(replayed.order_no(), placed.order_no(), "a replay needs no second code");
}

async fn s2_rule_3_a_code_opens_one_order_even_if_two_ask_at_once(world: &World) {
    let storefront = world.storefront();
    let (buyer, phone) = (storefront.somebody(), new_phone());
    let code = send(world, &buyer, &phone).await;
    let (one, two) = tokio::join!(place(&buyer, "14", &phone, &code), place(&buyer, "14", &phone, &code));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422], "{} {}", one.body, two.body);
}

async fn s2_rule_3_five_wrong_tries_spend_a_code(world: &World) {
    let storefront = world.storefront();
    let (buyer, phone) = (storefront.somebody(), new_phone());
    let code = send(world, &buyer, &phone).await;
    for _ in 0..4 {
        expect_invalid(&place(&buyer, "14", &phone, &wrong(&code)).await);
    }
    let fourth = new_phone();
    let other = send(world, &buyer, &fourth).await;
    for _ in 0..5 {
        expect_invalid(&place(&buyer, "14", &fourth, &wrong(&other)).await);
    }
    expect_invalid(&place(&buyer, "14", &fourth, &other).await);
    let _ = place(&buyer, "14", &phone, &code).await.expect_status(201); // four wrong ones leave a fifth try
}

async fn s2_rule_3_a_code_counts_for_its_phone_alone(world: &World) {
    let storefront = world.storefront();
    let (buyer, phone, other) = (storefront.somebody(), new_phone(), new_phone());
    let code = send(world, &buyer, &phone).await;
    expect_invalid(&place(&buyer, "14", &other, &code).await);
    expect_invalid(&place(&buyer, "14", &phone, "never-sent").await);
    let _ = place(&buyer, "14", &phone, &code).await.expect_status(201);
}

async fn a_phone_gets_one_code_a_minute(world: &World) {
    let storefront = world.storefront();
    let (buyer, phone) = (storefront.somebody(), new_phone());
    send(world, &buyer, &phone).await;
    let soon = storefront.somebody().post("/verification-codes", json!({"phone": phone})).await;
    assert_eq!((soon.status, soon.code()), (429, "rate_limited"), "{}", soon.body);
    let wait: u64 = soon.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "Retry-After: {wait}");
    for phone in ["", "12", "not a phone", "+", "123456789012345678901"] {
        let refused = buyer.post("/verification-codes", json!({"phone": phone})).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{phone}: {}", refused.body);
    }
}

on_every_profile!(
    s2_rule_3_a_code_is_used_up_by_the_order_and_not_by_a_refusal,
    s2_rule_3_a_code_opens_one_order_even_if_two_ask_at_once,
    s2_rule_3_five_wrong_tries_spend_a_code,
    s2_rule_3_a_code_counts_for_its_phone_alone,
    a_phone_gets_one_code_a_minute,
);
