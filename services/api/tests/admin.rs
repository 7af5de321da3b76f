//! Staff routes.

use serde_json::{Value, json};
use sluice_events::{DeadLetter, Envelope, Topic};
use sluice_kernel::{Clock as _, SystemClock};

use crate::running::{Running, json_of, pointers, problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_names_the_version_it_was_made_from() {
    let api = Running::demo().await;
    for (method, path, body) in [
        ("PATCH", "/api/v1/admin/products/1", json!({"title": "Green tea"})),
        ("PATCH", "/api/v1/admin/skus/1", json!({"price": {"amount": 2000, "currency": "CNY"}})),
        ("PUT", "/api/v1/admin/store-settings", json!({"special": true, "points_to_cash_ratio": [1, 100]})),
    ] {
        let read = api.staff("GET", path).send().await.unwrap();
        let etag = read.headers()["etag"].to_str().unwrap().to_owned();
        problem(api.staff(method, path).json(&body).send().await.unwrap(), 428, "if_match_required").await;
        for stale in ["\"999\"", "W/\"999\"", "nonsense"] {
            let request = api.staff(method, path).header("If-Match", stale).json(&body);
            problem(request.send().await.unwrap(), 412, "stale").await;
        }
        let changed = api.staff(method, path).header("If-Match", format!("\"0\", {etag}")).json(&body).send().await.unwrap();
        assert_eq!(changed.status(), 200, "{path}");
        assert_ne!(changed.headers()["etag"].to_str().unwrap(), etag);
    }
    let settings = json_of(api.staff("GET", "/api/v1/admin/store-settings").send().await.unwrap()).await;
    assert_eq!(
        settings,
        json!({"special": true, "h5_redirect_type": null, "points_to_cash_ratio": [1, 100], "public_catalog": false})
    );
    let request = api.staff("PATCH", "/api/v1/admin/skus/1").header("If-Match", "*");
    let yen = request.json(&json!({"price": {"amount": 1, "currency": "JPY"}})).send().await.unwrap();
    assert_eq!(pointers(&problem(yen, 422, "invalid_field").await), ["/price"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_takes_a_product_identifier_away() {
    let api = Running::demo().await;
    let patch = |body: Value| api.staff("PATCH", "/api/v1/admin/products/1").header("If-Match", "*").json(&body).send();
    let set = json_of(patch(json!({"customer_product_id": "C-1"})).await.unwrap()).await;
    assert_eq!(set["customer_product_id"], "C-1");
    let kept = json_of(patch(json!({"title": "Tea"})).await.unwrap()).await;
    assert_eq!(kept["customer_product_id"], "C-1");
    let gone = json_of(patch(json!({"customer_product_id": null})).await.unwrap()).await;
    assert_eq!(gone["customer_product_id"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_created_whole() {
    let api = Running::demo().await;
    let product = |price: Value| {
        json!({
            "title": "Tea", "delivery_place": "1", "order_form_items": ["tel"],
            "skus": [{"code": "A", "price": 1}, {"code": "B", "price": price}],
        })
    };
    let post = |body: Value| api.staff("POST", "/api/v1/admin/products").json(&body).send();
    let created = post(product(json!({"amount": 2, "currency": "CNY"}))).await.unwrap();
    assert_eq!(created.status(), 201);
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let given = json_of(api.staff("GET", &location).send().await.unwrap()).await;
    assert_eq!(location, format!("/api/v1/admin/products/{}", given["id"].as_str().unwrap()));
    let price = |n: usize| given["skus"][n]["price"]["amount"].clone();
    assert_eq!((price(0), price(1)), (json!(1), json!(2)));
    let negative = problem(post(product(json!(-1))).await.unwrap(), 422, "invalid_field").await;
    assert_eq!(pointers(&negative), ["/skus/1/price"]);
    let unknown =
        problem(post(product(json!({"amount": 1, "currency": "CNY", "x": 1}))).await.unwrap(), 400, "unknown_field").await;
    assert_eq!(pointers(&unknown), ["/skus/1/price/x"]);
    let mut odd = product(json!(1));
    odd["order_form_items"] = json!(["shoe_size"]);
    assert_eq!(pointers(&problem(post(odd).await.unwrap(), 422, "invalid_field").await), ["/order_form_items/0"]);
    let sku = api.staff("POST", &format!("{location}/skus")).json(&json!({"code": "C", "price": 3})).send().await.unwrap();
    assert_eq!(sku.status(), 201);
    let location = sku.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(location, format!("/api/v1/admin/skus/{}", json_of(sku).await["sku_id"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_shows_gate_and_ledger() {
    let api = Running::demo().await;
    // The demo's SKU 16 has ten units.
    let figures = |units: i64| json!({"usable": units, "locked": 0, "sold": 0, "received": units});
    let stands = |units: i64| {
        let mut stock = figures(units);
        stock["ledger"] = figures(units);
        stock
    };
    let path = "/api/v1/admin/skus/16/stock";
    assert_eq!(json_of(api.staff("GET", path).send().await.unwrap()).await, stands(10));
    let adjusting = || api.staff("POST", "/api/v1/admin/skus/16/stock-adjustments");
    let adjust = |key: &'static str, body: Value| adjusting().header("Idempotency-Key", key).json(&body).send();
    let bare = adjusting().json(&json!({"delta": 5, "reason": "received"})).send().await.unwrap();
    problem(bare, 400, "idempotency_key_missing").await;
    let adjusted = adjust("more", json!({"delta": 5, "reason": "received"})).await.unwrap();
    assert_eq!(adjusted.status(), 201);
    assert_eq!(json_of(adjusted).await, stands(15));
    let short = problem(adjust("less", json!({"delta": -16, "reason": "lost"})).await.unwrap(), 409, "insufficient_stock").await;
    assert_eq!(short["errors"][0]["usable"], 15);
    problem(adjust("unsaid", json!({"delta": 1, "reason": ""})).await.unwrap(), 422, "invalid_field").await;
    let trace = json_of(api.staff("GET", &format!("{path}/trace")).send().await.unwrap()).await;
    assert_eq!((&trace["adds_up"], &trace["computed"], &trace["ledger"]), (&json!(true), &figures(15), &figures(15)));
    problem(api.staff("GET", "/api/v1/admin/skus/999/stock").send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_fulfilled_completed_and_refunded() {
    let api = Running::at_work().await;
    let order = api.ordered("k1").await;
    let path = format!("/api/v1/admin/orders/{}", order["order_no"].as_str().unwrap());
    let post = |verb: &str| api.staff("POST", &format!("{path}/{verb}")).send();
    problem(post("fulfil").await.unwrap(), 409, "order_state_refused").await;
    let refund =
        |key: &str, body: Value| api.staff("POST", &format!("{path}/refunds")).header("Idempotency-Key", key).json(&body).send();
    problem(refund("r1", json!({"reason": "broken"})).await.unwrap(), 409, "order_not_refundable").await;

    api.pay(&order).await;
    assert_eq!(json_of(post("fulfil").await.unwrap()).await["status"], "fulfilled");
    let completed = json_of(post("complete").await.unwrap()).await;
    assert_eq!((&completed["status"], &completed["user_id"]), (&json!("completed"), &json!("42")));
    problem(post("cancel").await.unwrap(), 409, "order_not_cancellable").await;

    let bare = api.staff("POST", &format!("{path}/refunds")).json(&json!({"reason": "x"})).send().await.unwrap();
    problem(bare, 400, "idempotency_key_missing").await;
    let body = json!({"amount": 100, "reason": "broken", "restock_items": [{"sku_id": "1", "quantity": 1}]});
    let refunded = refund("r1", body).await.unwrap();
    assert_eq!(refunded.status(), 201);
    let answer = json_of(refunded).await;
    assert_eq!((&answer["amount"], &answer["status"]), (&json!({"amount": 100, "currency": "CNY"}), &json!("done")));
    let both = json!({"reason": "x", "restock": true, "restock_items": []});
    assert_eq!(pointers(&problem(refund("r2", both).await.unwrap(), 422, "invalid_field").await), ["/restock_items"]);
    let list = json_of(api.staff("GET", &format!("{path}/refunds")).send().await.unwrap()).await;
    assert_eq!(list["data"][0]["amount"], json!({"amount": 100, "currency": "CNY"}));
    assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (1, &json!(false)));
}

/// A settlement that could not be consumed.
fn letter(number: u32, store: i64) -> DeadLetter {
    let now = SystemClock.now();
    let envelope = Envelope {
        topic: Topic::PaymentSettled,
        key: "1".to_owned(),
        id: format!("p{number}/paid"),
        kind: "sluice.payment.settled.v1".into(),
        time: now,
        traceparent: None,
        data: format!(r#"{{"store_id":"{store}","order_no":"1"}}"#),
    };
    DeadLetter::fresh("order.settle", envelope, 5, "internal", "broken", now)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_the_own_store_are_shown_and_replayed() {
    let api = Running::demo().await;
    for number in 1..=100 {
        api.shop.dead_letters.keep(&letter(number, if number % 50 == 0 { 1 } else { 2 })).await.unwrap();
    }
    let path = "/api/v1/admin/dead-letters";
    let list = json_of(api.staff("GET", &format!("{path}?topic=payment-settled")).send().await.unwrap()).await;
    let ids: Vec<i64> =
        list["data"].as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap().parse().unwrap()).collect();
    let [newest, oldest] = ids[..] else { panic!("{ids:?} are the two of the own store") };
    assert!(newest > oldest);
    assert_eq!(list["data"][0]["data"]["store_id"], "1");
    problem(api.staff("GET", &format!("{path}?topic=nonsense")).send().await.unwrap(), 422, "invalid_field").await;
    let of_another_store = newest - 1;
    problem(api.staff("GET", &format!("{path}/{of_another_store}")).send().await.unwrap(), 404, "not_found").await;
    problem(api.staff("POST", &format!("{path}/{of_another_store}/replay")).send().await.unwrap(), 404, "not_found").await;
    let replayed = json_of(api.staff("POST", &format!("{path}/{oldest}/replay")).send().await.unwrap()).await;
    assert!(replayed["replayed_at"].is_string());
    assert_eq!((&replayed["state"], &replayed["replays"]), (&json!("replaying"), &json!(1)));
    let of_state = async |state: &str| {
        let list = json_of(api.staff("GET", &format!("{path}?limit=1&state={state}")).send().await.unwrap()).await;
        (list["data"][0]["id"].clone(), list["has_more"].clone())
    };
    let alone = |id: i64| (json!(id.to_string()), json!(false));
    assert_eq!(of_state("dead").await, alone(newest), "what another store has is no reason to say there is more");
    assert_eq!(of_state("replaying").await, alone(oldest));
    problem(api.staff("GET", &format!("{path}?state=nonsense")).send().await.unwrap(), 422, "invalid_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_tells_what_waits() {
    let api = Running::demo().await;
    let outbox = async || json_of(api.staff("GET", "/api/v1/admin/outbox").send().await.unwrap()).await;
    let before = outbox().await["pending"].as_u64().unwrap();
    api.ordered("k1").await;
    let after = outbox().await;
    assert!(after["pending"].as_u64().unwrap() > before && after["oldest_age_seconds"].is_u64(), "{after}");
}
