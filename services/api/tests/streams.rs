//! Status streams: a share for each user, one query for all, and no stream that outlives its token.

use std::time::{Duration, SystemTime};

use jsonwebtoken::Algorithm;
use serde_json::json;
use sluice_kernel::OrderNo;

use crate::running::{Running, SECRET, claims, problem, sign};

fn path() -> String {
    format!("/api/v1/orders/{}/events", OrderNo::from_id(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_thousand_streams_shuts_nobody_out() {
    let api = Running::with(|settings| settings.max_streams = 40);
    api.order("k1", "1").await;
    let mut held = Vec::new();
    for number in 0..1_000 {
        let stream = api.customer("GET", &path()).send().await.unwrap();
        if number < 10 {
            assert_eq!(stream.status(), 200);
            held.push(stream);
        } else {
            problem(stream, 429, "rate_limited").await;
        }
    }
    let mut staff = claims("staff");
    staff["sub"] = json!("another");
    // The fake knows one buyer; staff of the store may not follow as themselves, so the answer is about the order.
    let other = api.request("GET", &path()).bearer_auth(sign(&staff, SECRET, Algorithm::HS256)).send().await.unwrap();
    assert_ne!(other.status(), 503);
    assert_ne!(other.status(), 429);
    drop(held.pop());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    loop {
        let again = api.customer("GET", &path()).send().await.unwrap();
        if again.status() == 200 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "a stream that was closed frees its place");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_outlives_its_token() {
    let api = Running::start();
    api.order("k1", "1").await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut short = claims("customer");
    short["exp"] = json!(now + 3);
    let begun = tokio::time::Instant::now();
    let mut stream = api.request("GET", &path()).bearer_auth(sign(&short, SECRET, Algorithm::HS256)).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await.unwrap().is_some(), "the present status");
    let end = tokio::time::timeout(Duration::from_secs(8), stream.chunk()).await.expect("the stream ends").unwrap();
    assert_eq!(end, None);
    assert!(begun.elapsed() > Duration::from_secs(1), "not before the token");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_followers_share_one_look() {
    let api = Running::with(|settings| settings.max_streams_per_user = 500);
    api.order("k1", "1").await;
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut stream = api.customer("GET", &path()).send().await.unwrap();
        stream.chunk().await.unwrap();
        held.push(stream);
    }
    let looks = || *api.fakes.orders.looks.lock().unwrap();
    let before = looks();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let during = looks() - before;
    assert!((1..=15).contains(&during), "200 followers of two seconds cost {during} looks");
}
