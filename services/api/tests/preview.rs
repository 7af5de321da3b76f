//! POST /orders/preview, and orders that must come to what the buyer was shown; over the real services.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::running::{Running, pointers, problem};

async fn preview(api: &Running, body: Value) -> Value {
    let response = api.customer("POST", "/api/v1/orders/preview").json(&body).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn place(api: &Running, key: &str, body: &Value) -> Response {
    api.place(key).json(body).send().await.unwrap()
}

async fn usable(api: &Running, sku: &str) -> Value {
    let path = format!("/api/v1/admin/skus/{sku}/stock");
    api.staff("GET", &path).send().await.unwrap().json::<Value>().await.unwrap()["usable"].clone()
}

async fn reprice(api: &Running, sku: &str, price: i64) {
    let path = format!("/api/v1/admin/skus/{sku}");
    let response = api.staff("PATCH", &path).header("If-Match", "*").json(&json!({"price": price})).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{text}");
}

fn codes(preview: &Value) -> Vec<(&str, &str)> {
    let entries = preview["problems"].as_array().unwrap().iter();
    entries.map(|entry| (entry["code"].as_str().unwrap(), entry["pointer"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_placing_answers_and_takes_nothing() {
    let api = Running::demo().await;
    let body = json!({"items": [{"sku_id": "17", "quantity": 1}, {"sku_id": "1", "quantity": 2}, {"sku_id": "1", "quantity": 1}]});
    let shown = preview(&api, body.clone()).await;
    assert_eq!(shown["total"], json!({"amount": 7_960, "currency": "CNY"}));
    assert_eq!((&shown["points_total"], &shown["problems"]), (&json!(20), &json!([])));
    assert_eq!((usable(&api, "1").await, usable(&api, "17").await), (json!(100_000), json!(100_000)));

    let placed: Value = place(&api, "k", &body).await.json().await.unwrap();
    for same in ["items", "total", "points_total"] {
        assert_eq!(shown[same], placed[same], "{same}");
    }
    let mut children = placed["children"].clone();
    for child in children.as_array_mut().unwrap() {
        child.as_object_mut().unwrap().remove("order_no");
    }
    assert_eq!(shown["children"], children);
    assert_eq!(shown["children"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_are_listed_together_and_the_first_is_what_placing_refuses() {
    let api = Running::demo().await;
    let mut items = vec![];
    for (sku, quantity) in [("15", 1), ("11", 1), ("14", 1), ("16", 11), ("no", 1), ("18", 1)] {
        items.push(json!({"sku_id": sku, "quantity": quantity}));
    }
    let phone = "13800000000";
    let mut body = json!({"items": items, "recipient": {"phone": phone}, "expected_total": 1, "expected_points": 1});
    let shown = preview(&api, body.clone()).await;
    let expected = [
        ("off_shelf", "/items/0"),
        ("off_shelf", "/items/4"),
        ("field_required", "/recipient/name"),
        ("field_required", "/verify_code"),
        ("total_changed", "/expected_total"),
        ("total_changed", "/expected_points"),
        ("insufficient_stock", "/items/3"),
        ("insufficient_stock", "/items/5"),
    ];
    assert_eq!(codes(&shown), expected);
    assert_eq!((&shown["problems"][6]["sku_id"], &shown["problems"][6]["usable"]), (&json!("16"), &json!(10)));
    let refused = problem(place(&api, "k", &body).await, 409, "off_shelf").await;
    assert_eq!(pointers(&refused), ["/items/0", "/items/4"]);

    body["recipient"]["name"] = json!("An");
    body["verify_code"] = json!("000000");
    assert!(codes(&preview(&api, body.clone()).await).contains(&("verify_code_invalid", "/verify_code")));

    // Those of a request that cannot be an order are refused as placing refuses them.
    for (sent, status, code) in [
        (json!({"items": []}), 422, "invalid_field"),
        (json!({"from_cart": true}), 422, "invalid_field"),
        (json!({"items": [{"sku_id": "1", "quantity": 0}]}), 422, "invalid_field"),
        (json!({"items": [{"sku_id": "1", "quantity": 1}], "expected_total": -1}), 422, "invalid_field"),
        (json!({"items": [{"sku_id": "1", "quantity": 1}], "expected_total": "1"}), 422, "invalid_field"),
        (json!({"items": [{"sku_id": "1", "quantity": 1}], "expected_sum": 1}), 400, "unknown_field"),
        (json!({"items": vec![json!({"sku_id": "1", "quantity": 1}); 101]}), 422, "too_many_lines"),
    ] {
        let previewed = api.customer("POST", "/api/v1/orders/preview").json(&sent).send().await.unwrap();
        let previewed = problem(previewed, status, code).await;
        let placed = problem(place(&api, "k", &sent).await, status, code).await;
        assert_eq!(previewed["errors"], placed["errors"], "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cart_is_previewed_and_stays_as_it_is() {
    let api = Running::demo().await;
    let put = api.customer("PUT", "/api/v1/cart/items/2").json(&json!({"quantity": 3, "selected": true}));
    assert_eq!(put.send().await.unwrap().status(), StatusCode::OK);
    let shown = preview(&api, json!({"from_cart": true})).await;
    assert_eq!((&shown["total"]["amount"], &shown["items"][0]["quantity"]), (&json!(5_970), &json!(3)));
    let cart: Value = api.customer("GET", "/api/v1/cart").send().await.unwrap().json().await.unwrap();
    assert_eq!(cart["items"][0]["quantity"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_comes_to_what_the_buyer_was_shown_or_is_not_placed() {
    let api = Running::demo().await;
    let body = |total: i64| json!({"items": [{"sku_id": "1", "quantity": 2}], "expected_total": total, "expected_points": 10});
    let placed: Value = place(&api, "first", &body(3_980)).await.json().await.unwrap();
    assert_eq!(placed["total"]["amount"], 3_980);

    reprice(&api, "1", 2_000).await;
    let refused = problem(place(&api, "second", &body(3_980)).await, 409, "total_changed").await;
    assert_eq!((&refused["total"], &refused["points_total"]), (&json!({"amount": 4_000, "currency": "CNY"}), &json!(10)));
    assert_eq!(pointers(&refused), ["/expected_total"]);
    assert_eq!(usable(&api, "1").await, 99_998, "nothing is taken");
    // The refused key may try again; the key that was placed answers as it did, and another expectation is another body.
    let placed_now: Value = place(&api, "second", &body(4_000)).await.json().await.unwrap();
    assert_eq!(placed_now["total"]["amount"], 4_000);
    let again = place(&api, "first", &body(3_980)).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap()["order_no"], placed["order_no"]);
    problem(place(&api, "first", &body(4_000)).await, 422, "idempotency_key_reused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_order_holds_to_the_total_and_the_points_that_were_shown() {
    let api = Running::demo().await;
    let place = async |key: &str, body: Value| {
        let request = api.customer("POST", "/api/v1/activities/1/orders").header("Idempotency-Key", key);
        request.json(&body).send().await.unwrap()
    };
    let cash = |total: i64| json!({"product_id": "1001", "quantity": 1, "pay_type": "cash", "expected_total": total});
    let refused = problem(place("k", cash(1_990)).await, 409, "total_changed").await;
    assert_eq!(refused["total"]["amount"], 1_592);
    assert_eq!(place("k", cash(1_592)).await.status(), StatusCode::CREATED);

    let points = |points: i64| json!({"product_id": "1002", "quantity": 1, "pay_type": "points", "expected_points": points});
    let refused = problem(place("p", points(500)).await, 409, "total_changed").await;
    assert_eq!((&refused["points_total"], pointers(&refused)), (&json!(400), vec!["/expected_points"]));
    assert_eq!(place("p", points(400)).await.status(), StatusCode::CREATED);
}
