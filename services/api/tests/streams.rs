//! Status streams: a share for each user, one query for all, and no stream that outlives its token.

use std::time::{Duration, SystemTime};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::running::{Running, SECRET, claims, json_of, problem, sign};

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

/// What an event source reads until the stream ends.
async fn whole(stream: reqwest::Response) -> String {
    tokio::time::timeout(Duration::from_secs(10), stream.text()).await.expect("the stream ends").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_source_that_connects_again_is_told_what_is_new_and_stops_at_the_end() {
    let api = Running::demo().await;
    let order = api.ordered("k1").await;
    let path = events_of(&order);
    let first = api.customer("GET", &path).send().await.unwrap().chunk().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.starts_with("id: unpaid\nretry: 2000\nevent: status\ndata: {"), "{first}");

    let again = api.customer("GET", &path).header("Last-Event-ID", "unpaid").send().await.unwrap();
    let cancel = format!("/api/v1/orders/{}/cancel", order["order_no"].as_str().unwrap());
    assert_eq!(api.customer("POST", &cancel).send().await.unwrap().status(), 200);
    let told = whole(again).await;
    assert!(told.starts_with("id: cancelled\n") && !told.contains("unpaid"), "{told}");

    for last in ["cancelled", "unpaid", "7", ""] {
        let ended = api.customer("GET", &path).header("Last-Event-ID", last).send().await.unwrap();
        assert_eq!(ended.status(), 204, "{last}");
    }
    let anew = whole(api.customer("GET", &path).send().await.unwrap()).await;
    assert!(anew.contains("id: cancelled"), "who has seen nothing is told once: {anew}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_stream_of_its_order_within_a_minute() {
    let api = Running::demo().await;
    let (order, other) = (api.ordered("k1").await, api.ordered("k2").await);
    let ask = format!("{}-ticket", events_of(&order));
    let ticket = async || {
        let answer = api.customer("POST", &ask).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        json_of(answer).await["ticket"].as_str().unwrap().to_owned()
    };
    let open = async |order: &Value, ticket: &str| {
        api.request("GET", &format!("{}?ticket={ticket}", events_of(order))).send().await.unwrap()
    };

    let first = ticket().await;
    problem(open(&other, &first).await, 401, "unauthenticated").await;
    let mut stream = open(&order, &first).await;
    assert_eq!(stream.status(), 200, "another order did not use it up");
    assert!(String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap().contains("id: unpaid"));
    problem(open(&order, &first).await, 401, "unauthenticated").await;
    for unknown in ["", "0", &"f".repeat(32), "%00", "%E8%8C%B6"] {
        problem(open(&order, unknown).await, 401, "unauthenticated").await;
    }
    problem(api.request("GET", &events_of(&order)).send().await.unwrap(), 401, "unauthenticated").await;

    let mut stranger = claims("customer");
    stranger["sub"] = json!("somebody-else");
    let refused = api.request("POST", &ask).bearer_auth(sign(&stranger, SECRET, Algorithm::HS256)).send().await.unwrap();
    problem(refused, 404, "not_found").await;
    let mut refused = 0;
    for _ in 0..30 {
        refused += usize::from(api.customer("POST", &ask).send().await.unwrap().status() == 429);
    }
    assert!(refused > 0, "tickets are rows: a user has a share of them");
}
