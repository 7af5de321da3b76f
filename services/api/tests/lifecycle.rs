//! Starting, health, and stopping in order.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_app::{PartHealth, PartState};
use tokio_util::sync::CancellationToken;

use crate::{
    orders::under_way,
    running::{Running, SECRET},
};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_what_is_down() {
    let api = Running::start();
    assert_eq!(api.request("GET", "/livez").send().await.unwrap().status(), 200);
    let set = |state| {
        let part = PartHealth { name: "bus", state, detail: "no broker answers".to_owned() };
        *api.fakes.parts.lock().unwrap() = vec![part];
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
    let mut api = Running::with(|settings| settings.drain_delay = Duration::from_millis(400));
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "777", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    under_way(&api.fakes.orders).await;
    api.order("k2", "1").await;
    let path = format!("/api/v1/orders/{}/events", sluice_kernel::OrderNo::from_id(1));
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
    api.fakes.orders.let_go.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 201);
    tokio::time::timeout(Duration::from_secs(12), &mut api.served).await.unwrap().unwrap();
    assert!(api.request("GET", "/livez").send().await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_that_outlives_the_listeners_is_not_stopped_half_way() {
    let mut api = Running::with(|settings| settings.shutdown_timeout = Duration::from_secs(1));
    let waiting = api.place("k1").json(&json!({"items": [{"sku_id": "777", "quantity": 1}]}));
    let waiting = tokio::spawn(waiting.send());
    under_way(&api.fakes.orders).await;
    api.stop.cancel();
    tokio::time::timeout(Duration::from_secs(12), &mut api.served).await.unwrap().unwrap();
    assert!(waiting.await.unwrap().is_err(), "its connection was cut at the time-out");
    assert!(api.fakes.orders.kept.lock().unwrap().is_empty());

    api.fakes.orders.let_go.add_permits(1);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while api.fakes.orders.kept.lock().unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the placement ended with its connection");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_serves_health_alone() {
    let fakes = std::sync::Arc::new(crate::fakes::Fakes::default());
    let tokens = sluice_api::TokenSettings::hs256(SECRET);
    let settings = sluice_api::ApiSettings::new(([127, 0, 0, 1], 0).into(), tokens);
    let bound = sluice_api::bind_health(fakes.shop(), settings).unwrap();
    let base = format!("http://{}", bound.addresses()[0]);
    let stop = CancellationToken::new();
    let served = tokio::spawn(bound.run(stop.clone()));
    for (path, status) in [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/api/v1/products", 404), ("/openapi.json", 404)]
    {
        assert_eq!(reqwest::get(format!("{base}{path}")).await.unwrap().status(), status, "{path}");
    }
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(12), served).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_routes_and_refusals() {
    let recorder = sluice_api::install_metrics().unwrap();
    let api = Running::with(|settings| settings.metrics = Some(recorder));
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
    let tokens = sluice_api::TokenSettings::hs256(SECRET);
    let settings = sluice_api::ApiSettings::new(taken.local_addr().unwrap(), tokens);
    let fakes = std::sync::Arc::new(crate::fakes::Fakes::default());
    let error = sluice_api::bind(fakes.shop(), settings).err().unwrap();
    assert!(error.to_string().contains(&taken.local_addr().unwrap().to_string()), "{error}");
}
