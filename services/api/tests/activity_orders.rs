//! Placing orders of activities: the published shape, the refusals, the bounds.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::{
    failing::Trouble,
    running::{Running, SECRET, claims, json_of, pointers, problem, sign},
};

fn body(pay_type: &str) -> Value {
    json!({"product_id": "1001", "quantity": 2, "pay_type": pay_type})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placed_activity_order_has_the_published_shape() {
    let api = Running::demo().await;
    let sealed = api.staff("POST", "/api/v1/admin/referrers").json(&json!({"promoter": "p-7"})).send().await.unwrap();
    let sealed = json_of(sealed).await["referrer"].clone();
    let mut asked = body("cash");
    let more = json!({
        "recipient": {"name": "An"}, "own_form": "blue", "attribution": {"rq": "r", "cookie_id": "c"}, "referrer": sealed,
    });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let response = api.take("1", "k1", &asked).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let order: Value = response.json().await.unwrap();
    let number = order["order_no"].as_str().unwrap();
    assert_eq!(location, format!("/api/v1/orders/{number}"));
    let shown = |name: &str| order[name].clone();
    assert_eq!((shown("kind"), shown("status"), shown("redirect_type")), (json!("activity"), json!("unpaid"), json!("1")));
    assert_eq!((shown("activity_id"), shown("pay_type"), shown("discount")), (json!("1"), json!("cash"), json!("0.8")));
    assert_eq!((shown("own_form"), shown("recipient")), (json!("blue"), json!({"name": "An"})));
    assert!(order["payment"]["url"].is_string() && order["children"][0]["items"][0]["line_total"].is_object());
    let item = &order["items"][0];
    assert_eq!((&item["product_id"], &item["quantity"], &order["total"]["amount"]), (&json!("1001"), &json!(2), &json!(3184)));

    let read: Value = api.customer("GET", &location).send().await.unwrap().json().await.unwrap();
    assert_eq!((&read["activity_id"], &read["own_form"]), (&json!("1"), &json!("blue")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_points_is_confirming_and_has_no_payment() {
    let api = Running::at_work().await;
    let order = json_of(api.take("1", "k1", &json!({"product_id": "1002", "quantity": 1, "pay_type": "points"})).await).await;
    assert_eq!((&order["status"], &order["payment"]), (&json!("confirming"), &Value::Null));
    assert!(order.get("own_form").is_none());
    api.wait_for_status(&order, "paid").await;

    // Staff see how many points go back.
    let path = format!("/api/v1/admin/orders/{}/refunds", order["order_no"].as_str().unwrap());
    let asked = api.staff("POST", &path).header("Idempotency-Key", "r").json(&json!({"reason": "broken"})).send().await.unwrap();
    assert_eq!(asked.json::<Value>().await.unwrap()["points"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_order_is_repeated_under_its_key() {
    let api = Running::demo().await;
    let first = api.take("1", "k1", &body("cash")).await;
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let first: Value = first.json().await.unwrap();
    let again = api.take("1", "k1", &body("cash")).await;
    assert_eq!((again.status().as_u16(), &again.headers()["idempotent-replayed"]), (201, &"true".parse().unwrap()));
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    problem(api.take("1", "k1", &body("points")).await, 422, "idempotency_key_reused").await;
    problem(api.take("2", "k1", &body("cash")).await, 422, "idempotency_key_reused").await;
    let request = api.customer("POST", "/api/v1/activities/1/orders").json(&body("cash"));
    problem(request.send().await.unwrap(), 400, "idempotency_key_missing").await;
    // A key of a cart order is another one.
    assert_eq!(api.order("k1", "1").await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_an_activity_order_has_its_status_code_and_place() {
    let api = Running::demo().await;
    let asked =
        |product: &str, quantity: i64, pay_type: &str| json!({"product_id": product, "quantity": quantity, "pay_type": pay_type});
    let mut forged = body("cash");
    forged["referrer"] = json!("forged");
    // The demo's store 3 has no ratio, so the value of its points is unknown.
    let mut claims_of_3 = claims("customer");
    claims_of_3["store_id"] = json!("3");
    let of_3 = sign(&claims_of_3, SECRET, Algorithm::HS256);
    assert_eq!(api.take("1", "first", &asked("1004", 1, "cash")).await.status(), 201);
    for (store, activity, body, status, code, place) in [
        (1, "404", body("cash"), 404, "activity_not_found", None),
        (1, "2", body("cash"), 409, "activity_not_running", None),
        (1, "1", asked("1", 1, "cash"), 409, "product_not_in_activity", Some("/product_id")),
        (1, "1", body("points"), 409, "pay_type_mismatch", Some("/pay_type")),
        (3, "4", asked("3001", 1, "points"), 409, "store_setting_missing", None),
        (1, "1", forged, 422, "referrer_invalid", Some("/referrer")),
        (1, "1", asked("1005", 1, "cash"), 422, "field_required", Some("/own_form")),
        (1, "1", asked("1004", 1, "cash"), 409, "redemption_limit_reached", None),
    ] {
        let path = format!("/api/v1/activities/{activity}/orders");
        let request = if store == 1 { api.customer("POST", &path) } else { api.request("POST", &path).bearer_auth(&of_3) };
        let refused = request.header("Idempotency-Key", "k").json(&body).send().await.unwrap();
        let refused = problem(refused, status, code).await;
        match place {
            Some(place) => assert_eq!(pointers(&refused), [place]),
            None => assert!(refused.get("errors").is_none(), "{refused}"),
        }
    }
    let loss = json!({"delta": -99_999, "reason": "lost"});
    let loss = api.staff("POST", "/api/v1/admin/skus/1001/stock-adjustments").header("Idempotency-Key", "k").json(&loss);
    assert_eq!(loss.send().await.unwrap().status(), 201);
    let short = problem(api.take("1", "k", &body("cash")).await, 409, "insufficient_stock").await;
    assert_eq!(pointers(&short), ["/quantity"]);
    assert_eq!((&short["errors"][0]["sku_id"], &short["errors"][0]["usable"]), (&json!("1001"), &json!(1)));
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
        let refused = problem(api.take("1", "k", &with(name, value)).await, 422, "invalid_field").await;
        assert_eq!(pointers(&refused), [format!("/{name}")]);
    }
    let refused =
        problem(api.take("1", "k", &with("recipient", json!({"name": "x".repeat(65)}))).await, 422, "invalid_field").await;
    assert_eq!(pointers(&refused), ["/recipient/name"]);
    for (name, value, place) in [
        ("price", json!(1), "/price"),
        ("recipient", json!({"age": 1}), "/recipient/age"),
        ("verify_code", json!("1"), "/verify_code"),
    ] {
        let refused = problem(api.take("1", "k", &with(name, value)).await, 400, "unknown_field").await;
        assert_eq!(pointers(&refused), [place]);
    }
    for missing in ["product_id", "quantity", "pay_type"] {
        let mut asked = body("cash");
        asked.as_object_mut().unwrap().remove(missing);
        let refused = problem(api.take("1", "k", &asked).await, 422, "invalid_field").await;
        assert_eq!(pointers(&refused), [format!("/{missing}")]);
    }
    let none: Value = api.customer("GET", "/api/v1/orders").send().await.unwrap().json().await.unwrap();
    assert_eq!(none["data"], json!([]));
    let longest = with("own_form", json!("红".repeat(500)));
    assert_eq!(api.take("1", "k", &longest).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn activity_orders_count_towards_the_same_bounds() {
    let api = Running::with(|settings| settings.orders_per_second_per_user = 2).await;
    assert_eq!(api.order("k1", "1").await.status(), 201);
    assert_eq!(api.take("1", "k2", &body("cash")).await.status(), 201);
    problem(api.take("1", "k3", &body("cash")).await, 429, "rate_limited").await;

    let api = Running::with(|settings| settings.max_in_flight = 1).await;
    api.failing.next_placement(Trouble::Waits);
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "1", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    api.failing.under_way().await;
    problem(api.take("1", "k2", &body("cash")).await, 503, "overloaded").await;
    api.failing.let_go();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 201);
}
