//! Pay's contracts, and that every settlement leaves one fact in the outbox.

use std::{collections::BTreeSet, sync::Arc};

use sluice_events::{Fact, OutboxRow, OutboxStore as _, SLICES, SettledStatus};
use sluice_kernel::{Timestamp, TraceContext};
use sluice_storage_sql::{SqlOutboxStore, SqlPaymentRepository, SqlRefundRepository, SqlSandboxChannels};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(payments, refunds, sandbox);

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn facts(test: &TestDatabase) -> Vec<OutboxRow> {
    let slices: Vec<u16> = (0..SLICES).collect();
    let outbox = SqlOutboxStore::new(test.database.clone());
    outbox.pending(&slices, Timestamp::from_millis(i64::MAX), 10_000).await.unwrap()
}

/// What the outbox says was settled: the payment's or refund's id and the status.
async fn settled(test: &TestDatabase) -> Vec<(String, SettledStatus)> {
    let rows = facts(test).await;
    let mut settled: Vec<(String, SettledStatus)> = rows
        .iter()
        .map(|row| {
            let fact: Fact = serde_json::from_str(&row.payload).unwrap();
            let Fact::PaymentSettled { payment } = fact else { panic!("{fact:?}") };
            (payment.refund_id.map_or(payment.payment_id.0, |refund| refund.0), payment.status)
        })
        .collect();
    settled.sort_by(|one, two| one.0.cmp(&two.0));
    settled
}

async fn payments(test: &TestDatabase) {
    let contract = sluice_pay::testing::payment_contract(Arc::new(SqlPaymentRepository::new(test.database.clone())));
    TraceContext::within(TraceContext::parse(TRACE), contract).await;
    let expected = [
        ("callbacks-1", SettledStatus::Paid),
        ("closed-1", SettledStatus::Paid),
        ("live-1", SettledStatus::Failed),
        ("settle-1", SettledStatus::Failed),
        ("settle-1", SettledStatus::Paid),
        ("stored-1", SettledStatus::Paid),
    ];
    assert_eq!(settled(test).await, expected.map(|(id, status)| (id.to_owned(), status)));
    // The contract's races run in tasks of their own, outside of the trace.
    let traced = facts(test).await.iter().filter(|row| row.traceparent.as_deref() == Some(TRACE)).count();
    assert_eq!(traced, 5, "what was settled names the trace that caused it");
}

async fn refunds(test: &TestDatabase) {
    let payments = SqlPaymentRepository::new(test.database.clone());
    let refunds = Arc::new(SqlRefundRepository::new(test.database.clone()));
    sluice_pay::testing::refund_contract(&payments, refunds).await;
    let returned: Vec<String> =
        settled(test).await.into_iter().filter(|(_, status)| *status == SettledStatus::Refunded).map(|(id, _)| id).collect();
    let each: BTreeSet<&String> = returned.iter().collect();
    assert_eq!(each.len(), returned.len(), "each refund is told once: {returned:?}");
    assert!(["r-finish", "r-part", "r-rest"].iter().all(|id| returned.contains(&(*id).to_owned())), "{returned:?}");
}

async fn sandbox(test: &TestDatabase) {
    sluice_pay::testing::sandbox_contract(Arc::new(SqlSandboxChannels::new(test.database.clone()))).await;
}
