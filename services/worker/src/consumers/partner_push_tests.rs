use std::sync::Mutex;

use sluice_events::Topic;
use sluice_kernel::{ErrorKind, Page, PageRequest, PortError, Precondition, StoreId};
use sluice_partner::{
    Attempt, Delivery, DeliveryId, DeliveryQuery, NewSubscription, PartnerError, PushStats, Subscription, SubscriptionChange,
    SubscriptionId,
};
use tokio::sync::Notify;

use super::*;

/// Keeps what it is told, once by event; fails while it is told to.
#[derive(Default)]
struct Told {
    changes: Mutex<Vec<OrderChange>>,
    away: Mutex<bool>,
}

#[async_trait]
impl PartnerService for Told {
    async fn create(&self, _: StoreId, _: NewSubscription) -> Result<Subscription, PartnerError> {
        Err(PartnerError::NotFound)
    }
    async fn find(&self, _: StoreId, _: SubscriptionId) -> Result<Subscription, PartnerError> {
        Err(PartnerError::NotFound)
    }
    async fn list(&self, _: StoreId, page: PageRequest) -> Result<Page<Subscription>, PartnerError> {
        Ok(Page::from_overfull(Vec::new(), page.limit, |row: &Subscription| row.id.0))
    }
    async fn change(
        &self,
        _: StoreId,
        _: SubscriptionId,
        _: Precondition,
        _: SubscriptionChange,
    ) -> Result<Subscription, PartnerError> {
        Err(PartnerError::NotFound)
    }
    async fn remove(&self, _: StoreId, _: SubscriptionId) -> Result<(), PartnerError> {
        Err(PartnerError::NotFound)
    }
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery>, PartnerError> {
        Ok(Page::from_overfull(Vec::new(), query.page.limit, |row: &Delivery| row.seq))
    }
    async fn delivery(&self, _: StoreId, _: &DeliveryId) -> Result<(Delivery, Vec<Attempt>), PartnerError> {
        Err(PartnerError::NotFound)
    }
    async fn replay(&self, _: StoreId, _: &DeliveryId) -> Result<Delivery, PartnerError> {
        Err(PartnerError::NotFound)
    }
    async fn ping(&self, _: StoreId, _: SubscriptionId) -> Result<Delivery, PartnerError> {
        Err(PartnerError::NotFound)
    }
    async fn enqueue(&self, changes: &[OrderChange]) -> Result<usize, PartnerError> {
        if *self.away.lock().unwrap() {
            return Err(PortError::unavailable("the database", "away").into());
        }
        let mut kept = self.changes.lock().unwrap();
        let before = kept.len();
        for change in changes {
            if !kept.contains(change) {
                kept.push(change.clone());
            }
        }
        Ok(kept.len() - before)
    }
    async fn run_due(&self, _: u32) -> Result<usize, PartnerError> {
        Ok(0)
    }
    async fn stats(&self) -> Result<PushStats, PartnerError> {
        Ok(PushStats::default())
    }
    fn hint(&self) -> Arc<Notify> {
        Arc::default()
    }
}

fn event(topic: Topic, kind: &'static str, id: &str, sample: &str) -> Envelope {
    Envelope { kind: kind.into(), data: sample.to_owned(), ..sluice_events::testing::envelope(topic, "k", id) }
}

fn paid(id: &str) -> Envelope {
    let sample = include_str!("../../../../crates/events/samples/sluice.order.paid.v1.json");
    event(Topic::OrderPaid, "sluice.order.paid.v1", id, sample)
}

fn consumer(partner: &Arc<Told>) -> TellPartners {
    TellPartners { partner: partner.clone() }
}

#[tokio::test]
async fn an_event_delivered_twice_is_told_once_under_its_own_id() {
    let partner = Arc::new(Told::default());
    for _ in 0..2 {
        consumer(&partner).handle(&[paid("1/paid"), paid("2/paid"), paid("1/paid")]).await.unwrap();
    }
    let ids: Vec<String> = partner.changes.lock().unwrap().iter().map(|change| change.events()[0].1.clone()).collect();
    assert_eq!(ids, ["1/paid", "2/paid"]);
}

#[tokio::test]
async fn every_topic_speaks_of_its_own_change() {
    let partner = Arc::new(Told::default());
    let cancelled = include_str!("../../../../crates/events/samples/sluice.order.cancelled.v1.json");
    let refunded = include_str!("../../../../crates/events/samples/sluice.order.refunded.v1.json");
    let mut unknown = paid("9/paid");
    unknown.kind = "sluice.order.paid.v9".into();
    let batch = [
        event(Topic::OrderCancelled, "sluice.order.cancelled.v1", "1/cancelled", cancelled),
        event(Topic::OrderRefunded, "sluice.order.refunded.v1", "1/refunded", refunded),
        unknown,
    ];
    consumer(&partner).handle(&batch).await.unwrap();
    let told = partner.changes.lock().unwrap();
    assert!(matches!(&told[..], [OrderChange::Cancelled { .. }, OrderChange::Refunded { .. }]), "{told:?}");
}

#[tokio::test]
async fn what_cannot_be_kept_now_is_tried_again_and_what_cannot_be_read_is_not() {
    let partner = Arc::new(Told::default());
    *partner.away.lock().unwrap() = true;
    let failed = consumer(&partner).handle(&[paid("1/paid")]).await.unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Unavailable);
    let broken = event(Topic::OrderPaid, "sluice.order.paid.v1", "2/paid", "{}");
    assert_eq!(consumer(&partner).handle(&[broken]).await.unwrap_err().kind, ErrorKind::Invalid);
}
