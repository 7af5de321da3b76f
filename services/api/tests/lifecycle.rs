//! Starting, health, and stopping in order.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_app::{PartHealth, PartState};
use tokio_util::sync::CancellationToken;

use sluice_testkit::wait_until;

use crate::{
    failing::Trouble,
    running::{Running, settings},
};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_is_down() {
    let api = Running::demo().await;
    assert_eq!(api.request("GET", "/livez").send().await.unwrap().status(), 200);
    let set = |state| {
        let part = PartHealth { name: "bus", state, detail: "no broker answers".to_owned() };
        api.failing.set_parts(vec![part]);
    };
    for (state, status, word) in
        [(PartState::Up, 200, "ready"), (PartState::Degraded, 200, "degraded"), (PartState::Down, 503, "not_ready")]
    {
        set(state);
        let answer = api.request("GET", "/readyz").send().await.unwrap();
        assert_eq!(answer.status(), status);
        let body: Value = answer.json().await.unwrap();
        assert_eq!((&body["status"], &body["parts"][0]["name"]), (&json!(word), &json!("bus")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_says_so_first_then_finishes_what_is_under_way() {
    let mut api = Running::with(|settings| settings.drain_delay = Duration::from_millis(400)).await;
    api.failing.next_placement(Trouble::Waits);
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "1", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    api.failing.under_way().await;
    let order = api.ordered("k2").await;
    let path = format!("/api/v1/orders/{}/events", order["order_no"].as_str().unwrap());
    let mut stream = api.customer("GET", &path).send().await.unwrap();
    stream.chunk().await.unwrap();

    api.stop.cancel();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let ready = api.request("GET", "/readyz").send().await.unwrap();
        if ready.status() == 503 {
            break assert_eq!(ready.json::<Value>().await.unwrap()["status"], "stopping");
        }
        assert!(tokio::time::Instant::now() < deadline);
    }
    let end = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await.unwrap();
    assert_eq!(end.unwrap(), None, "streams end");
    assert!(!api.served.is_finished(), "a placement is still under way");
    api.failing.let_go();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 201);
    tokio::time::timeout(Duration::from_secs(12), &mut api.served).await.unwrap().unwrap();
    assert!(api.request("GET", "/livez").send().await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_outlives_the_listeners_is_not_stopped_half_way() {
    let mut api = Running::with(|settings| settings.shutdown_timeout = Duration::from_secs(1)).await;
    api.failing.next_placement(Trouble::Waits);
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "1", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    api.failing.under_way().await;
    api.stop.cancel();
    tokio::time::timeout(Duration::from_secs(12), &mut api.served).await.unwrap().unwrap();
    assert!(waiting.await.unwrap().is_err(), "its connection was cut at the time-out");
    assert_eq!(api.orders_placed().await, 0);

    api.failing.let_go();
    let patience = Duration::from_secs(5);
    wait_until("the placement outlives its connection", patience, async || api.orders_placed().await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_serves_health_alone() {
    let api = Running::demo().await;
    let bound = sluice_api::bind_health(api.shop.clone(), settings(([127, 0, 0, 1], 0).into())).unwrap();
    let base = format!("http://{}", bound.addresses()[0]);
    let stop = CancellationToken::new();
    let served = tokio::spawn(bound.run(stop.clone()));
    let client = sluice_testkit::http_client().build().unwrap();
    for (path, status) in [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/api/v1/products", 404), ("/openapi.json", 404)]
    {
        assert_eq!(client.get(format!("{base}{path}")).send().await.unwrap().status(), status, "{path}");
    }
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(12), served).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_inside_is_not_served_to_everybody() {
    let api = Running::with(|settings| settings.health_is_apart = true).await;
    for (path, status) in [("/livez", 200), ("/readyz", 404), ("/metrics", 404), ("/openapi.json", 200), ("/api/v1/products", 401)]
    {
        assert_eq!(api.request("GET", path).send().await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_routes_and_refusals() {
    let recorder = sluice_api::install_metrics().unwrap();
    let api = Running::with(|settings| settings.metrics = Some(recorder)).await;
    let unauthenticated = api.request("GET", "/api/v1/orders/00000000000000000018").send().await.unwrap();
    assert_eq!(unauthenticated.status(), 401);
    let text = api.request("GET", "/metrics").send().await.unwrap().text().await.unwrap();
    let line = "http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/orders/{order_no}\",status=\"4xx\"}";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("sluice_rejections_total{code=\"unauthenticated\"}"), "{text}");
    assert!(text.contains("http_requests_in_flight"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_address_is_told_at_once() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let api = Running::demo().await;
    let error = sluice_api::bind(api.shop.clone(), settings(taken.local_addr().unwrap())).err().unwrap();
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
}
