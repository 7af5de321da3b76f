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
    let storefront = world.storefront();
    for _ in 0..6 {
        let buyer = storefront.somebody();
        let order = buyer.place(&[("1", 1)]).await.expect_status(201);
        let _ = buyer.pay(&order).await.expect_status(200);
        buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    }
    let replayed = world.printed(&["dead-letters", "replay", &number]);
    assert!(replayed.contains(&id), "{replayed}");
    let again = listed(world, &id).await;
    assert!(!again.contains("replayed -"), "the list says that it was replayed: {again}");
    // It fails again, which is as plain to see as the first time.
    wait_for("the replay has failed", SOON, async || listed(world, &id).await.contains("failed again").then_some(())).await;
    let letter = storefront.staff().get(&format!("/admin/dead-letters/{number}")).await;
    assert_eq!(letter.status, 404, "it names no store: a matter for the command line");
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
    let buyer = world.storefront().somebody();
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

/// A letter that no column was made for.
#[tokio::test]
async fn a_letter_of_any_size_and_shape_holds_up_nobody() {
    let _floor = among_others().await;
    let world = Profile::MariaDb.shared().await;
    let (kafka, topic) = (Kafka::shared().await, format!("{}payment-settled", world.topics));
    let storefront = world.storefront();
    let long = "k".repeat(65);
    let (id, kind) = (format!("ce_id={}", "i".repeat(300)), format!("ce_type={}", "t".repeat(300)));
    let genuine = ["ce_specversion=1.0", "ce_type=sluice.payment.settled.v1", "ce_time=2026-11-22T10:00:00Z"];
    let marks: Vec<String> = (0..4).map(|_| unique_name("odd")).collect();
    let (mark_a, mark_b, mark_c) = (format!("ce_id={}", marks[0]), format!("ce_id={}", marks[1]), format!("ce_id={}", marks[2]));
    kafka.produce(&topic, &long, &[genuine[0], genuine[1], genuine[2], &mark_a], "{not json");
    kafka.produce(&topic, "k", &[genuine[0], genuine[1], genuine[2], &id], "{not json");
    kafka.produce(&topic, &long, &[genuine[0], &kind, genuine[2], &mark_b], "{}");
    kafka.produce(&topic, &"颜".repeat(200), &[], &format!("\"{}\"", marks[3]));
    kafka.produce(&topic, "k", &[genuine[0], genuine[1], "ce_time=9999-12-31T23:59:59-05:00", &mark_c], "{not json");
    kafka.produce(
        &topic,
        "k",
        &[genuine[0], genuine[1], genuine[2], "ce_id=huge", &format!("traceparent={}", "p".repeat(500))],
        &"x".repeat(900_000),
    );

    let mut orders = Vec::new();
    for _ in 0..8 {
        let buyer = storefront.somebody();
        let order = buyer.place(&[("1", 1)]).await.expect_status(201);
        let _ = buyer.pay(&order).await.expect_status(200);
        orders.push((buyer, order));
    }
    for (buyer, order) in orders {
        buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    }
    let line = listed(world, &marks[0]).await;
    let number = line.split('\t').next().unwrap();
    let shown = world.printed(&["dead-letters", "show", number]);
    assert!(shown.contains(&long), "the key as it came: {shown}");
    assert!(world.printed(&["dead-letters", "list", "--limit", "200"]).contains(&"i".repeat(300)));
}

/// A replay is for the consumer that failed; what others did of the same event is not done again.
#[tokio::test]
async fn a_replay_reaches_only_the_consumer_that_failed() {
    let _floor = among_others().await;
    let world = Profile::MariaDb.shared().await;
    let (kafka, topic) = (Kafka::shared().await, format!("{}order-created", world.topics));
    let id = unique_name("again");
    let id_header = format!("ce_id={id}");
    let headers = ["ce_specversion=1.0", id_header.as_str(), "ce_type=sluice.order.created.v1", "ce_time=2026-11-22T10:00:00Z"];
    kafka.produce(&topic, &id, &headers, "{\"order_no\": not json");
    let list = wait_for("two consumers put it aside", SOON, async || {
        let list = world.printed(&["dead-letters", "list", "order-created", "--limit", "100"]);
        let lines: Vec<String> = list.lines().filter(|line| line.contains(&id)).map(str::to_owned).collect();
        (lines.len() == 2).then_some(lines)
    })
    .await;
    let number = list[0].split('\t').next().unwrap().to_owned();
    world.printed(&["dead-letters", "replay", &number]);
    wait_for("it has failed again, and the other letter was left alone", SOON, async || {
        let list = world.printed(&["dead-letters", "list", "order-created", "--limit", "100"]);
        let of_event: Vec<&str> = list.lines().filter(|line| line.contains(&id)).collect();
        let again = of_event.iter().filter(|line| line.contains("failed again")).count();
        let untouched = of_event.iter().filter(|line| line.contains("replayed -")).count();
        (of_event.len() == 2 && again == 1 && untouched == 1).then_some(())
    })
    .await;
    let messages = kafka.messages(&topic).into_iter().filter(|message| message.contains(&id)).count();
    assert_eq!(messages, 1, "nothing was published again");
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
