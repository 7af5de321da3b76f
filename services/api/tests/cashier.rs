//! Callbacks and the embedded cashier.

use serde_json::{Value, json};
use sluice_pay::PaymentStatus;

use crate::{
    fakes::PAYMENT,
    running::{Running, pointers, problem},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_verified_over_its_raw_bytes() {
    let api = Running::start();
    let raw = b"{ \"amount\" : 1 }\n".to_vec();
    let send = |provider: &str, signature: &'static str| {
        let request = api.request("POST", &format!("/api/v1/payments/{provider}/callback"));
        request.header("webhook-signature", signature).body(raw.clone()).send()
    };
    let stored = send("sandbox", "v1,good").await.unwrap();
    assert_eq!(stored.status(), 200);
    assert_eq!(stored.json::<Value>().await.unwrap(), json!({}));
    assert_eq!(api.fakes.callbacks.lock().unwrap()[0], raw);
    problem(send("sandbox", "v1,forged").await.unwrap(), 401, "signature_invalid").await;
    problem(send("sandbox", "v1,other-amount").await.unwrap(), 422, "payment_mismatch").await;
    problem(send("other", "v1,good").await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cashier_speaks_json() {
    let api = Running::start();
    let path = format!("/pay/sandbox/{PAYMENT}");
    let shown = api.request("GET", &path).header("Accept", "application/json").send().await.unwrap();
    let shown: Value = shown.json().await.unwrap();
    assert_eq!((&shown["status"], &shown["amount"]["amount"]), (&json!("pending"), &json!(3980)));
    assert!((890..=900).contains(&shown["remaining_seconds"].as_u64().unwrap()), "{shown}");
    let choose = |body: Value| api.request("POST", &path).json(&body).send();
    let odd = problem(choose(json!({"outcome": "stolen"})).await.unwrap(), 422, "invalid_field").await;
    assert_eq!(pointers(&odd), ["/outcome"]);
    problem(choose(json!({"outcome": "paid", "tip": 1})).await.unwrap(), 400, "unknown_field").await;
    problem(api.request("POST", &path).body("outcome=paid").send().await.unwrap(), 415, "unsupported_media_type").await;
    let paid = choose(json!({"outcome": "paid"})).await.unwrap();
    assert_eq!(paid.status(), 200);
    assert_eq!(paid.json::<Value>().await.unwrap()["status"], "paid");
    problem(choose(json!({"outcome": "paid"})).await.unwrap(), 409, "payment_closed").await;
    problem(api.request("GET", "/pay/sandbox/unknown").send().await.unwrap(), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cashier_is_a_page_without_script() {
    let api = Running::start();
    let path = format!("/pay/sandbox/{PAYMENT}");
    let html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let shown = api.request("GET", &path).header("Accept", html).send().await.unwrap();
    assert!(shown.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(shown.headers()["x-content-type-options"], "nosniff");
    let plain = api.request("GET", &path).send().await.unwrap();
    assert!(plain.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let text = shown.text().await.unwrap();
    assert!(text.contains("39.80 CNY") && text.contains("00000000000000000018") && text.contains("min"), "{text}");
    assert!(text.contains("value=\"paid\"") && text.contains("value=\"failed\"") && !text.contains("<script"), "{text}");
    let choose = |outcome: &'static str| {
        let request = api.request("POST", &path).header("Accept", html);
        request.header("content-type", "application/x-www-form-urlencoded").body(format!("outcome={outcome}")).send()
    };
    let failed = choose("failed").await.unwrap();
    assert_eq!(failed.status(), 200);
    assert!(failed.text().await.unwrap().contains("The payment failed"));
    let again = choose("paid").await.unwrap();
    assert_eq!(again.status(), 409);
    assert!(again.text().await.unwrap().contains("takes no money any more"));
    assert_eq!(api.fakes.payment.lock().unwrap().status, PaymentStatus::Failed);
    let unknown = api.request("GET", "/pay/sandbox/%3Cscript%3E").header("Accept", html).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    assert!(!unknown.text().await.unwrap().contains("<script"));
}
