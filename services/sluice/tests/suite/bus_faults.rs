//! One blocked partition, one message that is too large, one right that is missing: everything else flows, once.

use std::collections::HashMap;
use std::time::Duration;

use sluice_testkit::{Answer, Kafka, ShopProcess, Shopper, unique_prefix, wait_for, wait_until};

use crate::floor;
use crate::world::{EXECUTABLE, Profile, SOON, Storefront, World};

/// What a lane of the bus that is blocked may cost its neighbours: the time until a message counts as not delivered.
const HICCUP: Duration = Duration::from_secs(30);

async fn shop_on(kafka: &Kafka, topics: &str) -> World {
    Profile::MariaDb.plan().setting("bus.url", kafka.url()).setting("bus.topic_prefix", topics).start().await
}

async fn place(storefront: &Storefront, orders: usize) -> Vec<(Shopper, Answer)> {
    let mut placed = Vec::new();
    for number in 0..orders {
        let (buyer, sku) = (storefront.somebody(), (1 + number % 10).to_string());
        let order = buyer.place(&[(&sku, 1)]).await.expect_status(201);
        placed.push((buyer, order));
    }
    placed
}

async fn pay_all(orders: &[(Shopper, Answer)], within: Duration) {
    for (buyer, order) in orders {
        let _ = buyer.pay(order).await.expect_status(200);
    }
    let begun = std::time::Instant::now();
    for (buyer, order) in orders {
        buyer.wait_for_status(&order.order_no(), "paid", within.saturating_sub(begun.elapsed())).await;
    }
}

async fn outbox_empties(storefront: &Storefront, within: Duration) {
    wait_until("the outbox empties", within, async || {
        let outbox = storefront.staff().get("/admin/outbox").await;
        outbox.status == 200 && outbox.number("/pending") == 0
    })
    .await;
}

/// How often each event is on a topic, by its `ce_id`.
fn events(kafka: &Kafka, topic: &str) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for message in kafka.messages(topic) {
        let id = message.split("ce_id=").nth(1).and_then(|rest| rest.split([',', '|']).next()).unwrap_or_default().to_owned();
        *seen.entry(id).or_default() += 1;
    }
    seen
}

async fn bus_detail(storefront: &Storefront) -> (String, String) {
    let answer = storefront.nobody().send("GET", "/readyz", &[], None).await;
    let parts = answer.body["parts"].as_array().unwrap();
    let bus = parts.iter().find(|part| part["name"] == "bus").unwrap();
    (bus["state"].as_str().unwrap().to_owned(), bus["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_message_above_the_limit_stops_no_other_event_and_repeats_none() {
    let _floor = floor::alone().await;
    let kafka = Kafka::start_guarded().await;
    let topics = unique_prefix();
    kafka.admin(&["create", &format!("{topics}order-created"), "3", "max.message.bytes=1500"]);
    let world = shop_on(&kafka, &topics).await;
    let storefront = world.storefront();
    let before = place(&storefront, 15).await;
    let skus: Vec<String> = (1..=10).chain([16, 17, 19, 20]).map(|sku| sku.to_string()).collect();
    let lines: Vec<(&str, i64)> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
    let buyer = storefront.somebody();
    let large = buyer.place(&lines).await.expect_status(201);
    let after = place(&storefront, 15).await;
    // The large order itself goes on as well: only its `order-created` is too large.
    let orders: Vec<(Shopper, Answer)> = before.into_iter().chain([(buyer, large)]).chain(after).collect();
    pay_all(&orders, SOON).await;
    outbox_empties(&storefront, SOON).await;

    let numbers: Vec<String> = orders.iter().map(|(_, order)| order.order_no()).collect();
    let large = &numbers[15];
    let created = events(&kafka, &format!("{topics}order-created"));
    for number in numbers.iter().filter(|number| *number != large) {
        assert!(created.contains_key(&format!("{number}/created")), "{number} was told of");
    }
    let mut moved = events(&kafka, &format!("{topics}stock-sync"));
    // The seed's receipts are there too.
    moved.retain(|id, _| !id.contains("/adjust/"));
    assert_eq!(moved.len(), 2 * (30 + 14), "every movement is there: {moved:?}");
    assert_eq!(moved.values().sum::<usize>(), moved.len(), "and once: {moved:?}");

    let letters = storefront.staff().get("/admin/dead-letters?topic=order-created").await.expect_status(200);
    assert_eq!(letters.text("/data/0/error_code"), "message_too_large");
    assert_eq!(
        (letters.text("/data/0/event_id"), letters.text("/data/0/consumer")),
        (format!("{large}/created"), "relay".to_owned())
    );
    assert_eq!(letters.body["data"].as_array().unwrap().len(), 1, "{}", letters.body);

    kafka.admin(&["forbid-writing", &format!("{topics}order-paid")]);
    let orders = place(&storefront, 6).await;
    pay_all(&orders, HICCUP).await;
    wait_for("readiness of the worker names the topic", HICCUP, async || {
        let worker = Storefront { base: world.workers[0].base_url() };
        let (state, detail) = bus_detail(&worker).await;
        (state == "degraded" && detail.contains("order-paid")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_partition_without_a_leader_holds_up_nothing_but_itself() {
    let _floor = floor::alone().await;
    let kafka = Kafka::start().await;
    let topics = unique_prefix();
    let mut world = shop_on(&kafka, &topics).await;
    pay_all(&place(&world.storefront(), 3).await, SOON).await;
    // One partition more, on a broker that goes; everything else stays where it is.
    let second = kafka.second_broker().await;
    for topic in ["order-created", "stock-sync"] {
        kafka.admin(&["grow", &format!("{topics}{topic}"), "4", "2"]);
    }
    // Both learn of it at once.
    world.workers[0].restart().await;
    world.apis[0].restart().await;
    let storefront = world.storefront();
    pay_all(&place(&storefront, 10).await, SOON).await;
    drop(second);
    wait_until("readiness says that a partition has no leader", HICCUP, async || {
        let (state, detail) = bus_detail(&storefront).await;
        state == "degraded" && detail.contains("without a leader") && detail.contains("partition 3 of")
    })
    .await;
    let first = place(&storefront, 20).await;
    pay_all(&first, HICCUP).await;
    // From then on the partition is known, and nobody waits for it.
    let orders = place(&storefront, 20).await;
    pay_all(&orders, SOON).await;

    let _second = kafka.second_broker().await;
    outbox_empties(&storefront, HICCUP + HICCUP).await;
    let created = events(&kafka, &format!("{topics}order-created"));
    for (_, order) in first.iter().chain(&orders) {
        assert!(created.contains_key(&format!("{}/created", order.order_no())), "what waited came after all");
    }
    let twice = created.values().filter(|times| **times > 2).count();
    assert_eq!(twice, 0, "nothing is repeated again and again: {created:?}");
    assert_eq!(storefront.staff().get("/admin/dead-letters").await.body["data"], serde_json::json!([]));
}

#[tokio::test]
async fn topics_that_exist_are_consumed_though_none_may_be_created() {
    let _floor = floor::alone().await;
    let kafka = Kafka::start_guarded().await;
    let topics = unique_prefix();
    let mut world = shop_on(&kafka, &topics).await;
    pay_all(&place(&world.storefront(), 2).await, SOON).await;
    kafka.admin(&["forbid-creation"]);
    world.workers[0].restart().await;
    world.apis[0].restart().await;
    let storefront = world.storefront();
    pay_all(&place(&storefront, 5).await, SOON).await;
    assert_eq!(bus_detail(&storefront).await.0, "up");

    // One that is missing and may not be created is named; the others go on.
    kafka.admin(&["delete", &format!("{topics}order-refunded")]);
    world.workers[0].restart().await;
    let (state, detail) = bus_detail(&Storefront { base: world.workers[0].base_url() }).await;
    assert!(state == "degraded" && detail.contains("order-refunded"), "{state}: {detail}");
    pay_all(&place(&storefront, 5).await, SOON).await;
}

/// The environment's proxy is for other programs: the callback that settles a payment goes to this very shop.
#[tokio::test]
async fn a_proxy_in_the_environment_gets_no_callback() {
    let _floor = floor::among_others().await;
    let nowhere = "http://127.0.0.1:9";
    let shop = ShopProcess::builder(EXECUTABLE)
        .variable("HTTP_PROXY", nowhere)
        .variable("http_proxy", nowhere)
        .variable("ALL_PROXY", nowhere);
    let shop = shop.start().await;
    let buyer = shop.customer(1, "behind-a-proxy");
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
}
