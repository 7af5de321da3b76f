//! The points account over HTTP.

use serde_json::{Value, json};

use crate::running::{Running, json_of, pointers, problem};

#[tokio::test(flavor = "multi_thread")]
async fn the_own_account_is_shown_newest_first_and_paged() {
    let api = Running::at_work().await;
    let redemption = json!({"product_id": "1002", "quantity": 1, "pay_type": "points"});
    let order = json_of(api.take("1", "k1", &redemption).await).await;
    api.wait_for_status(&order, "paid").await;
    let grant = json!({"user_id": "42", "points": 20, "reason": "birthday"});
    let grant = api.staff("POST", "/api/v1/admin/points/grants").header("Idempotency-Key", "k").json(&grant);
    assert_eq!(grant.send().await.unwrap().status(), 201);
    let shown = json_of(api.customer("GET", "/api/v1/points?limit=2").send().await.unwrap()).await;
    assert_eq!((&shown["balance"], &shown["has_more"]), (&json!(999_620), &json!(true)));
    let (granted, deducted) = (&shown["data"][0], &shown["data"][1]);
    assert_eq!((&granted["kind"], &granted["points"], &granted["reason"]), (&json!("grant"), &json!(20), &json!("birthday")));
    assert_eq!(
        (&deducted["kind"], &deducted["points"], &deducted["balance_after"]),
        (&json!("deduct"), &json!(-400), &json!(999_600))
    );
    assert_eq!(deducted["order_no"], order["order_no"]);
    assert!(deducted["at"].as_str().unwrap().ends_with('Z'));
    let next = format!("/api/v1/points?limit=2&cursor={}", shown["next_cursor"].as_str().unwrap());
    let rest = json_of(api.customer("GET", &next).send().await.unwrap()).await;
    assert_eq!(
        (&rest["data"][0]["points"], &rest["has_more"], &rest["next_cursor"]),
        (&json!(1_000_000), &json!(false), &Value::Null)
    );
    problem(api.customer("GET", "/api/v1/points?cursor=x").send().await.unwrap(), 400, "invalid_cursor").await;
    problem(api.customer("GET", "/api/v1/points?status=paid").send().await.unwrap(), 400, "unknown_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_named_by_its_key() {
    let api = Running::demo().await;
    let path = "/api/v1/admin/points/grants";
    let grant = json!({"user_id": "42", "points": 20, "reason": "birthday"});
    let send =
        async |key: &str, body: &Value| api.staff("POST", path).header("Idempotency-Key", key).json(body).send().await.unwrap();
    problem(api.staff("POST", path).json(&grant).send().await.unwrap(), 400, "idempotency_key_missing").await;
    let granted = send("k-1", &grant).await;
    assert_eq!((granted.status().as_u16(), granted.headers().contains_key("idempotent-replayed")), (201, false));
    let granted: Value = granted.json().await.unwrap();
    assert_eq!(granted, json!({"user_id": "42", "points": 20, "reason": "birthday", "balance": 1_000_020}));
    let again = send("k-1", &grant).await;
    assert_eq!((again.status().as_u16(), again.headers()["idempotent-replayed"].to_str().unwrap()), (201, "true"));
    let other = json!({"user_id": "43", "points": 20, "reason": "birthday"});
    problem(send("k-1", &other).await, 422, "idempotency_key_reused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_makes_no_sense_is_refused_by_field() {
    let api = Running::demo().await;
    for (body, pointer, params) in [
        (json!({"user_id": "42", "points": 0, "reason": "x"}), "/points", json!({"min": 1, "max": 1_000_000_000_000_i64})),
        (json!({"user_id": "42", "points": -5, "reason": "x"}), "/points", json!({"min": 1, "max": 1_000_000_000_000_i64})),
        (json!({"user_id": "", "points": 5, "reason": "x"}), "/user_id", json!({"min": 1, "max": 64})),
        (json!({"user_id": "4".repeat(65), "points": 5, "reason": "x"}), "/user_id", json!({"max": 64})),
        (json!({"user_id": "42", "points": 5, "reason": " "}), "/reason", json!({"min": 1, "max": 200})),
        (json!({"user_id": "42", "points": 5, "reason": "x".repeat(201)}), "/reason", json!({"max": 200})),
        (json!({"user_id": "42", "points": 5, "reason": "x\u{7}"}), "/reason", json!(null)),
    ] {
        let request = api.staff("POST", "/api/v1/admin/points/grants").header("Idempotency-Key", "k").json(&body);
        let refused = problem(request.send().await.unwrap(), 422, "invalid_field").await;
        assert_eq!((pointers(&refused), &refused["errors"][0]["params"]), (vec![pointer], &params), "{body}");
    }
    let extra = json!({"user_id": "42", "points": 5, "reason": "x", "store_id": "2"});
    let request = api.staff("POST", "/api/v1/admin/points/grants").header("Idempotency-Key", "k").json(&extra);
    problem(request.send().await.unwrap(), 400, "unknown_field").await;
}
