//! Status streams: a share for each user, one query for all, and no stream that outlives its token.

use std::time::{Duration, SystemTime};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::running::{Running, SECRET, claims, problem, sign};

fn events_of(order: &Value) -> String {
    format!("/api/v1/orders/{}/events", order["order_no"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_thousand_streams_shuts_nobody_out() {
    let api = Running::with(|settings| settings.max_streams = 40).await;
    let path = events_of(&api.ordered("k1").await);
    let mut held = Vec::new();
    for number in 0..1_000 {
        let stream = api.customer("GET", &path).send().await.unwrap();
        if number < 10 {
            assert_eq!(stream.status(), 200);
            held.push(stream);
        } else {
            problem(stream, 429, "rate_limited").await;
        }
    }
    let mut staff = claims("staff");
    staff["sub"] = json!("another");
    // Whoever is no buyer of it is told about the order, not about streams.
    let other = api.request("GET", &path).bearer_auth(sign(&staff, SECRET, Algorithm::HS256)).send().await.unwrap();
    assert_ne!(other.status(), 503);
    assert_ne!(other.status(), 429);
    drop(held.pop());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    loop {
        let again = api.customer("GET", &path).send().await.unwrap();
        if again.status() == 200 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "a stream that was closed frees its place");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_outlives_its_token() {
    let api = Running::demo().await;
    let path = events_of(&api.ordered("k1").await);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut short = claims("customer");
    short["exp"] = json!(now + 3);
    let begun = tokio::time::Instant::now();
    let mut stream = api.request("GET", &path).bearer_auth(sign(&short, SECRET, Algorithm::HS256)).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await.unwrap().is_some(), "the present status");
    let end = tokio::time::timeout(Duration::from_secs(8), stream.chunk()).await.expect("the stream ends").unwrap();
    assert_eq!(end, None);
    assert!(begun.elapsed() > Duration::from_secs(1), "not before the token");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_followers_share_one_lookup() {
    let api = Running::with(|settings| settings.max_streams_per_user = 500).await;
    let path = events_of(&api.ordered("k1").await);
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut stream = api.customer("GET", &path).send().await.unwrap();
        stream.chunk().await.unwrap();
        held.push(stream);
    }
    let before = api.failing.lookups();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let during = api.failing.lookups() - before;
    assert!((1..=15).contains(&during), "200 followers of two seconds cost {during} lookups");
}
