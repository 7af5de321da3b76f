//! Who may do what: tokens that do not count, and what belongs to others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_testkit::{JWT_SECRET, Shopper, claims, signed_token, token, unique_name};

use crate::on_every_profile;
use crate::world::World;

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(1, "42", "customer");
    change(&mut claims);
    signed_token(&json!({"alg": "HS256", "typ": "JWT"}), &claims, JWT_SECRET)
}

fn without(name: &str) -> String {
    with(|claims| {
        claims.as_object_mut().unwrap().remove(name);
    })
}

async fn a_token_that_is_not_ours_is_401(world: &World) {
    let storefront = world.storefront();
    let sound = claims(1, "42", "customer");
    let genuine = token(1, "42", "customer");
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (head, rest) = genuine.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let mut richer = sound.clone();
    richer["role"] = json!("staff");
    let spoiled = [
        ("empty", String::new()),
        ("no JWT", "abc".to_owned()),
        ("another secret", signed_token(&json!({"alg": "HS256"}), &sound, "another secret entirely")),
        ("alg none", format!("{}.{}.", part(&json!({"alg": "none"})), part(&sound))),
        ("alg none, signed", signed_token(&json!({"alg": "none"}), &sound, JWT_SECRET)),
        ("another algorithm", signed_token(&json!({"alg": "HS512"}), &sound, JWT_SECRET)),
        ("RS256 with the secret as key", signed_token(&json!({"alg": "RS256"}), &sound, JWT_SECRET)),
        ("another payload", format!("{head}.{}.{signature}", part(&richer))),
        ("no signature", format!("{head}.{payload}.")),
        ("expired", with(|claims| claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 1))),
        ("expires as text", with(|claims| claims["exp"] = json!("tomorrow"))),
        ("another audience", with(|claims| claims["aud"] = json!("somebody-else"))),
        ("another issuer", with(|claims| claims["iss"] = json!("somebody-else"))),
        ("another role", with(|claims| claims["role"] = json!("admin"))),
        ("store 0", with(|claims| claims["store_id"] = json!("0"))),
        ("store as words", with(|claims| claims["store_id"] = json!("one"))),
        ("an empty user", with(|claims| claims["sub"] = json!(""))),
        ("not yet valid", with(|claims| claims["nbf"] = json!(claims["exp"].as_i64().unwrap() - 10))),
        ("no exp", without("exp")),
        ("no sub", without("sub")),
        ("no store", without("store_id")),
        ("no role", without("role")),
        ("no audience", without("aud")),
        ("no issuer", without("iss")),
    ];
    for (what, token) in spoiled {
        for (method, path) in [("GET", "/api/v1/orders"), ("POST", "/api/v1/orders"), ("GET", "/api/v1/admin/exceptions")] {
            let answer = Shopper::new(&storefront.base, token.clone()).send(method, path, &[], None).await;
            assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{what}, {method} {path}: {}", answer.body);
            assert!(answer.header("www-authenticate").is_some(), "{what}");
        }
    }
    for scheme in ["Basic dXNlcjpwYXNz", "Bearer", "bearer", genuine.as_str()] {
        let answer = storefront.nobody().send("GET", "/api/v1/orders", &[("Authorization", scheme)], None).await;
        assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{scheme}");
    }
    let nobody = storefront.nobody().get("/orders").await;
    assert_eq!((nobody.status, nobody.code()), (401, "unauthenticated"));
    let number = with(|claims| claims["store_id"] = json!(1));
    assert_eq!(Shopper::new(&storefront.base, number).get("/orders").await.status, 200, "a store's id may be a number");
}

async fn what_belongs_to_others_is_not_there(world: &World) {
    let storefront = world.storefront();
    let user = unique_name("owner");
    let owner = storefront.customer(1, &user);
    let order = owner.place(&[("1", 1)]).await.expect_status(201);
    let (number, payment) = (order.order_no(), order.text("/payment/payment_id"));
    let namesake = storefront.customer(2, &user);
    for stranger in [storefront.somebody(), namesake] {
        for (method, path) in [
            ("GET", format!("/orders/{number}")),
            ("GET", format!("/orders/{number}/events")),
            ("POST", format!("/orders/{number}/cancel")),
            ("POST", format!("/orders/{number}/payment")),
        ] {
            let key = unique_name("key");
            let answer = stranger.send(method, &format!("/api/v1{path}"), &[("Idempotency-Key", &key)], None).await;
            assert_eq!((answer.status, answer.code()), (404, "not_found"), "{method} {path}: {}", answer.body);
        }
        assert_eq!(stranger.get("/orders").await.expect_status(200).body["data"], json!([]));
    }
    let foreign = storefront.staff_of(2);
    for path in [
        "/admin/products/1",
        "/admin/skus/1",
        "/admin/skus/1/stock",
        "/admin/skus/1/stock/trace",
        &format!("/admin/orders/{number}"),
    ] {
        let answer = foreign.get(path).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}: {}", answer.body);
    }
    let theft = json!({"delta": 5, "reason": "theft"});
    let adjust = foreign.post_with_key("/admin/skus/1/stock-adjustments", &unique_name("key"), theft).await;
    assert_eq!((adjust.status, adjust.code()), (404, "not_found"));
    for path in ["/products/1", "/products/15"] {
        let answer = storefront.customer(2, &user).get(path).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    let seen = owner.order(&number).await.expect_status(200);
    assert_eq!((seen.text("/status"), seen.text("/payment/payment_id")), ("unpaid".to_owned(), payment));
}

async fn a_customer_is_no_staff(world: &World) {
    let storefront = world.storefront();
    let customer = storefront.somebody();
    for path in [
        "/admin/products",
        "/admin/products/1",
        "/admin/skus/1/stock",
        "/admin/skus/1/stock/trace",
        "/admin/orders",
        "/admin/exceptions",
        "/admin/dead-letters",
        "/admin/outbox",
    ] {
        let answer = customer.get(path).await;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{path}: {}", answer.body);
    }
    let adjust = customer.post("/admin/skus/1/stock-adjustments", json!({"delta": 5, "reason": "gift"})).await;
    assert_eq!((adjust.status, adjust.code()), (403, "forbidden"));
}

on_every_profile!(a_token_that_is_not_ours_is_401, what_belongs_to_others_is_not_there, a_customer_is_no_staff);
