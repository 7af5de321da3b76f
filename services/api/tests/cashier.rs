//! Callbacks and the embedded cashier.

use serde_json::{Value, json};
use sluice_kernel::{Clock as _, PaymentId, SystemClock};
use sluice_pay::PaymentStatus;
use sluice_testkit::SignedCallback;

use crate::running::{Running, SANDBOX_SECRET, json_of, paid, pointers, problem};

/// The cashier's path of an order's payment.
fn cashier_of(order: &Value) -> String {
    format!("/pay/sandbox/{}", order["payment"]["payment_id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_verified_over_its_raw_bytes() {
    let api = Running::demo().await;
    let order = api.ordered("k").await;
    let payment = PaymentId::from(order["payment"]["payment_id"].as_str().unwrap());
    // Spaces that no serializer would write are signed, too.
    let said = paid(&order).to_string().replace(':', " :  ");
    let now = SystemClock.now().as_millis() / 1_000;
    let good = SignedCallback::signed(SANDBOX_SECRET.as_bytes(), "msg_1".to_owned(), now, said);
    let send = |provider: &str, callback: &SignedCallback| {
        let request = api.request("POST", &format!("/api/v1/payments/{provider}/callback"));
        let signed = callback.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
        signed.body(callback.body.clone()).send()
    };
    let forged = SignedCallback { signature: format!("v1,{}", "A".repeat(43) + "="), ..good.clone() };
    problem(send("sandbox", &forged).await.unwrap(), 401, "signature_invalid").await;
    let squeezed = SignedCallback { body: good.body.replace(' ', ""), ..good.clone() };
    problem(send("sandbox", &squeezed).await.unwrap(), 401, "signature_invalid").await;
    problem(send("other", &good).await.unwrap(), 404, "not_found").await;
    let mut less = paid(&order);
    less["amount"] = json!(1);
    problem(api.callback(&less).await, 422, "payment_mismatch").await;
    assert_eq!(api.shop.pay.find(&payment).await.unwrap().status, PaymentStatus::Pending);
    let stored = send("sandbox", &good).await.unwrap();
    assert_eq!(stored.status(), 200);
    assert_eq!(json_of(stored).await, json!({}));
    assert_eq!(api.shop.pay.find(&payment).await.unwrap().status, PaymentStatus::Paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cashier_speaks_json() {
    let api = Running::demo().await;
    let path = cashier_of(&api.ordered("k").await);
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
    let api = Running::demo().await;
    let order = api.ordered("k").await;
    let path = cashier_of(&order);
    let html = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";
    let shown = api.request("GET", &path).header("Accept", html).send().await.unwrap();
    assert!(shown.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(shown.headers()["x-content-type-options"], "nosniff");
    let plain = api.request("GET", &path).send().await.unwrap();
    assert!(plain.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let text = shown.text().await.unwrap();
    assert!(text.contains("39.80 CNY") && text.contains(order["order_no"].as_str().unwrap()) && text.contains("min"), "{text}");
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
    let payment = PaymentId::from(order["payment"]["payment_id"].as_str().unwrap());
    assert_eq!(api.shop.pay.find(&payment).await.unwrap().status, PaymentStatus::Failed);
    let unknown = api.request("GET", "/pay/sandbox/%3Cscript%3E").header("Accept", html).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    assert!(!unknown.text().await.unwrap().contains("<script"));
}
