//! Bodies, values and cursors that are refused: each with its status and code, nothing written, nothing reserved.

use serde_json::{Value, json};
use sluice_testkit::{Answer, Shopper, unique_name};

use crate::on_every_profile;
use crate::world::World;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[track_caller]
fn expect(answer: &Answer, status: u16, code: &str, what: &str) {
    let shown: String = answer.body.to_string().chars().take(300).collect();
    assert_eq!((answer.status, answer.code()), (status, code), "{what}: {shown}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}");
}

async fn post_order(buyer: &Shopper, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let key = unique_name("key");
    let mut all = vec![("Idempotency-Key", key.as_str())];
    all.extend(headers);
    buyer.send_bytes("POST", "/api/v1/orders", &all, body).await
}

fn line(sku: &str, quantity: &str) -> String {
    format!(r#"{{"items":[{{"sku_id":"{sku}","quantity":{quantity}}}]}}"#)
}

async fn bodies_that_are_no_order(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(50).await;
    let buyer = storefront.somebody();
    let good = line(&product.sku, "1");
    let deep = format!(r#"{{"items":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let mut no_utf8 = br#"{"items":[{"sku_id":"1","quantity":1}],"store_code":""#.to_vec();
    no_utf8.extend([0xff, 0xfe, 0xc3, 0x28]);
    no_utf8.extend(br#""}"#);
    let malformed: [(&str, Vec<u8>); 9] = [
        ("empty", Vec::new()),
        ("half", good.as_bytes()[..good.len() - 2].to_vec()),
        ("no JSON", b"items=1".to_vec()),
        ("two values", format!("{good}{good}").into_bytes()),
        ("a trailing comma", br#"{"items":[{"sku_id":"1","quantity":1},]}"#.to_vec()),
        ("a lone surrogate", br#"{"items":[{"sku_id":"\ud800","quantity":1}]}"#.to_vec()),
        ("deeply nested", deep.into_bytes()),
        ("not UTF-8", no_utf8),
        ("a NUL", b"\0".to_vec()),
    ];
    for (what, body) in malformed {
        expect(&post_order(&buyer, &[JSON], body).await, 400, "malformed_json", what);
    }
    let oversized =
        format!(r#"{{"items":[{{"sku_id":"{}","quantity":1}}],"store_code":"{}"}}"#, product.sku, "x".repeat(64 * 1024));
    expect(&post_order(&buyer, &[JSON], oversized.into_bytes()).await, 413, "body_too_large", "more than 64 KiB");
    for kind in ["text/plain", "application/xml", "multipart/form-data"] {
        let answer = post_order(&buyer, &[("Content-Type", kind)], good.clone().into_bytes()).await;
        expect(&answer, 415, "unsupported_media_type", kind);
    }
    expect(&post_order(&buyer, &[], good.clone().into_bytes()).await, 415, "unsupported_media_type", "no media type");
    expect(
        &post_order(&buyer, &[JSON, ("Content-Encoding", "gzip")], good.clone().into_bytes()).await,
        415,
        "unsupported_media_type",
        "a coding",
    );
    let accepted = post_order(&buyer, &[("Content-Type", "application/json; charset=utf-8")], good.into_bytes()).await;
    assert_eq!(accepted.status, 201, "{}", accepted.body);
    storefront.expect_stock(&product.sku, [49, 1, 0, 50]).await;
    let orders = buyer.get("/orders").await.expect_status(200);
    assert_eq!(orders.body["data"].as_array().unwrap().len(), 1, "refused bodies wrote nothing");
}

async fn fields_that_are_not_known(world: &World) {
    let buyer = world.storefront().somebody();
    for (pointer, body) in [
        ("/coupon", json!({"items": [{"sku_id": "1", "quantity": 1}], "coupon": "x"})),
        ("/items/0/price", json!({"items": [{"sku_id": "1", "quantity": 1, "price": 1}]})),
        ("/recipient/nick", json!({"items": [{"sku_id": "1", "quantity": 1}], "recipient": {"nick": "x"}})),
        ("/attribution/utm", json!({"items": [{"sku_id": "1", "quantity": 1}], "attribution": {"utm": "x"}})),
    ] {
        let answer = buyer.place_body(&unique_name("key"), body).await;
        expect(&answer, 400, "unknown_field", pointer);
        assert_eq!(answer.body["errors"][0]["pointer"], json!(pointer));
    }
    let query = buyer.get("/orders?colour=red").await;
    expect(&query, 400, "unknown_field", "a query parameter");
    let cart = buyer.put("/cart/items/1", json!({"quantity": 1, "selected": true, "gift": true})).await;
    expect(&cart, 400, "unknown_field", "in the cart");
}

async fn quantities_that_are_none(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(20_000).await;
    let buyer = storefront.somebody();
    let numbers = ["0", "-1", "10000", "1.5", "1e1", "9223372036854775807", "9223372036854775808", "-9223372036854775809"];
    for quantity in numbers.into_iter().chain([r#""1""#, "null", "true", "[1]", "{}", "1e400"]) {
        let answer = post_order(&buyer, &[JSON], line(&product.sku, quantity).into_bytes()).await;
        // A number beyond all bounds may be refused while the JSON is read.
        let expected = if quantity == "1e400" { 400 } else { 422 };
        assert!(answer.status == expected || answer.status == 422, "{quantity}: {} {}", answer.status, answer.body);
        assert!(matches!(answer.code(), "invalid_field" | "malformed_json"), "{quantity}: {}", answer.body);
        let cart = buyer.send_bytes(
            "PUT",
            "/api/v1/cart/items/1",
            &[JSON],
            format!(r#"{{"quantity":{quantity},"selected":true}}"#).into(),
        );
        let cart = cart.await;
        assert!(matches!(cart.status, 400 | 422), "{quantity} in the cart: {} {}", cart.status, cart.body);
    }
    storefront.expect_stock(&product.sku, [20_000, 0, 0, 20_000]).await;
    assert_eq!(buyer.cart().await.body["items"], json!([]));
}

async fn orders_of_too_many_or_no_lines(world: &World) {
    let buyer = world.storefront().somebody();
    let many = |count: usize| json!({"items": vec![json!({"sku_id": "1", "quantity": 1}); count]});
    let answer = buyer.place_body(&unique_name("key"), many(101)).await;
    expect(&answer, 422, "too_many_lines", "101 lines, though of one SKU");
    let whole = buyer.place_body(&unique_name("key"), many(100)).await.expect_status(201);
    assert_eq!(whole.number("/items/0/quantity"), 100);
    for (what, body) in [
        ("no line", json!({"items": []})),
        ("nothing", json!({})),
        ("both", json!({"items": [{"sku_id": "1", "quantity": 1}], "from_cart": true})),
        ("from_cart false", json!({"from_cart": false})),
        ("items null", json!({"items": null})),
        ("items as text", json!({"items": "1"})),
        ("an id as number", json!({"items": [{"sku_id": 1, "quantity": 1}]})),
        ("no quantity", json!({"items": [{"sku_id": "1"}]})),
        ("no id", json!({"items": [{"quantity": 1}]})),
        ("a list", json!([])),
        ("a text", json!("order")),
        ("null", Value::Null),
    ] {
        let answer = buyer.place_body(&unique_name("key"), body).await;
        expect(&answer, 422, "invalid_field", what);
    }
}

async fn texts_that_are_too_long(world: &World) {
    let buyer = world.storefront().somebody();
    let order = |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"items": [{"sku_id": "1", "quantity": 1}], "recipient": {}, "attribution": {}});
        change(&mut body);
        body
    };
    for (pointer, most) in [
        ("/recipient/name", 64),
        ("/recipient/phone", 32),
        ("/recipient/id_card", 32),
        ("/recipient/province", 64),
        ("/recipient/city", 64),
        ("/recipient/district", 64),
        ("/recipient/address", 200),
        ("/attribution/rq", 128),
        ("/attribution/cookie_id", 128),
        ("/verify_code", 16),
        ("/store_code", 64),
        ("/referrer", 512),
    ] {
        let set = |length: usize| {
            order(&|body| {
                let (parent, name) = pointer.rsplit_once('/').unwrap();
                body.pointer_mut(parent).unwrap()[name] = json!("长".repeat(length));
            })
        };
        let answer = buyer.place_body(&unique_name("key"), set(most + 1)).await;
        expect(&answer, 422, "invalid_field", pointer);
        assert_eq!(answer.body["errors"][0]["pointer"], json!(pointer));
        let whole = buyer.place_body(&unique_name("key"), set(most)).await;
        assert_eq!(whole.status, 201, "{most} characters at {pointer}, each of three bytes: {}", whole.body);
    }
    let sku = buyer.place(&[(&"9".repeat(300), 1)]).await;
    assert!(matches!((sku.status, sku.code()), (422, "invalid_field") | (409, "off_shelf")), "{}", sku.body);
}

async fn cursors_and_limits_of_lists(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(buyer.place(&[("1", 1)]).await.expect_status(201).order_no());
    }
    placed.reverse();
    for cursor in ["x", "-1", "%00", "eyJhIjoxfQ==", "99999999999999999999999999999"] {
        expect(&buyer.get(&format!("/orders?cursor={cursor}")).await, 400, "invalid_cursor", cursor);
        expect(&storefront.staff().get(&format!("/admin/orders?cursor={cursor}")).await, 400, "invalid_cursor", cursor);
    }
    for limit in ["0", "101", "-1", "x", "1.5", "99999999999999999999"] {
        expect(&buyer.get(&format!("/orders?limit={limit}")).await, 422, "invalid_field", limit);
    }
    expect(&buyer.get("/orders?status=lost").await, 422, "invalid_field", "a status that is none");

    let mut seen = Vec::new();
    let mut path = "/orders?limit=2".to_owned();
    loop {
        let page = buyer.get(&path).await.expect_status(200);
        let data = page.body["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        seen.extend(data.iter().map(|order| order["order_no"].as_str().unwrap().to_owned()));
        if page.body["has_more"] == json!(false) {
            assert_eq!(page.body["next_cursor"], Value::Null);
            break;
        }
        path = format!("/orders?limit=2&cursor={}", page.text("/next_cursor"));
    }
    assert_eq!(seen, placed, "every order once, newest first");
    let _ = buyer.cancel(&placed[0]).await.expect_status(200);
    let cancelled = buyer.get("/orders?status=cancelled").await.expect_status(200);
    assert_eq!(cancelled.body["data"].as_array().unwrap().len(), 1);
    assert_eq!(cancelled.text("/data/0/order_no"), placed[0]);
}

async fn paths_and_methods_that_are_not_there(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    for path in
        ["/orders/1", "/orders/x", "/orders/00000000000000000000", "/products/0", "/products/x", "/products/999999", "/nothing"]
    {
        expect(&buyer.get(path).await, 404, "not_found", path);
    }
    let cancel = buyer.cancel("12345678901234567890").await;
    expect(&cancel, 404, "not_found", "an order that is not there");
    let method = buyer.send("DELETE", "/api/v1/orders", &[], None).await;
    expect(&method, 405, "method_not_allowed", "DELETE /orders");
    assert!(method.header("allow").is_some_and(|allow| allow.contains("POST")));
    let unknown = storefront.staff().get("/admin/skus/999999/stock").await;
    expect(&unknown, 404, "not_found", "a SKU that is not there");
    for delta in [json!(0), json!(1.5), json!("1"), json!(i64::MAX)] {
        let body = json!({"delta": delta, "reason": "x"});
        let answer = storefront.staff().post_with_key("/admin/skus/3/stock-adjustments", &unique_name("key"), body).await;
        expect(&answer, 422, "invalid_field", &format!("delta {delta}"));
    }
    let product = storefront.add_product(3).await;
    let path = format!("/admin/skus/{}/stock-adjustments", product.sku);
    let body = json!({"delta": -4, "reason": "more than there is"});
    let refused = storefront.staff().post_with_key(&path, &unique_name("key"), body).await;
    expect(&refused, 409, "insufficient_stock", "written off");
    let stale = storefront
        .staff()
        .send(
            "PATCH",
            &format!("/api/v1/admin/products/{}", product.id),
            &[("If-Match", "\"999\"")],
            Some(json!({"listed": false})),
        )
        .await;
    expect(&stale, 412, "stale", "another version");
    let missing = storefront
        .staff()
        .send("PATCH", &format!("/api/v1/admin/products/{}", product.id), &[], Some(json!({"listed": false})))
        .await;
    expect(&missing, 428, "if_match_required", "no version");
    storefront.expect_stock(&product.sku, [3, 0, 0, 3]).await;
}

on_every_profile!(
    bodies_that_are_no_order,
    fields_that_are_not_known,
    quantities_that_are_none,
    orders_of_too_many_or_no_lines,
    texts_that_are_too_long,
    cursors_and_limits_of_lists,
    paths_and_methods_that_are_not_there,
);
