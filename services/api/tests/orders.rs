//! Placing, reading, following, cancelling and paying.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use sluice_testkit::wait_until;

use crate::{
    failing::Trouble,
    running::{Running, SECRET, claims, json_of, paid, pointers, problem, sign},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_placed_order_has_the_published_shape() {
    let api = Running::demo().await;
    let sealed = api.staff("POST", "/api/v1/admin/referrers").json(&json!({"promoter": "p-7"})).send().await.unwrap();
    let sealed = json_of(sealed).await["referrer"].clone();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let body = json!({
        "items": [{"sku_id": "1", "quantity": 2}],
        "recipient": {"name": "An", "phone": "13800000000"},
        "store_code": "s1", "attribution": {"rq": "r", "cookie_id": "c"}, "referrer": sealed,
    });
    let response = api.place("k1").header("traceparent", traceparent).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let headers = response.headers().clone();
    assert_eq!(headers["x-trace-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(!headers.contains_key("idempotent-replayed"));
    let order: Value = response.json().await.unwrap();
    let number = order["order_no"].as_str().unwrap();
    assert_eq!(headers["location"], format!("/api/v1/orders/{number}"));
    let payment = order["payment"]["payment_id"].as_str().unwrap();
    let money = json!({"amount": 3980, "currency": "CNY"});
    let item = json!({
        "sku_id": "1", "product_id": "1", "title": "Product 1", "picture": "/pictures/1.png", "spec": "standard", "code": "SKU-1", "quantity": 2,
        "unit_price": {"amount": 1990, "currency": "CNY"}, "unit_points": 5, "line_total": money,
    });
    let child = json!({
        "order_no": order["children"][0]["order_no"], "delivery_place": "1", "total": money, "points_total": 10, "items": [item],
    });
    let expected = json!({
        "order_no": number, "kind": "cart", "status": "unpaid", "total": money, "points_total": 10,
        "created_at": order["created_at"], "expires_at": order["expires_at"], "items": [item], "children": [child],
        "recipient": {"name": "An", "phone": "13800000000"}, "redirect_type": "2", "refund_status": "none",
        "payment": {"payment_id": payment, "provider": "sandbox",
            "url": format!("{}/pay/sandbox/{payment}", api.base), "expires_at": order["expires_at"]},
    });
    assert_eq!(order, expected);
    assert!(payment.len() == 32 && order["children"][0]["order_no"] != order["order_no"], "{order}");
    let (command, trace) = api.failing.commands.lock().unwrap()[0].clone();
    let command = command.request;
    assert!(trace.unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!((command.attribution.rq.as_deref(), command.referrer.as_deref()), (Some("r"), sealed.as_str()));

    let read: Value = api.customer("GET", &format!("/api/v1/orders/{number}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(read["order_no"], number);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_repeats_its_answer_and_refuses_another_body() {
    let api = Running::demo().await;
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
    let api = Running::demo().await;
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
    let api = Running::demo().await;
    let short = problem(api.order("k1", "18").await, 409, "insufficient_stock").await;
    assert_eq!(short["errors"][0]["pointer"], "/items/0");
    assert_eq!((&short["errors"][0]["sku_id"], &short["errors"][0]["usable"]), (&json!("18"), &json!(0)));
    assert_eq!(short["errors"][0]["code"], "insufficient_stock");
    let off = problem(api.order("k1", "15").await, 409, "off_shelf").await;
    assert_eq!((&off["errors"][0]["pointer"], &off["errors"][0]["sku_id"]), (&json!("/items/0"), &json!("15")));
    let field = problem(api.order("k1", "11").await, 422, "field_required").await;
    assert_eq!((&field["errors"][0]["field"], &field["errors"][0]["product_id"]), (&json!("name"), &json!("11")));
    let away = problem(
        {
            api.failing.next_placement(Trouble::Unavailable);
            api.order("k1", "1").await
        },
        503,
        "unavailable",
    )
    .await;
    assert!(!away.to_string().contains("10.0.0.1"), "causes stay inside: {away}");
    let defect = problem(
        {
            api.failing.next_placement(Trouble::Panics);
            api.order("k1", "1").await
        },
        500,
        "internal",
    )
    .await;
    assert!(!defect.to_string().contains("asked for"), "{defect}");
    let cart = api.place("k1").json(&json!({"from_cart": true})).send().await.unwrap();
    assert_eq!(pointers(&problem(cart, 422, "invalid_field").await), ["/from_cart"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_bounded_and_go_on_where_they_ended() {
    let api = Running::demo().await;
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
    let of_status = async |status: &'static str| json_of(list(status).await.unwrap()).await["data"].as_array().unwrap().len();
    assert_eq!((of_status("?status=paid_after_close").await, of_status("?status=unpaid").await), (0, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_another_user_or_store_is_not_found() {
    let api = Running::demo().await;
    let order = api.ordered("k1").await;
    let number = order["order_no"].as_str().unwrap();
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
    let api = Running::at_work().await;
    let order = api.ordered("k1").await;
    let path = format!("/api/v1/orders/{}", order["order_no"].as_str().unwrap());
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
    let order = api.ordered("k2").await;
    api.pay(&order).await;
    let cancel = format!("/api/v1/orders/{}/cancel", order["order_no"].as_str().unwrap());
    problem(api.customer("POST", &cancel).send().await.unwrap(), 409, "order_not_cancellable").await;
    let odd = api.customer("POST", &cancel).json(&json!({"why": "x"})).send().await.unwrap();
    problem(odd, 400, "unknown_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_tells_the_present_status_then_changes_until_a_final_one() {
    let api = Running::at_work().await;
    let order = api.ordered("k1").await;
    let number = order["order_no"].as_str().unwrap();
    let mut stream = api.customer("GET", &format!("/api/v1/orders/{number}/events")).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let read = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).unwrap().to_owned();
        let data = text.split_once("\nevent: status\ndata: ").unwrap().1.trim_end().to_owned();
        serde_json::from_str::<Value>(&data).unwrap()
    };
    let present = read(&stream.chunk().await.unwrap().unwrap());
    assert_eq!((&present["order_no"], &present["status"]), (&json!(number), &json!("unpaid")));
    assert!(present["at"].is_string());
    assert_eq!(api.callback(&paid(&order)).await.status(), 200);
    let next = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await.unwrap();
    assert_eq!(read(&next.unwrap().unwrap())["status"], "paid");
    let end = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await.unwrap();
    assert_eq!(end.unwrap(), None, "a final status ends the stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded() {
    let api = Running::with(|settings| settings.max_streams = 1).await;
    let order = api.ordered("k1").await;
    let path = format!("/api/v1/orders/{}/events", order["order_no"].as_str().unwrap());
    let mut held = api.customer("GET", &path).send().await.unwrap();
    held.chunk().await.unwrap();
    problem(api.customer("GET", &path).send().await.unwrap(), 503, "overloaded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_places_too_many_orders_a_second_is_slowed() {
    let api = Running::with(|settings| settings.orders_per_second_per_user = 2).await;
    assert_eq!(api.order("k1", "1").await.status(), 201);
    assert_eq!(api.order("k2", "1").await.status(), 201);
    problem(api.order("k3", "1").await, 429, "rate_limited").await;
    let mut other = claims("customer");
    other["sub"] = json!("43");
    let request = api.request("POST", "/api/v1/orders").bearer_auth(sign(&other, SECRET, Algorithm::HS256));
    let request = request.header("Idempotency-Key", "k").json(&json!({"items": [{"sku_id": "1", "quantity": 1}]}));
    assert_eq!(request.send().await.unwrap().status(), 201, "others are not slowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn placements_beyond_the_bound_are_refused_and_a_client_that_hangs_up_stops_nothing() {
    let api = Running::with(|settings| settings.max_in_flight = 1).await;
    api.failing.next_placement(Trouble::Waits);
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "1", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    api.failing.under_way().await;
    problem(api.order("k2", "1").await, 503, "overloaded").await;

    waiting.abort();
    problem(api.order("k2", "1").await, 503, "overloaded").await;
    api.failing.let_go();
    let patience = Duration::from_secs(5);
    wait_until("the placement outlives its connection", patience, async || api.orders_placed().await == 1).await;
    wait_until("the place is free again", patience, async || api.order("k3", "1").await.status() == 201).await;
}
