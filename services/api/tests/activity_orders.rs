//! Placing orders of activities: the published shape, the refusals, the bounds.

use reqwest::Response;
use serde_json::{Value, json};
use sluice_kernel::{OrderNo, PaymentId};
use sluice_order::{OrderState, PayType};

use crate::running::{Running, pointers, problem};

async fn take(api: &Running, activity: &str, key: &str, body: &Value) -> Response {
    let request = api.customer("POST", &format!("/api/v1/activities/{activity}/orders")).header("Idempotency-Key", key);
    request.json(body).send().await.unwrap()
}

fn body(pay_type: &str) -> Value {
    json!({"product_id": "1001", "quantity": 2, "pay_type": pay_type})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placed_activity_order_has_the_published_shape() {
    let api = Running::start();
    let mut asked = body("cash");
    let more = json!({
        "recipient": {"name": "An"}, "own_form": "blue", "attribution": {"rq": "r", "cookie_id": "c"}, "referrer": "k.sealed",
    });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let response = take(&api, "7", "k1", &asked).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let order: Value = response.json().await.unwrap();
    let number = order["order_no"].as_str().unwrap();
    assert_eq!(location, format!("/api/v1/orders/{number}"));
    let shown = |name: &str| order[name].clone();
    assert_eq!((shown("kind"), shown("status"), shown("redirect_type")), (json!("activity"), json!("unpaid"), json!("1")));
    assert_eq!((shown("activity_id"), shown("pay_type"), shown("discount")), (json!("7"), json!("cash"), json!("0.8")));
    assert_eq!((shown("own_form"), shown("recipient")), (json!("blue"), json!({"name": "An"})));
    assert!(order["payment"]["url"].is_string() && order["children"][0]["items"][0]["line_total"].is_object());
    let command = api.fakes.orders.activity_commands.lock().unwrap()[0].clone();
    assert_eq!((command.activity.as_str(), command.product.as_str(), command.pay_type), ("7", "1001", PayType::Cash));
    assert_eq!((command.referrer.as_deref(), command.attribution.rq.as_deref()), (Some("k.sealed"), Some("r")));
    assert_eq!(command.quantity.get(), 2);

    let read: Value = api.customer("GET", &location).send().await.unwrap().json().await.unwrap();
    assert_eq!((&read["activity_id"], &read["own_form"]), (&json!("7"), &json!("blue")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_points_is_confirming_and_has_no_payment() {
    let api = Running::start();
    let response = take(&api, "7", "k1", &body("points")).await;
    let order: Value = response.json().await.unwrap();
    assert_eq!((&order["status"], &order["payment"]), (&json!("confirming"), &Value::Null));
    assert!(order.get("own_form").is_none());

    // Staff see how many points go back.
    let number = OrderNo::from_id(1);
    api.fakes.orders.move_to(number, &OrderState::Paid { payment: PaymentId::from("points-1") });
    let path = format!("/api/v1/admin/orders/{number}/refunds");
    let asked = api.staff("POST", &path).header("Idempotency-Key", "r").json(&json!({"reason": "broken"})).send().await.unwrap();
    assert_eq!(asked.json::<Value>().await.unwrap()["points"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_order_is_repeated_under_its_key() {
    let api = Running::start();
    let first = take(&api, "7", "k1", &body("cash")).await;
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let first: Value = first.json().await.unwrap();
    let again = take(&api, "7", "k1", &body("cash")).await;
    assert_eq!((again.status().as_u16(), &again.headers()["idempotent-replayed"]), (201, &"true".parse().unwrap()));
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    problem(take(&api, "7", "k1", &body("points")).await, 422, "idempotency_key_reused").await;
    problem(take(&api, "8", "k1", &body("cash")).await, 422, "idempotency_key_reused").await;
    let request = api.customer("POST", "/api/v1/activities/7/orders").json(&body("cash"));
    problem(request.send().await.unwrap(), 400, "idempotency_key_missing").await;
    // A key of a cart order is another one.
    assert_eq!(api.order("k1", "1").await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_an_activity_order_has_its_status_code_and_place() {
    let api = Running::start();
    for (activity, status, code, place) in [
        ("404", 404, "activity_not_found", None),
        ("11", 409, "activity_not_running", None),
        ("12", 409, "product_not_in_activity", Some("/product_id")),
        ("13", 409, "pay_type_mismatch", Some("/pay_type")),
        ("14", 409, "store_setting_missing", None),
        ("15", 422, "referrer_invalid", Some("/referrer")),
        ("16", 422, "field_required", Some("/own_form")),
        ("17", 409, "redemption_limit_reached", None),
        ("18", 409, "insufficient_stock", Some("/quantity")),
    ] {
        let refused = problem(take(&api, activity, "k", &body("cash")).await, status, code).await;
        match place {
            Some(place) => assert_eq!(pointers(&refused), [place]),
            None => assert!(refused.get("errors").is_none(), "{refused}"),
        }
        if code == "insufficient_stock" {
            assert_eq!((&refused["errors"][0]["sku_id"], &refused["errors"][0]["usable"]), (&json!("1004"), &json!(1)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_activity_orders_never_reach_the_service() {
    let api = Running::demo().await;
    let with = |name: &str, value: Value| {
        let mut asked = body("cash");
        asked[name] = value;
        asked
    };
    for (name, value) in [
        ("quantity", json!(0)),
        ("quantity", json!(10_000)),
        ("quantity", json!(1.5)),
        ("quantity", json!("1")),
        ("pay_type", json!("gold")),
        ("pay_type", Value::Null),
        ("product_id", json!(1001)),
        ("product_id", json!("x".repeat(65))),
        ("own_form", json!("x".repeat(501))),
        ("own_form", json!("a\u{7}b")),
        ("referrer", json!("x".repeat(513))),
    ] {
        let refused = problem(take(&api, "1", "k", &with(name, value)).await, 422, "invalid_field").await;
        assert_eq!(pointers(&refused), [format!("/{name}")]);
    }
    let refused =
        problem(take(&api, "1", "k", &with("recipient", json!({"name": "x".repeat(65)}))).await, 422, "invalid_field").await;
    assert_eq!(pointers(&refused), ["/recipient/name"]);
    for (name, value, place) in [
        ("price", json!(1), "/price"),
        ("recipient", json!({"age": 1}), "/recipient/age"),
        ("verify_code", json!("1"), "/verify_code"),
    ] {
        let refused = problem(take(&api, "1", "k", &with(name, value)).await, 400, "unknown_field").await;
        assert_eq!(pointers(&refused), [place]);
    }
    for missing in ["product_id", "quantity", "pay_type"] {
        let mut asked = body("cash");
        asked.as_object_mut().unwrap().remove(missing);
        let refused = problem(take(&api, "1", "k", &asked).await, 422, "invalid_field").await;
        assert_eq!(pointers(&refused), [format!("/{missing}")]);
    }
    let none: Value = api.customer("GET", "/api/v1/orders").send().await.unwrap().json().await.unwrap();
    assert_eq!(none["data"], json!([]));
    let longest = with("own_form", json!("红".repeat(500)));
    assert_eq!(take(&api, "1", "k", &longest).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_orders_count_towards_the_same_bounds() {
    let api = Running::with(|settings| settings.orders_per_second_per_user = 2);
    assert_eq!(api.order("k1", "1").await.status(), 201);
    assert_eq!(take(&api, "7", "k2", &body("cash")).await.status(), 201);
    problem(take(&api, "7", "k3", &body("cash")).await, 429, "rate_limited").await;

    let api = Running::with(|settings| settings.max_in_flight = 1);
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "777", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    crate::orders::under_way(&api.fakes.orders).await;
    problem(take(&api, "7", "k2", &body("cash")).await, 503, "overloaded").await;
    api.fakes.orders.let_go.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 201);
}
