//! What is sent wrong, and how that is said.

use serde_json::{Value, json};

use crate::running::{Running, json_of, pointers, problem};

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_bodies() {
    let api = Running::demo().await;
    let send = |body: Vec<u8>, kind: &'static str| api.place("k").header("content-type", kind).body(body).send();
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let not_text = b"{\"store_code\":\"\xff\xfe\"}".to_vec();
    for bad in [b"".to_vec(), b"{".to_vec(), b"{\"a\":1}}".to_vec(), deep.into_bytes(), not_text, b"nonsense".to_vec()] {
        problem(send(bad, "application/json").await.unwrap(), 400, "malformed_json").await;
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        problem(send(b"{}".to_vec(), kind).await.unwrap(), 415, "unsupported_media_type").await;
    }
    let packed = api.place("k").header("content-type", "application/json").header("content-encoding", "gzip").body("{}");
    problem(packed.send().await.unwrap(), 415, "unsupported_media_type").await;
    let large = vec![b' '; 64 * 1024 + 1];
    problem(send(large, "application/json").await.unwrap(), 413, "body_too_large").await;
    let fits = format!("{{\"from_cart\":true{}}}", " ".repeat(64 * 1024 - 18));
    assert_eq!(fits.len(), 64 * 1024);
    problem(send(fits.into_bytes(), "application/json").await.unwrap(), 422, "invalid_field").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_is_bounded_too() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let api = Running::demo().await;
    let mut socket = tokio::net::TcpStream::connect(api.base.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /api/v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: k\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n",
        crate::running::token("customer")
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    for _ in 0..5 {
        // The server may answer and close before all of it is sent.
        if socket.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 16];
    socket.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_named_by_their_pointer() {
    let api = Running::demo().await;
    let line = |quantity: Value| json!({"items": [{"sku_id": "1", "quantity": 1}, {"sku_id": "2", "quantity": quantity}]});
    let with = |name: &str, value: Value| {
        let mut body = json!({"items": [{"sku_id": "1", "quantity": 1}]});
        body[name] = value;
        body
    };
    let cases = [
        (400, "unknown_field", "/colour", with("colour", json!("red"))),
        (400, "unknown_field", "/recipient/nick", with("recipient", json!({"nick": "x"}))),
        (400, "unknown_field", "/items/0/price", json!({"items": [{"sku_id": "1", "quantity": 1, "price": 1}]})),
        (422, "invalid_field", "/items/1/quantity", line(json!(0))),
        (422, "invalid_field", "/items/1/quantity", line(json!(-1))),
        (422, "invalid_field", "/items/1/quantity", line(json!(1.5))),
        (422, "invalid_field", "/items/1/quantity", line(json!(9_223_372_036_854_775_808_u64))),
        (422, "invalid_field", "/items/1/quantity", line(json!(10_000))),
        (422, "invalid_field", "/items/1/quantity", line(json!("1"))),
        (422, "invalid_field", "/items/1/quantity", line(Value::Null)),
        (422, "invalid_field", "/items/0/sku_id", json!({"items": [{"sku_id": 1, "quantity": 1}]})),
        (422, "invalid_field", "/items/0/quantity", json!({"items": [{"sku_id": "1"}]})),
        (422, "invalid_field", "/items", json!({"items": []})),
        (422, "invalid_field", "/items", json!({})),
        (422, "invalid_field", "/items", json!({"from_cart": false})),
        (422, "invalid_field", "/items", json!({"items": "1"})),
        (422, "invalid_field", "/from_cart", with("from_cart", json!(true))),
        (422, "invalid_field", "/store_code", with("store_code", json!("a\u{0}b"))),
        (422, "invalid_field", "/store_code", with("store_code", json!("x".repeat(65)))),
        (422, "invalid_field", "/recipient/name", with("recipient", json!({"name": "a\u{7}"}))),
        (422, "invalid_field", "/recipient/address", with("recipient", json!({"address": "ü".repeat(201)}))),
        (422, "invalid_field", "/attribution/cookie_id", with("attribution", json!({"cookie_id": "x".repeat(129)}))),
        (422, "invalid_field", "/referrer", with("referrer", json!("x".repeat(513)))),
        (422, "too_many_lines", "/items", json!({"items": vec![json!({"sku_id": "1", "quantity": 1}); 101]})),
    ];
    for (status, code, pointer, body) in cases {
        let answer = problem(api.place("k").json(&body).send().await.unwrap(), status, code).await;
        assert_eq!(pointers(&answer), [pointer], "{body}");
    }
    for body in [json!([]), json!("x"), json!(null)] {
        problem(api.place("k").json(&body).send().await.unwrap(), 422, "invalid_field").await;
    }
    let none: Value = api.customer("GET", "/api/v1/orders").send().await.unwrap().json().await.unwrap();
    assert_eq!(none["data"], json!([]));
    let most = json!({"items": vec![json!({"sku_id": "1", "quantity": 1}); 100], "store_code": "ü".repeat(64)});
    assert_eq!(api.place("k").json(&most).send().await.unwrap().status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods() {
    let api = Running::demo().await;
    for path in ["/api/v1/nothing", "/api/v2/orders", "/api/v1/orders/", "/nothing"] {
        problem(api.customer("GET", path).send().await.unwrap(), 404, "not_found").await;
    }
    let cases = [
        ("DELETE", "/api/v1/orders", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/api/v1/cart", "GET, HEAD, DELETE, OPTIONS"),
        ("HEAD", "/api/v1/verification-codes", "POST, OPTIONS"),
        ("PUT", "/livez", "GET, HEAD, OPTIONS"),
        ("POST", "/docs/", "GET, HEAD, OPTIONS"),
    ];
    for (method, path, allow) in cases {
        let response = api.customer(method, path).send().await.unwrap();
        assert_eq!(response.headers()["allow"], allow, "{method} {path}");
        if method == "HEAD" {
            assert_eq!(response.status(), 405);
            continue;
        }
        problem(response, 405, "method_not_allowed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cart_member_and_code_routes_check_their_fields() {
    let api = Running::demo().await;
    let put = |path: &str, body: Value| api.customer("PUT", path).json(&body).send();
    let cart = json_of(put("/api/v1/cart/items/1", json!({"quantity": 2})).await.unwrap()).await;
    let money = |amount: i64| json!({"amount": amount, "currency": "CNY"});
    let line = json!({
        "sku_id": "1", "product_id": "1", "title": "Product 1", "spec": "standard", "quantity": 2, "selected": true,
        "unit_price": money(1990), "unit_points": 5, "line_total": money(3980), "buyable": true, "reason": null,
    });
    assert_eq!(cart, json!({"items": [line], "selected_total": money(3980), "selected_points": 10}));
    let empty = json!({"items": [], "selected_total": money(0), "selected_points": 0});
    for method in ["/api/v1/cart/items/1", "/api/v1/cart"] {
        let cart: Value = api.customer("DELETE", method).send().await.unwrap().json().await.unwrap();
        assert_eq!(cart, empty);
    }
    let answer = problem(put("/api/v1/cart/items/1", json!({"quantity": 0})).await.unwrap(), 422, "invalid_field").await;
    assert_eq!(pointers(&answer), ["/quantity"]);
    problem(put("/api/v1/cart/items/15", json!({"quantity": 1})).await.unwrap(), 409, "off_shelf").await;
    for id in ["x", "01", "+1", "9223372036854775808"] {
        problem(put(&format!("/api/v1/cart/items/{id}"), json!({"quantity": 1})).await.unwrap(), 404, "not_found").await;
    }

    let post = |path: &str, body: Value| api.customer("POST", path).json(&body).send();
    assert_eq!(post("/api/v1/verification-codes", json!({"phone": "13800000000"})).await.unwrap().status(), 202);
    let busy = post("/api/v1/verification-codes", json!({"phone": "13800000000"})).await.unwrap();
    assert!((1..=60).contains(&busy.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap()));
    problem(busy, 429, "rate_limited").await;

    let address = json!({"name": "An", "phone": "13800000000", "province": "P", "city": "C", "district": "D", "address": "A 1"});
    let added = post("/api/v1/addresses", address.clone()).await.unwrap();
    assert_eq!(added.status(), 201);
    let own = added.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(own, format!("/api/v1/addresses/{}", json_of(added).await["id"].as_str().unwrap()));
    assert_eq!(put(&own, address.clone()).await.unwrap().status(), 200);
    let mut without = address;
    without.as_object_mut().unwrap().remove("city");
    let answer = problem(post("/api/v1/addresses", without).await.unwrap(), 422, "invalid_field").await;
    assert_eq!(pointers(&answer), ["/city"]);
    assert_eq!(api.customer("DELETE", &own).send().await.unwrap().status(), 204);
    problem(api.customer("DELETE", &own).send().await.unwrap(), 404, "not_found").await;
    let account: Value = put("/api/v1/third-party-accounts/wechat", json!({"account": "o1"})).await.unwrap().json().await.unwrap();
    assert_eq!(account, json!({"provider": "wechat", "account": "o1"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn products_have_the_published_shape() {
    let api = Running::demo().await;
    let product: Value = api.customer("GET", "/api/v1/products/1").send().await.unwrap().json().await.unwrap();
    let sku = json!({
        "sku_id": "1", "code": "SKU-1", "spec": "standard", "price": {"amount": 1990, "currency": "CNY"}, "points": 5, "usable": 100_000,
        "in_stock": true,
    });
    let expected = json!({
        "id": "1", "title": "Product 1", "pictures": ["/pictures/1.png"], "delivery_place": "1", "receiving_way": 0, "order_form_items": [],
        "skus": [sku],
    });
    assert_eq!(product, expected);
    let list = json_of(api.customer("GET", "/api/v1/products?limit=100").send().await.unwrap()).await;
    assert_eq!((&list["next_cursor"], &list["has_more"]), (&Value::Null, &json!(false)));
    assert_eq!(list["data"].as_array().unwrap().last(), Some(&expected));
    problem(api.customer("GET", "/api/v1/products/15").send().await.unwrap(), 404, "not_found").await;
}
