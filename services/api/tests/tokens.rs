//! Who is let in.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::running::{FAR, Running, SECRET, claims, problem, sign, token};

fn with(name: &str, value: Value) -> Value {
    let mut changed = claims("customer");
    changed[name] = value;
    changed
}

fn without(name: &str) -> Value {
    let mut changed = claims("customer");
    changed.as_object_mut().unwrap().remove(name);
    changed
}

/// Told to who sends no token (RFC 6750, 3).
const NOBODY: &str = r#"Bearer realm="sluice""#;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_ours_is_unauthenticated() {
    let api = Running::demo().await;
    // {"alg":"none","typ":"JWT"}
    let unsigned = {
        let whole = token("staff");
        let mut parts = whole.split('.');
        let (_, payload) = (parts.next(), parts.next().unwrap());
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")
    };
    let bad = [
        ("expired", sign(&with("exp", json!(1_600_000_000)), SECRET, Algorithm::HS256)),
        ("forged", sign(&claims("staff"), "another secret", Algorithm::HS256)),
        ("another algorithm", sign(&claims("staff"), SECRET, Algorithm::HS512)),
        ("alg none", unsigned),
        ("another audience", sign(&with("aud", json!("shop")), SECRET, Algorithm::HS256)),
        ("another issuer", sign(&with("iss", json!("shop")), SECRET, Algorithm::HS256)),
        ("not yet", sign(&with("nbf", json!(FAR)), SECRET, Algorithm::HS256)),
        ("no exp", sign(&without("exp"), SECRET, Algorithm::HS256)),
        ("no sub", sign(&without("sub"), SECRET, Algorithm::HS256)),
        ("no store", sign(&without("store_id"), SECRET, Algorithm::HS256)),
        ("no audience", sign(&without("aud"), SECRET, Algorithm::HS256)),
        ("an empty sub", sign(&with("sub", json!("")), SECRET, Algorithm::HS256)),
        ("a long sub", sign(&with("sub", json!("x".repeat(65))), SECRET, Algorithm::HS256)),
        ("a store that is no number", sign(&with("store_id", json!("one")), SECRET, Algorithm::HS256)),
        ("another spelling of a store", sign(&with("store_id", json!("01")), SECRET, Algorithm::HS256)),
        ("an unknown role", sign(&with("role", json!("root")), SECRET, Algorithm::HS256)),
        ("no token at all", String::new()),
    ];
    for (what, token) in bad {
        let challenge = if token.is_empty() { NOBODY } else { r#"Bearer realm="sluice", error="invalid_token""# };
        let response = api.request("GET", "/api/v1/cart").bearer_auth(token).send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], challenge, "{what}");
        let body = problem(response, 401, "unauthenticated").await;
        assert_eq!(body["type"], "/docs/errors#unauthenticated");
    }
    let basic = api.request("GET", "/api/v1/cart").header("Authorization", "Basic eDp5").send().await.unwrap();
    assert_eq!(basic.headers()["www-authenticate"], NOBODY);
    problem(basic, 401, "unauthenticated").await;
    let customer = api.customer("GET", "/api/v1/admin/orders").send().await.unwrap();
    assert_eq!(customer.headers()["www-authenticate"], r#"Bearer realm="sluice", error="insufficient_scope""#);
    problem(customer, 403, "forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_token_names_store_and_user() {
    let api = Running::demo().await;
    for good in [claims("customer"), claims("staff"), with("store_id", json!(1)), with("aud", json!(["sluice", "other"]))] {
        let token = sign(&good, SECRET, Algorithm::HS256);
        let response = api.request("GET", "/api/v1/cart").bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200, "{good}");
    }
    api.order("k1", "1").await;
    let request = api.failing.commands.lock().unwrap()[0].0.request.clone();
    assert_eq!((request.store.0, request.user.as_str()), (1, "42"));
}
