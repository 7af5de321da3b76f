//! Events that nobody can handle are put aside, shown and published again, and hold nobody else up.

use std::time::Duration;

use sluice_testkit::{Kafka, unique_name, wait_for};

use crate::floor::among_others;
use crate::world::{Profile, SOON, World, refusal};

/// The line of `sluice dead-letters list` that has the text.
async fn listed(world: &World, text: &str) -> String {
    wait_for(&format!("a dead letter shows {text}"), SOON, async || {
        let list = world.printed(&["dead-letters", "list", "payment-settled", "--limit", "100"]);
        list.lines().find(|line| line.contains(text)).map(str::to_owned)
    })
    .await
}

#[tokio::test]
async fn an_unreadable_event_becomes_a_dead_letter_and_the_others_go_on() {
    let _floor = among_others().await;
    let world = Profile::MariaDb.shared().await;
    let (kafka, topic) = (Kafka::shared().await, format!("{}payment-settled", world.topics));
    let id = unique_name("poison");
    let headers = [
        "ce_specversion=1.0".to_owned(),
        format!("ce_id={id}"),
        "ce_source=/elsewhere".to_owned(),
        "ce_type=sluice.payment.settled.v1".to_owned(),
        "ce_time=2026-11-22T10:00:00Z".to_owned(),
        "content-type=application/json".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    kafka.produce(&topic, &id, &headers, "{\"order_no\": not json");
    let line = listed(world, &id).await;
    assert!(line.contains("payment-settled"), "{line}");
    let number = line.split('\t').next().unwrap().to_owned();

    let shown = world.printed(&["dead-letters", "show", &number]);
    assert!(shown.contains("not json") && shown.contains(&id), "{shown}");
    let kept = wait_for("the dead letter is in its topic", SOON, async || {
        kafka.messages(&format!("{topic}.dlq")).into_iter().find(|message| message.contains(&id))
    })
    .await;
    for part in ["not json", "ce_id", "attempts", "offset"] {
        assert!(kept.contains(part), "no {part} in {kept}");
    }

    // Whatever shares a partition with it goes on.
    let counter = world.counter();
    for _ in 0..6 {
        let buyer = counter.somebody();
        let order = buyer.place(&[("1", 1)]).await.expect_status(201);
        let _ = buyer.pay(&order).await.expect_status(200);
        buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    }
    let replayed = world.printed(&["dead-letters", "replay", &number]);
    assert!(replayed.contains(&id), "{replayed}");
    let again = listed(world, &id).await;
    assert!(!again.contains("replayed -"), "the list says when it was replayed: {again}");
}

#[tokio::test]
async fn a_message_that_is_no_event_becomes_a_dead_letter_too() {
    let _floor = among_others().await;
    let world = Profile::MariaDb.shared().await;
    let (kafka, topic) = (Kafka::shared().await, format!("{}payment-settled", world.topics));
    let mark = unique_name("naked");
    kafka.produce(&topic, &mark, &[], &format!("\"{mark}\""));
    let shown = wait_for("the message is put aside", Duration::from_secs(20), async || {
        let list = world.printed(&["dead-letters", "list", "payment-settled", "--limit", "100"]);
        let numbers: Vec<&str> = list.lines().filter_map(|line| line.split('\t').next()).collect();
        numbers.into_iter().map(|number| world.printed(&["dead-letters", "show", number])).find(|shown| shown.contains(&mark))
    })
    .await;
    assert!(shown.contains("payment-settled"), "{shown}");
}

#[tokio::test]
async fn an_event_about_an_order_that_is_not_there_is_put_aside_after_bounded_tries() {
    let _floor = among_others().await;
    let world = Profile::MariaDb.shared().await;
    let (kafka, topic) = (Kafka::shared().await, format!("{}payment-settled", world.topics));
    let buyer = world.counter().somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let id = unique_name("stray");
    let id_header = format!("ce_id={id}");
    let headers = [
        "ce_specversion=1.0",
        id_header.as_str(),
        "ce_source=/elsewhere",
        "ce_type=sluice.payment.settled.v1",
        "ce_time=2026-11-22T10:00:00Z",
        "content-type=application/json",
    ];
    // The order's number in another store: nothing of ours.
    let body = serde_json::json!({
        "order_no": order.order_no(), "store_id": "2", "payment_id": order.text("/payment/payment_id"), "provider": "sandbox",
        "status": "paid", "amount": {"amount": 1990, "currency": "CNY"}, "at": "2026-11-22T10:00:00.000Z",
    });
    kafka.produce(&topic, &order.order_no(), &headers, &body.to_string());
    listed(world, &id).await;
    assert_eq!(buyer.order(&order.order_no()).await.text("/status"), "unpaid", "another store's event pays nothing");
}

#[tokio::test]
async fn a_dead_letter_that_is_not_there_is_one_clear_line() {
    let _floor = among_others().await;
    let world = Profile::Embedded.shared().await;
    for command in [["dead-letters", "show", "999999"], ["dead-letters", "replay", "999999"]] {
        let line = refusal(&world.run(&command));
        assert!(line.contains("999999"), "{line}");
    }
    let list = world.printed(&["dead-letters", "list"]);
    assert_eq!(list.trim(), "", "no dead letters in a healthy shop:\n{list}");
}
