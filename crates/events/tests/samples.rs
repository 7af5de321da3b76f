//! Every stored sample still reads, and says the same when it is written again. A sample is named after its `ce_type`
//! (or `fact.` and its tag), with an optional case behind it; it is never changed, a new version gets a new file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use sluice_events::{
    Fact, OrderCancelled, OrderCreated, OrderPaid, OrderRefunded, Payload, PaymentSettled, PaymentWindowClosed, StockMoved,
};

type Rewrite = fn(&str) -> Result<Value, serde_json::Error>;

fn rewrite<T: serde::Serialize + serde::de::DeserializeOwned>(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_str::<T>(text)?)
}

/// Every type that is on the wire or in an outbox row, and how it reads.
fn language() -> Vec<(&'static str, Rewrite)> {
    vec![
        (OrderCreated::KIND, rewrite::<OrderCreated>),
        (StockMoved::KIND, rewrite::<StockMoved>),
        (PaymentWindowClosed::KIND, rewrite::<PaymentWindowClosed>),
        (PaymentSettled::KIND, rewrite::<PaymentSettled>),
        (OrderPaid::KIND, rewrite::<OrderPaid>),
        (OrderCancelled::KIND, rewrite::<OrderCancelled>),
        (OrderRefunded::KIND, rewrite::<OrderRefunded>),
        ("fact.order_placed", rewrite::<Fact>),
        ("fact.order_paid", rewrite::<Fact>),
        ("fact.order_cancelled", rewrite::<Fact>),
        ("fact.order_refunded", rewrite::<Fact>),
        ("fact.payment_settled", rewrite::<Fact>),
        ("fact.stock_adjusted", rewrite::<Fact>),
    ]
}

fn samples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn every_sample_reads_and_is_written_the_same() {
    let mut missing: BTreeSet<&str> = language().into_iter().map(|(name, _)| name).collect();
    for (name, text) in samples() {
        let (kind, rewrite) = language()
            .into_iter()
            .find(|(kind, _)| name == *kind || name.starts_with(&format!("{kind}.")))
            .unwrap_or_else(|| panic!("nothing reads the sample {name}"));
        missing.remove(kind);
        let written = rewrite(&text).unwrap_or_else(|error| panic!("the sample {name} does not read: {error}"));
        assert_eq!(written, serde_json::from_str::<Value>(&text).unwrap(), "the sample {name} is written differently");
    }
    assert!(missing.is_empty(), "without a sample: {missing:?}");
}

#[test]
fn a_field_that_came_later_does_not_disturb_an_older_reader() {
    for (name, text) in samples() {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value.as_object_mut().unwrap().insert("a_later_field".to_owned(), Value::Bool(true));
        let (_, rewrite) = language().into_iter().find(|(kind, _)| name.starts_with(kind)).unwrap();
        assert!(rewrite(&value.to_string()).is_ok(), "{name}");
    }
}

fn fact(name: &str) -> Fact {
    let (_, text) = samples().into_iter().find(|(sample, _)| sample == name).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Topic, key and id of everything a fact says.
fn told(name: &str) -> Vec<String> {
    let envelopes = fact(name).envelopes(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")).unwrap();
    assert!(envelopes.iter().all(|envelope| envelope.traceparent.is_some()));
    envelopes.iter().map(|envelope| format!("{} {} {}", envelope.topic.name(), envelope.key, envelope.id)).collect()
}

const ORDER: &str = "12345678901234567894";

#[test]
fn a_fact_says_its_change_and_one_movement_a_line() {
    assert_eq!(
        told("fact.order_placed"),
        [
            format!("order-created {ORDER} {ORDER}/created"),
            format!("stock-sync 1 {ORDER}-1/reserve/1"),
            format!("stock-sync 17 {ORDER}-1/reserve/17"),
        ]
    );
    // Late money reserves anew, under an attempt of its own, before it sells.
    assert_eq!(
        told("fact.order_paid"),
        [
            format!("order-paid {ORDER} {ORDER}-2/paid"),
            format!("stock-sync 1 {ORDER}-2/reserve/1"),
            format!("stock-sync 17 {ORDER}-2/reserve/17"),
            format!("stock-sync 1 {ORDER}-2/sell/1"),
            format!("stock-sync 17 {ORDER}-2/sell/17"),
        ]
    );
    assert_eq!(
        told("fact.order_cancelled"),
        [
            format!("order-cancelled {ORDER} {ORDER}-1/cancelled"),
            format!("stock-sync 1 {ORDER}-1/release/1"),
            format!("stock-sync 17 {ORDER}-1/release/17"),
        ]
    );
    let refund = "a0b1c2d3e4f5061728394a5b6c7d8e9f";
    assert_eq!(
        told("fact.order_refunded"),
        [format!("order-refunded {ORDER} {refund}/refunded"), format!("stock-sync 1 {refund}/restock/1")]
    );
    assert_eq!(told("fact.payment_settled"), [format!("payment-settled {ORDER} 0f1e2d3c4b5a69788796a5b4c3d2e1f0/paid")]);
    assert_eq!(told("fact.stock_adjusted"), ["stock-sync 1 3f0c9a/adjust/1"]);
}

#[test]
fn publishing_twice_repeats_every_id_and_no_two_messages_share_one() {
    let facts: Vec<Fact> = samples().iter().filter(|(name, _)| name.starts_with("fact.")).map(|(name, _)| fact(name)).collect();
    let ids = |facts: &[Fact]| -> Vec<String> {
        facts.iter().flat_map(|fact| fact.envelopes(None).unwrap()).map(|envelope| envelope.id).collect()
    };
    let first = ids(&facts);
    assert_eq!(first, ids(&facts));
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[test]
fn an_envelope_reads_as_its_own_type_alone() {
    let envelope = &fact("fact.order_placed").envelopes(None).unwrap()[0];
    assert!(envelope.read::<OrderPaid>().is_none());
    assert_eq!(envelope.read::<OrderCreated>().unwrap().unwrap().order_no.to_string(), ORDER);
}
