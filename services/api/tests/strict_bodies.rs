//! What a body means is never a guess: members once, objects as objects, null where null is said, texts that show something.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::running::{Running, json_of, pointers, problem};

/// Every request has a key of its own.
static KEYS: AtomicU32 = AtomicU32::new(0);

async fn raw(api: &Running, method: &str, path: &str, staff: bool, body: &str) -> reqwest::Response {
    let request = if staff { api.staff(method, path) } else { api.customer(method, path) };
    let key = KEYS.fetch_add(1, Ordering::Relaxed).to_string();
    let request = request.header("Idempotency-Key", key).header("If-Match", "*").header("content-type", "application/json");
    request.body(body.to_owned()).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stands_twice_is_refused() {
    let api = Running::demo().await;
    for body in [
        r#"{"items":[{"sku_id":"1","quantity":1,"quantity":50}]}"#,
        r#"{"items":[{"sku_id":"1","quantity":1}],"items":[{"sku_id":"1","quantity":50}]}"#,
        r#"{"items":[{"sku_id":"1","quantity":1}],"recipient":{"name":"A","n\u0061me":"B"}}"#,
        r#"{"from_cart":true,"from_cart":true}"#,
        r#"{"unknown":{"a":1,"a":1}}"#,
    ] {
        problem(raw(&api, "POST", "/api/v1/orders", false, body).await, 400, "malformed_json").await;
    }
    let delta = r#"{"delta":5,"delta":50000,"reason":"x"}"#;
    problem(raw(&api, "POST", "/api/v1/admin/skus/1/stock-adjustments", true, delta).await, 400, "malformed_json").await;
    assert_eq!(api.orders_placed().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_sent_as_an_array_is_refused() {
    let api = Running::demo().await;
    for (method, path, staff, body) in [
        ("POST", "/api/v1/orders", false, r#"[[{"sku_id":"1","quantity":1}]]"#),
        ("POST", "/api/v1/orders", false, r#"{"items":[["1",50]]}"#),
        ("POST", "/api/v1/orders", false, r#"{"items":[{"sku_id":"1","quantity":1}],"recipient":["Ada"]}"#),
        ("POST", "/api/v1/activities/1/orders", false, r#"["1001",1,"cash"]"#),
        ("PUT", "/api/v1/cart/items/1", false, "[3,true]"),
        ("POST", "/api/v1/verification-codes", false, r#"["13800000000"]"#),
        ("POST", "/api/v1/addresses", false, r#"["An","13800000000","P","C","D","A",false]"#),
        ("POST", "/api/v1/admin/skus/1/stock-adjustments", true, r#"[5,"x"]"#),
        ("POST", "/api/v1/admin/points/grants", true, r#"["42",5,"x"]"#),
        ("POST", "/api/v1/admin/referrers", true, r#"["promoter"]"#),
        ("POST", "/api/v1/admin/webhooks", true, r#"["https://partner.example",["order.paid"],true]"#),
    ] {
        let refused = raw(&api, method, path, staff, body).await;
        problem(refused, 422, "invalid_field").await;
    }
    problem(raw(&api, "POST", "/pay/sandbox/0123", false, r#"["paid"]"#).await, 422, "invalid_field").await;
    assert_eq!(api.orders_placed().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_taken_where_it_is_documented() {
    let api = Running::demo().await;
    let body =
        r#"{"items":[{"sku_id":"1","quantity":1}],"from_cart":null,"recipient":null,"verify_code":null,"attribution":{"rq":null}}"#;
    let placed = json_of(raw(&api, "POST", "/api/v1/orders", false, body).await).await;
    let cancel = format!("/api/v1/orders/{}/cancel", placed["order_no"].as_str().unwrap());
    assert_eq!(raw(&api, "POST", &cancel, false, "null").await.status(), 200);
    assert_eq!(raw(&api, "POST", &cancel, false, "{}").await.status(), 200);
    for body in ["[]", "0", "\"\"", "[null]"] {
        problem(raw(&api, "POST", &cancel, false, body).await, 422, "invalid_field").await;
    }
    problem(raw(&api, "POST", "/api/v1/orders", false, "null").await, 422, "invalid_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_outside_the_calendar_is_refused_and_its_activity_is_not_written() {
    let api = Running::demo().await;
    for time in ["9999-12-31T23:59:59-05:00", "9001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"] {
        for (starts_at, ends_at, pointer) in
            [("2026-01-01T00:00:00Z", time, "/ends_at"), (time, "2999-01-01T00:00:00Z", "/starts_at")]
        {
            let body = json!({"title": "A", "starts_at": starts_at, "ends_at": ends_at, "mode": "cash"});
            let refused = raw(&api, "POST", "/api/v1/admin/activities", true, &body.to_string()).await;
            let answer = problem(refused, 422, "invalid_field").await;
            assert_eq!(pointers(&answer), [pointer], "{time}: {answer}");
        }
    }
    let listed = api.staff("GET", "/api/v1/admin/activities").send().await.unwrap();
    assert_eq!(listed.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remark_has_lines_and_a_required_text_is_more_than_invisible() {
    let api = Running::demo().await;
    let order = |own_form: &str| json!({"product_id": "1001", "quantity": 1, "pay_type": "cash", "own_form": own_form});
    for remark in ["leave it\nat the door", "a\r\n\tb", "one line"] {
        let placed = raw(&api, "POST", "/api/v1/activities/1/orders", false, &order(remark).to_string()).await;
        assert_eq!(placed.status(), 201, "{remark:?}");
    }
    for remark in ["a\u{0}b", "a\u{1b}[2J", "\u{7}", "\u{9b}"] {
        let refused = raw(&api, "POST", "/api/v1/activities/1/orders", false, &order(remark).to_string()).await;
        assert_eq!(pointers(&problem(refused, 422, "invalid_field").await), ["/own_form"], "{remark:?}");
    }
    for name in ["\u{200B}", "\u{2800}", "\u{3164}", "\u{202E}\u{202C}", "\u{E0041}\u{E0042}", " \u{FEFF} "] {
        let refused = raw(&api, "POST", "/api/v1/admin/referrers", true, &json!({"promoter": name}).to_string()).await;
        let answer: Value = problem(refused, 422, "invalid_field").await;
        assert_eq!(pointers(&answer), ["/promoter"], "{name:?}");
    }
}
