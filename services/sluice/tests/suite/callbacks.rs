//! Payment callbacks (S2 rule 9): signed, matching, and of one effect however often they come.

use serde_json::{Value, json};
use sluice_testkit::{Answer, SANDBOX_SECRET, Shopper, SignedCallback, unique_name, wait_for};
use tokio::task::JoinSet;

use crate::on_every_profile;
use crate::shelf::PRICE;
use crate::world::{SOON, Storefront, World};

/// What the sandbox says about an order's payment.
pub fn notice(order: &Answer, status: &str) -> Value {
    json!({
        "payment_id": order.text("/payment/payment_id"), "order_no": order.order_no(), "status": status,
        "amount": order.number("/total/amount"), "currency": "CNY", "payee": "1",
    })
}

/// Sends a genuine callback.
pub async fn tell(shopper: &Shopper, body: &Value) -> Answer {
    shopper.callback("sandbox", &SignedCallback::new(SANDBOX_SECRET, body)).await
}

/// The store's exceptions about an order, by kind.
pub async fn exceptions(storefront: &Storefront, order_no: &str) -> Vec<String> {
    let list = storefront.staff().get("/admin/exceptions?limit=100").await.expect_status(200);
    let data = list.body["data"].as_array().unwrap();
    let about = data.iter().filter(|exception| exception["order_no"] == json!(order_no));
    about.map(|exception| exception["kind"].as_str().unwrap().to_owned()).collect()
}

/// Gives whatever was stored the time to take effect, then proves that nothing did.
async fn expect_still_unpaid(buyer: &Shopper, order: &Answer) {
    // An order placed and paid afterwards has gone through the same queues.
    let marker = buyer.place(&[("1", 1)]).await.expect_status(201);
    let _ = buyer.pay(&marker).await.expect_status(200);
    buyer.wait_for_status(&marker.order_no(), "paid", SOON).await;
    assert_eq!(buyer.order(&order.order_no()).await.text("/status"), "unpaid");
}

async fn s2_rule_9_only_a_genuine_signature_counts(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let body = notice(&order, "paid");
    let genuine = SignedCallback::new(SANDBOX_SECRET, &body);
    let signed_at =
        |timestamp: i64| SignedCallback::signed(SANDBOX_SECRET.as_bytes(), unique_name("msg"), timestamp, body.to_string());
    let spoiled = [
        ("another secret", SignedCallback::new("another secret", &body)),
        ("another body", SignedCallback { body: genuine.body.replace("19", "20"), ..genuine.clone() }),
        ("another id", SignedCallback { id: "msg_other".to_owned(), ..genuine.clone() }),
        ("another time", SignedCallback { timestamp: genuine.timestamp + 1, ..genuine.clone() }),
        ("no signature", SignedCallback { signature: String::new(), ..genuine.clone() }),
        ("no version", SignedCallback { signature: genuine.signature.replace("v1,", ""), ..genuine.clone() }),
        ("another version", SignedCallback { signature: genuine.signature.replace("v1,", "v2,"), ..genuine.clone() }),
        // Well beyond the five minutes, since the clock runs on meanwhile; the exact ends are tested in gateways.
        ("a stale time", signed_at(genuine.timestamp - 330)),
        ("a time to come", signed_at(genuine.timestamp + 330)),
        ("no time", signed_at(0)),
    ];
    for (what, callback) in &spoiled {
        let answer = buyer.callback("sandbox", callback).await;
        assert_eq!((answer.status, answer.code()), (401, "signature_invalid"), "{what}: {}", answer.body);
    }
    let bare = storefront.nobody().post("/payments/sandbox/callback", body.clone()).await;
    assert_eq!((bare.status, bare.code()), (401, "signature_invalid"));
    expect_still_unpaid(&buyer, &order).await;

    let unknown = buyer.callback("alipay", &genuine).await;
    assert_eq!((unknown.status, unknown.code()), (404, "not_found"));
    // One of several signatures is enough: keys are rotated so.
    let rotated = SignedCallback { signature: format!("v1,AAAA {}", genuine.signature), ..genuine };
    let taken = buyer.callback("sandbox", &rotated).await;
    assert!((200..300).contains(&taken.status), "{}", taken.body);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
}

async fn s2_rule_9_amount_currency_payee_and_order_must_match(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let other = buyer.place(&[("1", 1)]).await.expect_status(201);
    for (field, value) in [
        ("amount", json!(PRICE - 1)),
        ("amount", json!(PRICE + 1)),
        ("amount", json!(0)),
        ("amount", json!(-PRICE)),
        ("currency", json!("USD")),
        ("payee", json!("2")),
    ] {
        let mut body = notice(&order, "paid");
        body[field] = value.clone();
        let answer = tell(&buyer, &body).await;
        assert_eq!((answer.status, answer.code()), (422, "payment_mismatch"), "{field} {value}: {}", answer.body);
        wait_for("staff see the mismatch", SOON, async || {
            exceptions(&storefront, &order.order_no()).await.contains(&"payment_mismatch".to_owned()).then_some(())
        })
        .await;
    }
    let mut of_another = notice(&order, "paid");
    of_another["order_no"] = json!(other.order_no());
    let answer = tell(&buyer, &of_another).await;
    assert_eq!((answer.status, answer.code()), (422, "payment_mismatch"), "{}", answer.body);
    let mut unknown = notice(&order, "paid");
    unknown["payment_id"] = json!("ffffffffffffffffffffffffffffffff");
    let answer = tell(&buyer, &unknown).await;
    assert_eq!((answer.status, answer.code()), (422, "payment_mismatch"), "{}", answer.body);

    expect_still_unpaid(&buyer, &order).await;
    assert_eq!(buyer.order(&other.order_no()).await.text("/status"), "unpaid");
    storefront.expect_stock(&product.sku, [4, 1, 0, 5]).await;
    // The quarantine does not spoil the payment: the right notice still pays.
    assert!((200..300).contains(&tell(&buyer, &notice(&order, "paid")).await.status));
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
}

async fn no_mismatch_of_a_payment_hides_another_one(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    for amount in [1, 2, 3, 3, 3] {
        let mut body = notice(&order, "paid");
        body["amount"] = json!(amount);
        let answer = tell(&buyer, &body).await;
        assert_eq!((answer.status, answer.code()), (422, "payment_mismatch"), "{}", answer.body);
    }
    assert_eq!(exceptions(&storefront, &order.order_no()).await, ["payment_mismatch"; 3]);
}

/// Its payee is the store whose staff must look.
async fn a_signed_callback_for_an_unknown_payment_is_not_hidden_from_staff(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let mut unknown = notice(&order, "paid");
    unknown["payment_id"] = json!(unique_name("unknown"));
    let answer = tell(&buyer, &unknown).await;
    assert_eq!((answer.status, answer.code()), (422, "payment_mismatch"), "{}", answer.body);
    assert_eq!(exceptions(&storefront, &order.order_no()).await, ["payment_mismatch"]);
}

async fn s2_rule_9_a_callback_that_cannot_be_read_is_refused(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let sign = |body: String| SignedCallback::signed(SANDBOX_SECRET.as_bytes(), unique_name("msg"), now(), body);
    for body in [String::new(), "no json".to_owned(), "{}".to_owned(), "[]".to_owned(), notice(&order, "maybe").to_string()] {
        let answer = buyer.callback("sandbox", &sign(body.clone())).await;
        assert!((400..500).contains(&answer.status) && !answer.code().is_empty(), "{body}: {} {}", answer.status, answer.body);
    }
    expect_still_unpaid(&buyer, &order).await;
}

async fn s2_rule_9_repeated_and_concurrent_callbacks_have_one_effect(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(10).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 2)]).await.expect_status(201);
    let same = SignedCallback::new(SANDBOX_SECRET, &notice(&order, "paid"));
    let mut together = JoinSet::new();
    for number in 0..20 {
        // Half of them are one notification sent again, half the same news under another id.
        let callback = if number % 2 == 0 { same.clone() } else { SignedCallback::new(SANDBOX_SECRET, &notice(&order, "paid")) };
        let buyer = buyer.clone();
        together.spawn(async move { buyer.callback("sandbox", &callback).await });
    }
    for answer in together.join_all().await {
        assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.body);
    }
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    for _ in 0..3 {
        assert!((200..300).contains(&buyer.callback("sandbox", &same).await.status));
    }
    storefront.expect_stock(&product.sku, [8, 0, 2, 10]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "sell"]).await;
    assert_eq!(exceptions(&storefront, &order.order_no()).await, Vec::<String>::new());
    let seen = buyer.order(&order.order_no()).await;
    assert_eq!((seen.text("/status"), seen.text("/refund_status")), ("paid".to_owned(), "none".to_owned()));
}

async fn s2_rule_9_failed_then_paid_is_paid_and_failed_after_paid_is_nothing(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(3).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 3)]).await.expect_status(201);
    for status in ["failed", "failed", "paid", "failed", "paid"] {
        let answer = tell(&buyer, &notice(&order, status)).await;
        assert!((200..300).contains(&answer.status), "{status}: {} {}", answer.status, answer.body);
    }
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [0, 0, 3, 3]).await;
    expect_paid_stays(&buyer, &order).await;
}

async fn expect_paid_stays(buyer: &Shopper, order: &Answer) {
    let marker = buyer.place(&[("1", 1)]).await.expect_status(201);
    let _ = buyer.pay(&marker).await.expect_status(200);
    buyer.wait_for_status(&marker.order_no(), "paid", SOON).await;
    assert_eq!(buyer.order(&order.order_no()).await.text("/status"), "paid");
}

fn now() -> i64 {
    use sluice_kernel::{Clock as _, SystemClock};
    SystemClock.now().as_millis() / 1_000
}

on_every_profile!(
    s2_rule_9_only_a_genuine_signature_counts,
    s2_rule_9_amount_currency_payee_and_order_must_match,
    s2_rule_9_a_callback_that_cannot_be_read_is_refused,
    no_mismatch_of_a_payment_hides_another_one,
    a_signed_callback_for_an_unknown_payment_is_not_hidden_from_staff,
    s2_rule_9_repeated_and_concurrent_callbacks_have_one_effect,
    s2_rule_9_failed_then_paid_is_paid_and_failed_after_paid_is_nothing,
);
