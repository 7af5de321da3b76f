//! What customers and staff look for, over the real services.

use jsonwebtoken::Algorithm;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::running::{Running, SECRET, claims, pointers, problem, sign};

/// The path with a query, whatever its values hold.
fn with(path: &str, query: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
    format!("{path}?{}", pairs.join("&"))
}

async fn found(api: &Running, role: &str, path: &str, query: &[(&str, &str)]) -> Value {
    let path = with(path, query);
    let request = if role == "staff" { api.staff("GET", &path) } else { api.customer("GET", &path) };
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, StatusCode::OK, "{query:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn named<'a>(page: &'a Value, member: &str) -> Vec<&'a str> {
    page["data"].as_array().unwrap().iter().map(|entry| entry[member].as_str().unwrap()).collect()
}

async fn refused(api: &Running, path: &str, query: &[(&str, &str)], pointer: &str) {
    let answer = api.staff("GET", &with(path, query)).send().await.unwrap();
    let refused = problem(answer, 422, "invalid_field").await;
    assert_eq!(pointers(&refused), [pointer], "{query:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_found_by_words_and_ids() {
    let api = Running::demo().await;
    let (shelf, all) = ("/api/v1/products", "/api/v1/admin/products");
    let new = json!({
        "title": "绿茶 100% \\ _rein_ 🍵", "delivery_place": "1", "receiving_way": 0, "listed": true,
        "skus": [{"code": "GT%1", "price": 500}],
    });
    let made: Value = api.staff("POST", all).json(&new).send().await.unwrap().json().await.unwrap();
    let id = made["id"].as_str().unwrap();
    for text in ["绿茶", "100%", "gt%", "_rein_ GT", "🍵", "\\", "REIN"] {
        assert_eq!(named(&found(&api, "customer", shelf, &[("q", text)]).await, "id"), [id], "{text}");
        assert_eq!(named(&found(&api, "staff", all, &[("q", text)]).await, "id"), [id], "{text}");
    }
    for text in ["%%", "__", "100_", "' OR 1=1 --", "👩‍👩‍👧"] {
        assert_eq!(found(&api, "customer", shelf, &[("q", text)]).await["data"], json!([]), "{text}");
    }

    // Unlisted ones and those of activities are for staff alone; what cannot be an id names nothing.
    let ids = [("ids", "15,1,2,2,1001,x,+3,")];
    assert_eq!(named(&found(&api, "customer", shelf, &ids).await, "id"), ["2", "1"]);
    assert_eq!(named(&found(&api, "staff", all, &ids).await, "id"), ["1001", "15", "2", "1"]);
    assert_eq!(found(&api, "customer", shelf, &[("ids", "")]).await["data"], json!([]));
    for path in [shelf, all] {
        let none = found(&api, "staff", path, &[("q", "Product"), ("ids", "x")]).await;
        assert_eq!((&none["data"], &none["has_more"]), (&json!([]), &json!(false)), "{path}");
        assert_eq!(named(&found(&api, "staff", path, &[("q", "Product"), ("ids", "x,2")]).await, "id"), ["2"], "{path}");
    }
    let page = found(&api, "customer", shelf, &[("ids", "1,2,3"), ("limit", "2")]).await;
    assert_eq!((named(&page, "id"), page["has_more"].as_bool()), (vec!["3", "2"], Some(true)));
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(named(&found(&api, "customer", shelf, &[("ids", "1,2,3"), ("cursor", cursor)]).await, "id"), ["1"]);

    let long = "x".repeat(10_000);
    let many = vec!["1"; 101].join(",");
    for (query, pointer) in [
        (("q", ""), "/query/q"),
        (("q", " \u{200B}"), "/query/q"),
        (("q", "a\u{7}"), "/query/q"),
        (("q", "🍵".repeat(101).as_str()), "/query/q"),
        (("q", long.as_str()), "/query/q"),
        (("q", "a b c d e f g h i"), "/query/q"),
        (("ids", many.as_str()), "/query/ids"),
    ] {
        refused(&api, shelf, &[query], pointer).await;
        refused(&api, all, &[query], pointer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_find_orders_by_what_they_know_of_them() {
    let api = Running::demo().await;
    let path = "/api/v1/admin/orders";
    let mut placed = Vec::new();
    for (key, sku, phone) in [("a", "1", "13800000001"), ("b", "2", "13800000002"), ("c", "1", "13800000002")] {
        let body = json!({"items": [{"sku_id": sku, "quantity": 1}], "recipient": {"phone": phone}});
        let answer = api.place(key).json(&body).send().await.unwrap();
        let order: Value = answer.json().await.unwrap();
        placed.push(order["order_no"].as_str().unwrap().to_owned());
    }
    let activity = json!({"product_id": "1001", "quantity": 1, "pay_type": "cash"});
    let request = api.customer("POST", "/api/v1/activities/1/orders").header("Idempotency-Key", "d").json(&activity);
    let order: Value = request.send().await.unwrap().json().await.unwrap();
    placed.push(order["order_no"].as_str().unwrap().to_owned());
    let cancel = format!("/api/v1/orders/{}/cancel", placed[0]);
    assert_eq!(api.customer("POST", &cancel).send().await.unwrap().status(), StatusCode::OK);

    let hour_ago = "2026-01-01T00:00:00Z";
    for (query, expected) in [
        (vec![], vec![3, 2, 1, 0]),
        (vec![("order_no", placed[1].as_str())], vec![1]),
        (vec![("user", "42")], vec![3, 2, 1, 0]),
        (vec![("user", "4_")], vec![]),
        (vec![("phone", "13800000002")], vec![2, 1]),
        (vec![("phone", "%")], vec![]),
        (vec![("sku_id", "1")], vec![2, 0]),
        (vec![("status", "cancelled")], vec![0]),
        (vec![("kind", "activity")], vec![3]),
        (vec![("refund_status", "none"), ("kind", "cart")], vec![2, 1, 0]),
        (vec![("refund_status", "full")], vec![]),
        (vec![("from", hour_ago)], vec![3, 2, 1, 0]),
        (vec![("to", hour_ago)], vec![]),
        (vec![("phone", "13800000002"), ("sku_id", "1"), ("status", "unpaid"), ("user", "42")], vec![2]),
    ] {
        let page = found(&api, "staff", path, &query).await;
        let expected: Vec<&str> = expected.into_iter().map(|n: usize| placed[n].as_str()).collect();
        assert_eq!(named(&page, "order_no"), expected, "{query:?}");
        assert_eq!(page["has_more"], false);
    }
    let page = found(&api, "staff", path, &[("sku_id", "1"), ("limit", "1")]).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = found(&api, "staff", path, &[("sku_id", "1"), ("limit", "1"), ("cursor", cursor)]).await;
    assert_eq!((named(&page, "order_no"), named(&rest, "order_no")), (vec![placed[2].as_str()], vec![placed[0].as_str()]));
    assert_eq!((&rest["data"][0]["user_id"], &rest["data"][0]["status"]), (&json!("42"), &json!("cancelled")));

    let long = "1".repeat(10_000);
    for (name, value) in [
        ("order_no", "1"),
        ("order_no", "00000000000000000001"),
        ("user", ""),
        ("user", long.as_str()),
        ("phone", long.as_str()),
        ("phone", "\u{7}"),
        ("sku_id", "01"),
        ("status", "PAID"),
        ("kind", ""),
        ("refund_status", "all"),
        ("from", "yesterday"),
        ("to", "1999-12-31T23:59:59Z"),
    ] {
        refused(&api, path, &[(name, value)], &format!("/query/{name}")).await;
    }
    problem(api.staff("GET", &with(path, &[("phones", "1")])).send().await.unwrap(), 400, "unknown_field").await;
    problem(api.staff("GET", &with(path, &[("cursor", "x")])).send().await.unwrap(), 400, "invalid_cursor").await;
}

/// Places so many orders, of users who stay within their shares.
async fn place(api: &Running, orders: usize, recipient: &Value) {
    for number in 0..orders {
        let mut claims = claims("customer");
        claims["sub"] = json!(format!("=user {}", number / 20));
        let token = sign(&claims, SECRET, Algorithm::HS256);
        let request = api.request("POST", "/api/v1/orders").bearer_auth(token).header("Idempotency-Key", format!("k{number}"));
        let body = json!({"items": [{"sku_id": "1", "quantity": 1}, {"sku_id": "17", "quantity": 2}], "recipient": recipient});
        assert_eq!(request.json(&body).send().await.unwrap().status(), StatusCode::CREATED);
    }
}

async fn table(api: &Running, query: &[(&str, &str)]) -> String {
    let response = api.staff("GET", &with("/api/v1/admin/orders.csv", query)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_orders_has_every_order_once_and_no_formula() {
    let api = Running::demo().await;
    let recipient = json!({"name": "=HYPERLINK(\"x\")", "phone": "+86 138", "address": "@1, Main \"Road\""});
    place(&api, 205, &recipient).await;
    let whole = table(&api, &[]).await;
    let rows: Vec<&str> = whole.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 206);
    assert!(rows[0].starts_with("\"order_no\",\"kind\",\"status\""), "{}", rows[0]);
    let mut numbers: Vec<&str> = rows[1..].iter().map(|row| &row[1..21]).collect();
    assert!(numbers.is_sorted_by(|newer, older| newer > older));
    numbers.dedup();
    assert_eq!(numbers.len(), 205);
    let expected = ",\"'=user 10\",";
    assert!(rows[1].contains(expected), "{}", rows[1]);
    let recipient = "\"1:1 17:2\",\"\",\"'=HYPERLINK(\"\"x\"\")\",\"'+86 138\",\"\",\"\",\"\",\"'@1, Main \"\"Road\"\"\",\"\"";
    assert!(rows[1].ends_with(recipient), "{}", rows[1]);

    let of_one = table(&api, &[("user", "=user 0"), ("kind", "cart"), ("sku_id", "17")]).await;
    assert_eq!(of_one.split_terminator("\r\n").count(), 21);
    assert_eq!(table(&api, &[("status", "paid")]).await.split_terminator("\r\n").count(), 1);

    let path = "/api/v1/admin/orders.csv";
    refused(&api, path, &[("status", "none")], "/query/status").await;
    for page in ["limit", "cursor"] {
        problem(api.staff("GET", &with(path, &[(page, "1")])).send().await.unwrap(), 400, "unknown_field").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_nobody_reads_hold_up_nobody() {
    let api = Running::demo().await;
    place(&api, 120, &json!({})).await;
    // More than may be read at the same time; none is read to its end.
    let mut unread = Vec::new();
    for _ in 0..8 {
        let response = api.staff("GET", "/api/v1/admin/orders.csv").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        unread.push(response);
    }
    unread.truncate(4);
    assert_eq!(table(&api, &[]).await.split_terminator("\r\n").count(), 121);
    drop(unread);
    assert_eq!(table(&api, &[]).await.split_terminator("\r\n").count(), 121);
}
