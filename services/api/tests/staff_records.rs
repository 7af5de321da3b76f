//! Exceptions, refunds and traces as staff see them, over the real services.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sluice_testkit::SignedCallback;

use crate::running::{Running, pointers, problem};

async fn json_of(response: Response) -> Value {
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn list(api: &Running, path: &str) -> Vec<Value> {
    json_of(api.staff("GET", path).send().await.unwrap()).await["data"].as_array().unwrap().clone()
}

/// An order, for which a provider says that too little was paid.
async fn mismatched(api: &Running) -> String {
    let order: Value = api.order("k", "1").await.json().await.unwrap();
    let body = json!({
        "payment_id": order["payment"]["payment_id"], "order_no": order["order_no"], "status": "paid",
        "amount": 1, "currency": "CNY", "payee": "1",
    });
    let SignedCallback { id, timestamp, signature, body } = SignedCallback::new("a sandbox secret", &body);
    let callback = api.request("POST", "/api/v1/payments/sandbox/callback");
    let callback = callback.header("webhook-id", id).header("webhook-timestamp", timestamp).header("webhook-signature", signature);
    problem(callback.body(body).send().await.unwrap(), 422, "payment_mismatch").await;
    order["order_no"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_found_and_resolved_once() {
    let api = Running::demo().await;
    let order_no = mismatched(&api).await;
    let path = "/api/v1/admin/exceptions";
    let open = list(&api, &format!("{path}?state=open&kind=payment_mismatch&order_no={order_no}")).await;
    assert_eq!((open.len(), &open[0]["state"], &open[0]["order_no"]), (1, &json!("open"), &json!(order_no)));
    assert_eq!(list(&api, &format!("{path}?kind=paid_twice")).await, Vec::<Value>::new());

    let resolve = format!("{path}/{}/resolve", open[0]["id"].as_str().unwrap());
    let send = async |body: Value| api.staff("POST", &resolve).json(&body).send().await.unwrap();
    for bad in [json!({"note": " "}), json!({"note": "x".repeat(501)}), json!({})] {
        let refused = problem(send(bad).await, 422, "invalid_field").await;
        assert_eq!(pointers(&refused), ["/note"]);
    }
    let resolved = json_of(send(json!({"note": "The buyer paid the rest."})).await).await;
    assert_eq!((&resolved["state"], &resolved["note"]), (&json!("resolved"), &json!("The buyer paid the rest.")));
    assert_eq!(resolved["resolved_by"], "42");
    assert_eq!(json_of(send(json!({"note": "again"})).await).await, resolved);
    assert_eq!(list(&api, &format!("{path}?state=resolved")).await, [resolved]);
    assert_eq!(list(&api, &format!("{path}?state=open")).await, Vec::<Value>::new());

    for unknown in ["0", "999999", "01", "x"] {
        let other = api.staff("POST", &format!("{path}/{unknown}/resolve")).json(&json!({"note": "n"})).send().await.unwrap();
        problem(other, 404, "not_found").await;
    }
    for (query, pointer) in [("state=done", "/query/state"), ("kind=all", "/query/kind"), ("order_no=1", "/query/order_no")] {
        let refused = problem(api.staff("GET", &format!("{path}?{query}")).send().await.unwrap(), 422, "invalid_field").await;
        assert_eq!(pointers(&refused), [pointer]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_tells_what_happened_to_an_order_of_the_store() {
    let api = Running::demo().await;
    let order_no = mismatched(&api).await;
    let path = format!("/api/v1/admin/orders/{order_no}/trace");
    let told = json_of(api.staff("GET", &path).send().await.unwrap()).await;
    assert_eq!(told["order_no"], order_no);
    let entries = told["entries"].as_array().unwrap();
    for kind in ["order", "key", "movement", "payment", "exception"] {
        assert!(entries.iter().any(|entry| entry["kind"] == kind && entry["at"].is_string()), "{kind}: {told}");
    }
    assert!(entries.is_sorted_by_key(|entry| entry["at"].as_str().unwrap()));
    let unknown = api.staff("GET", "/api/v1/admin/orders/00000000000000000000/trace").send().await.unwrap();
    problem(unknown, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_are_listed_by_status() {
    let api = Running::demo().await;
    for query in ["", "?status=pending", "?status=done", "?status=refused&limit=1"] {
        assert_eq!(list(&api, &format!("/api/v1/admin/refunds{query}")).await, Vec::<Value>::new());
    }
    let refused = api.staff("GET", "/api/v1/admin/refunds?status=open").send().await.unwrap();
    assert_eq!(pointers(&problem(refused, 422, "invalid_field").await), ["/query/status"]);
}
