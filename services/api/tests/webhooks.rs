//! Subscriptions and deliveries of pushes.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use crate::running::{Running, json_of, pointers, problem};

const PATH: &str = "/api/v1/admin/webhooks";

async fn subscribe(api: &Running, body: Value) -> Response {
    api.staff("POST", PATH).json(&body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_shows_its_secret_once() {
    let api = Running::demo().await;
    let body = json!({"url": "https://partner.example/hooks", "event_types": ["order.paid", "referral"]});
    let created = subscribe(&api, body).await;
    assert_eq!((created.status().as_u16(), created.headers()["location"].to_str().unwrap()), (201, "/api/v1/admin/webhooks/1"));
    assert!(created.headers().contains_key("etag"));
    let created = json_of(created).await;
    assert!(created["secret"].as_str().unwrap().starts_with("whsec_"), "{created}");
    assert_eq!((&created["id"], &created["active"]), (&json!("1"), &json!(true)));
    assert_eq!(created["event_types"], json!(["order.paid", "referral"]));
    assert_eq!((&created["health"]["state"], &created["health"]["failures"]), (&json!("well"), &json!(0)));

    let shown = json_of(api.staff("GET", &format!("{PATH}/1")).send().await.unwrap()).await;
    assert_eq!((shown.get("secret"), &shown["url"]), (None, &json!("https://partner.example/hooks")));
    let list = json_of(api.staff("GET", PATH).send().await.unwrap()).await;
    assert_eq!((list["data"].as_array().unwrap().len(), list["data"][0].get("secret")), (1, None));
    assert_eq!(list["has_more"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_subscribed_is_pointed_at() {
    let api = Running::demo().await;
    for (body, pointer) in [
        (json!({"url": "http://127.0.0.1/", "event_types": ["order.paid"]}), "/url"),
        (json!({"url": "https://p.example/", "event_types": []}), "/event_types"),
        (json!({"url": "https://p.example/", "event_types": ["order.paid", "order.eaten"]}), "/event_types/1"),
        (json!({"url": "https://p.example/"}), "/event_types"),
        (json!({"event_types": ["order.paid"]}), "/url"),
        (json!({"url": 7, "event_types": ["order.paid"]}), "/url"),
    ] {
        let refused = problem(subscribe(&api, body.clone()).await, 422, "invalid_field").await;
        assert_eq!(pointers(&refused), [pointer], "{body}");
    }
    let own = json!({"url": "https://p.example/", "event_types": ["order.paid"], "secret": "mine"});
    problem(subscribe(&api, own).await, 400, "unknown_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_changed_from_a_version_and_its_secret_rotated() {
    let api = Running::demo().await;
    let made = json_of(subscribe(&api, json!({"url": "https://p.example/", "event_types": ["order.paid"]})).await).await;
    let path = format!("{PATH}/1");
    problem(api.staff("PATCH", &path).json(&json!({"active": false})).send().await.unwrap(), 428, "if_match_required").await;
    let stale = api.staff("PATCH", &path).header("If-Match", "\"9\"").json(&json!({"active": false}));
    problem(stale.send().await.unwrap(), 412, "stale").await;
    let patch = |etag: &str, body: Value| api.staff("PATCH", &path).header("If-Match", etag).json(&body).send();
    let changed = patch("\"1\"", json!({"active": false, "event_types": ["order.refunded"]})).await.unwrap();
    assert_eq!((changed.status().as_u16(), changed.headers()["etag"].to_str().unwrap()), (200, "\"2\""));
    let changed = json_of(changed).await;
    assert_eq!((&changed["active"], &changed["event_types"]), (&json!(false), &json!(["order.refunded"])));
    assert_eq!((changed.get("secret"), &changed["url"]), (None, &json!("https://p.example/")));
    let rotated = json_of(patch("*", json!({"rotate_secret": true})).await.unwrap()).await;
    assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_") && rotated["secret"] != made["secret"], "{rotated}");
    assert!(rotated["previous_secret_until"].is_string());

    assert_eq!(api.staff("DELETE", &path).send().await.unwrap().status(), 204);
    for method in ["GET", "DELETE"] {
        problem(api.staff(method, &path).send().await.unwrap(), 404, "not_found").await;
    }
    problem(api.staff("GET", &format!("{PATH}/01")).send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_listed_shown_and_replayed() {
    // No address of that name exists, so nothing is ever delivered.
    let api = Running::at_work().await;
    assert_eq!(subscribe(&api, json!({"url": "https://partner.invalid/", "event_types": ["order.cancelled"]})).await.status(), 201);
    let order = api.ordered("k").await;
    let cancel = format!("/api/v1/orders/{}/cancel", order["order_no"].as_str().unwrap());
    assert_eq!(api.customer("POST", &cancel).send().await.unwrap().status(), 200);

    let list = |query: &str| api.staff("GET", &format!("{PATH}/1/deliveries{query}")).send();
    let tried = wait_for("a delivery was tried", Duration::from_secs(20), async || {
        let all = json_of(list("?state=pending").await.unwrap()).await;
        all["data"].get(0).filter(|delivery| delivery["tries"] != 0).cloned()
    })
    .await;
    assert_eq!((&tried["event_type"], &tried["order_no"]), (&json!("order.cancelled"), &order["order_no"]));
    assert_eq!((&tried["state"], &tried["last_status"]), (&json!("pending"), &Value::Null));
    assert!(tried["next_try_at"].is_string(), "{tried}");
    assert_eq!(json_of(list("?state=delivered").await.unwrap()).await["data"], json!([]));
    assert_eq!(pointers(&problem(list("?state=lost").await.unwrap(), 422, "invalid_field").await), ["/query/state"]);
    problem(api.staff("GET", &format!("{PATH}/2/deliveries")).send().await.unwrap(), 404, "not_found").await;

    let path = format!("/api/v1/admin/webhook-deliveries/{}", tried["id"].as_str().unwrap());
    let trace = json_of(api.staff("GET", &path).send().await.unwrap()).await;
    assert_eq!((&trace["payload"]["type"], &trace["id"]), (&json!("order.cancelled"), &tried["id"]));
    let attempts = trace["attempts"].as_array().unwrap();
    assert_eq!((&attempts.last().unwrap()["number"], &attempts.last().unwrap()["status"]), (&json!(1), &Value::Null));
    let replayed = json_of(api.staff("POST", &format!("{path}/replay")).send().await.unwrap()).await;
    assert_eq!((&replayed["id"], &replayed["state"]), (&tried["id"], &json!("pending")));
    for (method, path) in
        [("GET", "/api/v1/admin/webhook-deliveries/msg_x"), ("POST", "/api/v1/admin/webhook-deliveries/msg_x/replay")]
    {
        problem(api.staff(method, path).send().await.unwrap(), 404, "not_found").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_a_delivery_like_any_other() {
    let api = Running::demo().await;
    let made = json_of(subscribe(&api, json!({"url": "https://p.example/", "event_types": ["referral"]})).await).await;
    let path = format!("{PATH}/{}/ping", made["id"].as_str().unwrap());
    let sent = api.staff("POST", &path).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let location = sent.headers()["location"].to_str().unwrap().to_owned();
    let sent = json_of(sent).await;
    assert_eq!((&sent["event_type"], &sent["order_no"], &sent["state"]), (&json!("ping"), &Value::Null, &json!("pending")));
    let kept = json_of(api.staff("GET", &location).send().await.unwrap()).await;
    assert_eq!((&kept["id"], &kept["payload"]["type"]), (&sent["id"], &json!("ping")));
    assert_eq!(kept["payload"]["data"], json!({"store_id": "1", "subscription_id": made["id"]}));
    // Each is a message of its own.
    let again = json_of(api.staff("POST", &path).send().await.unwrap()).await;
    assert_ne!(again["id"], sent["id"]);
    problem(api.staff("POST", &format!("{PATH}/999/ping")).send().await.unwrap(), 404, "not_found").await;
    let pings = json!({"url": "https://p.example/", "event_types": ["order.paid", "ping"]});
    let refused = problem(subscribe(&api, pings).await, 422, "invalid_field").await;
    assert_eq!(pointers(&refused), ["/event_types/1"]);
}
