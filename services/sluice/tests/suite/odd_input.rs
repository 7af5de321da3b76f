//! Inputs that nobody thought of: refused, nothing written, and no list that one of them takes down.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice_testkit::{SANDBOX_SECRET, SignedCallback, unique_name};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::on_every_profile;
use crate::world::World;

const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn a_time_beyond_the_calendar_takes_no_list_down(world: &World) {
    let storefront = world.storefront();
    let staff = storefront.staff_of(3);
    for ends_at in ["9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z"] {
        let body = json!({"title": "odd", "starts_at": "2026-01-01T00:00:00Z", "ends_at": ends_at, "mode": "cash"});
        let refused = staff.post("/admin/activities", body).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{ends_at}: {}", refused.body);
    }
    let _ = staff.get("/admin/activities").await.expect_status(200);
    let _ = storefront.customer(3, "42").get("/activities").await.expect_status(200);
    let campaign = json!({"name": "odd", "starts_at": "2026-01-01T00:00:00Z", "ends_at": "9999-12-31T23:59:59-05:00"});
    assert_eq!(staff.post("/admin/campaigns", campaign).await.status, 422);
    let _ = staff.get("/admin/campaigns").await.expect_status(200);
}

async fn a_member_twice_or_an_array_for_an_object_moves_no_stock_and_no_money(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(100).await;
    let (buyer, staff) = (storefront.somebody(), storefront.staff());
    let key = || unique_name("key");
    let twice = format!(r#"{{"items":[{{"sku_id":"{}","quantity":1,"quantity":50}}]}}"#, product.sku);
    let headers = |key: &'static str| [JSON, ("Idempotency-Key", key)];
    let refused = buyer.send_bytes("POST", "/api/v1/orders", &headers("twice"), twice.into_bytes()).await;
    assert_eq!((refused.status, refused.code()), (400, "malformed_json"), "{}", refused.body);
    let listed = format!(r#"{{"items":[["{}",50]]}}"#, product.sku);
    let refused = buyer.send_bytes("POST", "/api/v1/orders", &headers("listed"), listed.into_bytes()).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{}", refused.body);
    let refused = staff.post_with_key(&format!("/admin/skus/{}/stock-adjustments", product.sku), &key(), json!([5, "x"])).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{}", refused.body);
    storefront.expect_stock(&product.sku, [100, 0, 0, 100]).await;

    let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let payment = order.text("/payment/payment_id");
    let body = json!([payment, order.order_no(), "paid", order.number("/total/amount"), "CNY", "1"]);
    let refused = buyer.callback("sandbox", &SignedCallback::new(SANDBOX_SECRET, &body)).await;
    assert!((400..500).contains(&refused.status), "{} {}", refused.status, refused.body);
    let twice = format!(
        r#"{{"payment_id":"{payment}","order_no":"{}","status":"failed","status":"paid","amount":{},"currency":"CNY","payee":"1"}}"#,
        order.order_no(),
        order.number("/total/amount"),
    );
    let signed = SignedCallback::new(SANDBOX_SECRET, &json!({}));
    let signed = SignedCallback::signed(SANDBOX_SECRET.as_bytes(), unique_name("msg"), signed.timestamp, twice);
    let refused = buyer.callback("sandbox", &signed).await;
    assert!((400..500).contains(&refused.status), "{} {}", refused.status, refused.body);
    assert_eq!(buyer.order(&order.order_no()).await.text("/status"), "unpaid");
    let settled = crate::callbacks::tell(&buyer, &crate::callbacks::notice(&order, "paid")).await;
    assert!((200..300).contains(&settled.status), "{}", settled.body);
}

async fn an_upload_without_a_token_is_closed_at_once(world: &World) {
    let address = world.storefront().base.trim_start_matches("http://").to_owned();
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut read, mut write) = socket.into_split();
    let head = "POST /api/v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    write.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    read.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    let begun = Instant::now();
    while write.write_all(b"1\r\n \r\n").await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(8), "still open after {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_later_head_that_drips_in_is_ended(world: &World) {
    let address = world.storefront().base.trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let (mut read, mut write) = socket.into_split();
    write.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ").await.unwrap();
    let begun = Instant::now();
    let drip = tokio::spawn(async move {
        while write.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut all = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), read.read_to_end(&mut all)).await.expect("the head is ended");
    let text = String::from_utf8_lossy(&all).into_owned();
    assert!(text.contains("HTTP/1.1 408 "), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drip.abort();
}

async fn a_remark_of_two_lines_is_kept_and_an_invisible_name_is_none(world: &World) {
    let buyer = world.storefront().somebody();
    let order = json!({"product_id": "1005", "quantity": 1, "pay_type": "cash", "own_form": "leave it\nat the door"});
    let placed = buyer.post_with_key("/activities/1/orders", &unique_name("key"), order).await.expect_status(201);
    let read = buyer.order(&placed.order_no()).await;
    assert_eq!(read.text("/own_form"), "leave it\nat the door");
    for name in ["\u{200B}", "\u{2800}", "\u{3164}", "\u{E0041}", "\u{202E}"] {
        let order = json!({
            "items": [{"sku_id": "11", "quantity": 1}], "recipient": {"name": name, "phone": "13800000000"},
        });
        let refused = buyer.place_body(&unique_name("key"), order).await;
        assert_eq!((refused.status, refused.code()), (422, "field_required"), "{name:?}: {}", refused.body);
    }
}

on_every_profile!(
    a_time_beyond_the_calendar_takes_no_list_down,
    a_member_twice_or_an_array_for_an_object_moves_no_stock_and_no_money,
    an_upload_without_a_token_is_closed_at_once,
    a_remark_of_two_lines_is_kept_and_an_invisible_name_is_none,
);

#[tokio::test]
async fn a_later_head_cannot_drip_in_for_ever() {
    let _floor = crate::floor::among_others().await;
    a_later_head_that_drips_in_is_ended(crate::world::Profile::Embedded.shared().await).await;
}
