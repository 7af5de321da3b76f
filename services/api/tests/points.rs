//! The points account over HTTP.

use serde_json::{Value, json};

use crate::running::{Running, pointers, problem};

#[tokio::test(flavor = "multi_thread")]
async fn the_own_account_is_shown_newest_first_and_paged() {
    let api = Running::start();
    let shown: Value = api.customer("GET", "/api/v1/points?limit=2").send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["balance"], &shown["has_more"]), (&json!(880), &json!(true)));
    let entry = &shown["data"][0];
    assert_eq!((&entry["id"], &entry["kind"], &entry["points"]), (&json!("3"), &json!("deduct"), &json!(-40)));
    assert_eq!((&entry["balance_after"], &entry["reason"]), (&json!(880), &json!("order")));
    assert_eq!(entry["order_no"], entry["business_id"]);
    assert!(entry["at"].as_str().unwrap().ends_with('Z'));
    let next = format!("/api/v1/points?limit=2&cursor={}", shown["next_cursor"].as_str().unwrap());
    let rest: Value = api.customer("GET", &next).send().await.unwrap().json().await.unwrap();
    assert_eq!((&rest["data"][0]["id"], &rest["has_more"], &rest["next_cursor"]), (&json!("1"), &json!(false), &Value::Null));
    problem(api.customer("GET", "/api/v1/points?cursor=x").send().await.unwrap(), 400, "invalid_cursor").await;
    problem(api.customer("GET", "/api/v1/points?status=paid").send().await.unwrap(), 400, "unknown_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_named_by_its_key() {
    let api = Running::start();
    let path = "/api/v1/admin/points/grants";
    let grant = json!({"user_id": "42", "points": 20, "reason": "birthday"});
    let send =
        async |key: &str, body: &Value| api.staff("POST", path).header("Idempotency-Key", key).json(body).send().await.unwrap();
    problem(api.staff("POST", path).json(&grant).send().await.unwrap(), 400, "idempotency_key_missing").await;
    let granted = send("k-1", &grant).await;
    assert_eq!((granted.status().as_u16(), granted.headers().contains_key("idempotent-replayed")), (201, false));
    let granted: Value = granted.json().await.unwrap();
    assert_eq!(granted, json!({"user_id": "42", "points": 20, "reason": "birthday", "balance": 900}));
    let again = send("k-1", &grant).await;
    assert_eq!((again.status().as_u16(), again.headers()["idempotent-replayed"].to_str().unwrap()), (201, "true"));
    let other = json!({"user_id": "43", "points": 20, "reason": "birthday"});
    problem(send("k-1", &other).await, 422, "idempotency_key_reused").await;
    problem(send("k-2", &json!({"user_id": "42", "points": 666, "reason": "x"})).await, 409, "points_refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_makes_no_sense_is_refused_by_field() {
    let api = Running::demo().await;
    for (body, pointer) in [
        (json!({"user_id": "42", "points": 0, "reason": "x"}), "/points"),
        (json!({"user_id": "42", "points": -5, "reason": "x"}), "/points"),
        (json!({"user_id": "", "points": 5, "reason": "x"}), "/user_id"),
        (json!({"user_id": "4".repeat(65), "points": 5, "reason": "x"}), "/user_id"),
        (json!({"user_id": "42", "points": 5, "reason": " "}), "/reason"),
        (json!({"user_id": "42", "points": 5, "reason": "x".repeat(201)}), "/reason"),
    ] {
        let request = api.staff("POST", "/api/v1/admin/points/grants").header("Idempotency-Key", "k").json(&body);
        let refused = problem(request.send().await.unwrap(), 422, "invalid_field").await;
        assert_eq!(pointers(&refused), [pointer], "{body}");
    }
    let extra = json!({"user_id": "42", "points": 5, "reason": "x", "store_id": "2"});
    let request = api.staff("POST", "/api/v1/admin/points/grants").header("Idempotency-Key", "k").json(&extra);
    problem(request.send().await.unwrap(), 400, "unknown_field").await;
}
