//! Placing, reading, following, cancelling and paying.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use sluice_kernel::{OrderNo, PaymentId};
use sluice_order::OrderState;

use crate::{
    fakes::FakeOrders,
    running::{Running, SECRET, claims, pointers, problem, sign},
};

fn paid() -> OrderState {
    OrderState::Paid { payment: PaymentId::from("p1") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placed_order_has_the_published_shape() {
    let api = Running::start();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({
        "items": [{"sku_id": "1", "quantity": 2}],
        "recipient": {"name": "An", "phone": "13800000000"},
        "store_code": "s1", "attribution": {"rq": "r", "cookie_id": "c"}, "referrer": "x",
    });
    let response = api.place("k1").header("traceparent", traceparent).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let headers = response.headers().clone();
    assert_eq!(headers["x-trace-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(!headers.contains_key("idempotent-replayed"));
    let order: Value = response.json().await.unwrap();
    let number = order["order_no"].as_str().unwrap();
    assert_eq!(headers["location"], format!("/api/v1/orders/{number}"));
    let money = json!({"amount": 3980, "currency": "CNY"});
    let item = json!({
        "sku_id": "1", "product_id": "1", "title": "Tea", "picture": null, "spec": "green", "code": "T-1", "quantity": 2,
        "unit_price": {"amount": 1990, "currency": "CNY"}, "unit_points": 5, "line_total": money,
    });
    let child = json!({
        "order_no": OrderNo::from_id(2).to_string(), "delivery_place": "1", "total": money, "points_total": 10, "items": [item],
    });
    let expected = json!({
        "order_no": number, "kind": "cart", "status": "unpaid", "total": money, "points_total": 10,
        "created_at": order["created_at"], "expires_at": order["expires_at"], "items": [item], "children": [child],
        "recipient": {"name": "An", "phone": "13800000000"}, "redirect_type": "2", "refund_status": "none",
        "payment": {"payment_id": "0123456789abcdef0123456789abcdef", "provider": "sandbox",
            "url": "http://localhost/pay/sandbox/0123456789abcdef0123456789abcdef", "expires_at": order["expires_at"]},
    });
    assert_eq!(order, expected);
    let command = api.fakes.orders.commands.lock().unwrap()[0].request.clone();
    let trace = api.fakes.orders.traces.lock().unwrap()[0].clone();
    assert!(trace.unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!((command.attribution.rq.as_deref(), command.referrer.as_deref()), (Some("r"), Some("x")));

    let read: Value = api.customer("GET", &format!("/api/v1/orders/{number}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(read["order_no"], number);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_repeats_its_answer_and_refuses_another_body() {
    let api = Running::start();
    let first = api.place("k1").body(r#"{"items":[{"sku_id":"1","quantity":2}],"store_code":"s"}"#);
    let first = first.header("content-type", "application/json").send().await.unwrap();
    let location = first.headers()["location"].clone();
    let same = api.place("k1").body(r#"{ "store_code" : "s", "items" : [ {"quantity":2, "sku_id":"1"} ] }"#);
    let same = same.header("content-type", "application/json; charset=utf-8").send().await.unwrap();
    assert_eq!(same.status(), 201);
    assert_eq!((&same.headers()["location"], &same.headers()["idempotent-replayed"]), (&location, &"true".parse().unwrap()));
    let other = api.place("k1").json(&json!({"items": [{"sku_id": "1", "quantity": 3}]})).send().await.unwrap();
    problem(other, 422, "idempotency_key_reused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_needed_and_bounded() {
    let api = Running::start();
    let body = json!({"items": [{"sku_id": "1", "quantity": 2}]});
    problem(api.customer("POST", "/api/v1/orders").json(&body).send().await.unwrap(), 400, "idempotency_key_missing").await;
    for bad in ["", "a b", &"k".repeat(256)] {
        let answer = problem(api.place(bad).json(&body).send().await.unwrap(), 422, "invalid_field").await;
        assert_eq!(pointers(&answer), ["/headers/Idempotency-Key"]);
    }
    assert_eq!(api.order(&"k".repeat(255), "1").await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_what_is_wrong() {
    let api = Running::start();
    let short = problem(api.order("k1", "18").await, 409, "insufficient_stock").await;
    assert_eq!(short["errors"][0]["pointer"], "/items/0");
    assert_eq!((&short["errors"][0]["sku_id"], &short["errors"][0]["usable"]), (&json!("18"), &json!(1)));
    assert_eq!(short["errors"][0]["code"], "insufficient_stock");
    let off = problem(api.order("k1", "15").await, 409, "off_shelf").await;
    assert_eq!((&off["errors"][0]["pointer"], &off["errors"][0]["sku_id"]), (&json!("/items/0"), &json!("15")));
    let field = problem(api.order("k1", "11").await, 422, "field_required").await;
    assert_eq!((&field["errors"][0]["field"], &field["errors"][0]["product_id"]), (&json!("name"), &json!("11")));
    let away = problem(api.order("k1", "888").await, 503, "unavailable").await;
    assert!(!away.to_string().contains("10.0.0.1"), "causes stay inside: {away}");
    let defect = problem(api.order("k1", "666").await, 500, "internal").await;
    assert!(!defect.to_string().contains("asked for"), "{defect}");
    let cart = api.place("k1").json(&json!({"from_cart": true})).send().await.unwrap();
    assert_eq!(pointers(&problem(cart, 422, "invalid_field").await), ["/from_cart"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_bounded_and_go_on_where_they_ended() {
    let api = Running::start();
    for key in 0..3 {
        api.order(&key.to_string(), "1").await;
    }
    let list = |query: &'static str| api.customer("GET", &format!("/api/v1/orders{query}")).send();
    let first: Value = list("?limit=2").await.unwrap().json().await.unwrap();
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (2, &json!(true)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let path = format!("/api/v1/orders?limit=2&cursor={cursor}");
    let rest: Value = api.customer("GET", &path).send().await.unwrap().json().await.unwrap();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"], &rest["next_cursor"]), (1, &json!(false), &Value::Null));
    for bad in ["?limit=0", "?limit=101", "?limit=-1", "?limit=x", "?limit="] {
        let answer = problem(list(bad).await.unwrap(), 422, "invalid_field").await;
        assert_eq!(pointers(&answer), ["/query/limit"]);
    }
    problem(list("?cursor=nonsense").await.unwrap(), 400, "invalid_cursor").await;
    problem(list("?status=lost").await.unwrap(), 422, "invalid_field").await;
    problem(list("?state=paid").await.unwrap(), 400, "unknown_field").await;
    list("?status=paid_after_close").await.unwrap();
    let asked = api.fakes.orders.queries.lock().unwrap().last().unwrap().clone();
    assert_eq!(asked.status.unwrap().as_str(), "paid_after_close");
    assert_eq!(asked.user.unwrap().as_str(), "42");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_another_user_or_store_is_not_found() {
    let api = Running::start();
    api.order("k1", "1").await;
    let number = OrderNo::from_id(1);
    for (name, value) in [("sub", json!("43")), ("store_id", json!("2"))] {
        let mut others = claims("customer");
        others[name] = value;
        let token = sign(&others, SECRET, Algorithm::HS256);
        for (method, path) in [("GET", ""), ("POST", "/cancel"), ("POST", "/payment"), ("GET", "/events")] {
            let request = api.request(method, &format!("/api/v1/orders/{number}{path}")).bearer_auth(&token);
            problem(request.header("Idempotency-Key", "k").send().await.unwrap(), 404, "not_found").await;
        }
    }
    for mistyped in ["1", "x", "00000000000000000015"] {
        problem(api.customer("GET", &format!("/api/v1/orders/{mistyped}")).send().await.unwrap(), 404, "not_found").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_and_pay_again() {
    let api = Running::start();
    api.order("k1", "1").await;
    let path = format!("/api/v1/orders/{}", OrderNo::from_id(1));
    let pay = |key: &'static str| api.customer("POST", &format!("{path}/payment")).header("Idempotency-Key", key).send();
    let first = pay("p1").await.unwrap();
    assert_eq!(first.status(), 200);
    assert!(first.json::<Value>().await.unwrap()["url"].is_string());
    assert_eq!(pay("p1").await.unwrap().headers()["idempotent-replayed"], "true");
    problem(api.customer("POST", &format!("{path}/payment")).send().await.unwrap(), 400, "idempotency_key_missing").await;
    for _ in 0..2 {
        let cancelled = api.customer("POST", &format!("{path}/cancel")).send().await.unwrap();
        assert_eq!(cancelled.status(), 200);
        let order: Value = cancelled.json().await.unwrap();
        assert_eq!((&order["status"], &order["cancel_reason"]), (&json!("cancelled"), &json!("user")));
    }
    problem(pay("p2").await.unwrap(), 409, "payment_closed").await;
    api.fakes.orders.move_to(OrderNo::from_id(1), &paid());
    problem(api.customer("POST", &format!("{path}/cancel")).send().await.unwrap(), 409, "order_not_cancellable").await;
    let odd = api.customer("POST", &format!("{path}/cancel")).json(&json!({"why": "x"})).send().await.unwrap();
    problem(odd, 400, "unknown_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_tells_the_present_status_then_changes_until_a_final_one() {
    let api = Running::start();
    api.order("k1", "1").await;
    let number = OrderNo::from_id(1);
    let mut stream = api.customer("GET", &format!("/api/v1/orders/{number}/events")).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let read = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap().to_owned();
        let data = text.strip_prefix("event: status\ndata: ").unwrap().trim_end().to_owned();
        serde_json::from_str::<Value>(&data).unwrap()
    };
    let present = read(&stream.chunk().await.unwrap().unwrap());
    assert_eq!((&present["order_no"], &present["status"]), (&json!(number.to_string()), &json!("unpaid")));
    assert!(present["at"].is_string());
    api.fakes.orders.move_to(number, &paid());
    let next = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await.unwrap();
    assert_eq!(read(&next.unwrap().unwrap())["status"], "paid");
    let end = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await.unwrap();
    assert_eq!(end.unwrap(), None, "a final status ends the stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded() {
    let api = Running::with(|settings| settings.max_streams = 1);
    api.order("k1", "1").await;
    let path = format!("/api/v1/orders/{}/events", OrderNo::from_id(1));
    let mut held = api.customer("GET", &path).send().await.unwrap();
    held.chunk().await.unwrap();
    problem(api.customer("GET", &path).send().await.unwrap(), 503, "overloaded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_places_too_many_orders_a_second_is_slowed() {
    let api = Running::with(|settings| settings.orders_per_second_per_user = 2);
    assert_eq!(api.order("k1", "1").await.status(), 201);
    assert_eq!(api.order("k2", "1").await.status(), 201);
    problem(api.order("k3", "1").await, 429, "rate_limited").await;
    let mut other = claims("customer");
    other["sub"] = json!("43");
    let request = api.request("POST", "/api/v1/orders").bearer_auth(sign(&other, SECRET, Algorithm::HS256));
    let request = request.header("Idempotency-Key", "k").json(&json!({"items": [{"sku_id": "1", "quantity": 1}]}));
    assert_eq!(request.send().await.unwrap().status(), 201, "others are not slowed");
}

/// Waits for a placement that is under way.
pub async fn under_way(orders: &FakeOrders) {
    tokio::time::timeout(Duration::from_secs(5), orders.waiting.acquire()).await.unwrap().unwrap().forget();
}

#[tokio::test(flavor = "multi_thread")]
async fn placements_beyond_the_bound_are_refused_and_a_client_that_hangs_up_stops_nothing() {
    let api = Running::with(|settings| settings.max_in_flight = 1);
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "777", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    under_way(&api.fakes.orders).await;
    problem(api.order("k2", "1").await, 503, "overloaded").await;

    waiting.abort();
    problem(api.order("k2", "1").await, 503, "overloaded").await;
    api.fakes.orders.let_go.add_permits(1);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while api.fakes.orders.kept.lock().unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the placement ended with its connection");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let placed = loop {
        let response = api.order("k3", "1").await;
        if response.status() == 201 || tokio::time::Instant::now() > deadline {
            break response;
        }
    };
    assert_eq!(placed.status(), 201, "the place is free again");
}
