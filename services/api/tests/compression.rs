//! Compressed answers: to whom, how large, and what becomes of their tags.

use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::Response;
use serde_json::{Value, json};

use crate::running::Running;

async fn asking(api: &Running, path: &str, accepted: &str) -> Response {
    api.staff("GET", path).header("Accept-Encoding", accepted).send().await.unwrap()
}

fn coding(response: &Response) -> Option<&str> {
    response.headers().get("content-encoding").map(|coding| coding.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_is_compressed_when_asked_for() {
    let api = Running::demo().await;
    for path in ["/api/v1/products", "/api/v1/admin/products", "/openapi.json", "/docs/swagger-initializer.js"] {
        let plain = api.staff("GET", path).send().await.unwrap();
        let small = plain.content_length().unwrap() <= 1_024;
        assert_eq!((coding(&plain), plain.headers().contains_key("vary")), (None, !small), "{path}");
        let plain = plain.bytes().await.unwrap();
        for accepted in ["gzip", "br, gzip;q=0.5", "deflate, gzip, br, zstd"] {
            let packed = asking(&api, path, accepted).await;
            assert_eq!(coding(&packed), (!small).then_some("gzip"), "{path} {accepted}");
            if small {
                continue;
            }
            assert_eq!(packed.headers()["vary"], "accept-encoding");
            let packed = packed.bytes().await.unwrap();
            let mut text = Vec::new();
            GzDecoder::new(packed.as_ref()).read_to_end(&mut text).unwrap();
            assert!(text == plain && packed.len() * 2 < plain.len(), "{path}: {} of {}", packed.len(), plain.len());
        }
        for accepted in ["", "*", "identity", "br", "gzip;q=0", "gzip;q=0, *", "nonsense;q=x", "identity;q=0"] {
            let sent = asking(&api, path, accepted).await;
            assert_eq!((sent.status().as_u16(), coding(&sent)), (200, None), "{path} {accepted}");
        }
    }
    let small = asking(&api, "/api/v1/products/1", "gzip").await;
    assert!(coding(&small).is_none() && !small.headers().contains_key("vary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tag_of_a_compressed_answer_is_weak_and_still_good() {
    let api = Running::demo().await;
    let path = "/api/v1/products";
    let strong = api.staff("GET", path).send().await.unwrap().headers()["etag"].clone();
    let packed = asking(&api, path, "gzip").await;
    let weak = packed.headers()["etag"].clone();
    assert_eq!(weak, format!("W/{}", strong.to_str().unwrap()));
    for tag in [strong, weak] {
        let same = api.staff("GET", path).header("Accept-Encoding", "gzip").header("If-None-Match", tag).send().await.unwrap();
        assert_eq!((same.status().as_u16(), coding(&same)), (304, None));
    }
    // What staff read compressed, they change by its tag.
    let path = "/api/v1/admin/products/1";
    let pictures: Vec<String> = (0..20).map(|number| format!("https://pictures.example/{}/{number}", "x".repeat(80))).collect();
    let large = json!({"pictures": pictures});
    assert_eq!(api.staff("PATCH", path).header("If-Match", "*").json(&large).send().await.unwrap().status(), 200);
    let read = asking(&api, path, "gzip").await;
    let tag = read.headers()["etag"].clone();
    assert!(coding(&read) == Some("gzip") && tag.to_str().unwrap().starts_with("W/"));
    let changed = api.staff("PATCH", path).header("If-Match", tag).json(&json!({"title": "Tea"})).send().await.unwrap();
    assert_eq!(changed.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_not_held_back_by_compression_and_head_has_no_body() {
    let api = Running::demo().await;
    let order: Value = api.order("k", "1").await.json().await.unwrap();
    let path = format!("/api/v1/orders/{}/events", order["order_no"].as_str().unwrap());
    let mut stream = api.customer("GET", &path).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(coding(&stream), None);
    assert!(String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()).contains("event: status"));
    let head = api.request("HEAD", "/openapi.json").header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(coding(&head), Some("gzip"));
    assert!(head.bytes().await.unwrap().is_empty());
}
