//! What operators watch: how much waits, and since when. Each count ends at a bound, so that measuring costs the same
//! whatever has gathered.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_events::OutboxStore;
use sluice_kernel::{Clock, Timestamp};
use sluice_order::OrderService;
use sluice_partner::PartnerService;
use sluice_points::PointsService;

use super::{Sweep, Turn};

/// How much waits, and the age of the oldest.
const GAUGES: [(&str, &str); 4] = [
    ("sluice_outbox_pending", "sluice_outbox_oldest_age_seconds"),
    ("sluice_orders_overdue", "sluice_order_overdue_seconds"),
    ("sluice_points_tasks_pending", "sluice_points_tasks_oldest_age_seconds"),
    ("sluice_push_pending", "sluice_push_oldest_age_seconds"),
];

pub struct Measure {
    pub orders: Arc<dyn OrderService>,
    pub points: Arc<dyn PointsService>,
    pub outbox: Arc<dyn OutboxStore>,
    pub partner: Arc<dyn PartnerService>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Sweep for Measure {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        let now = self.clock.now();
        let outbox = self.outbox.stats(now).await?;
        let orders = self.orders.overdue().await?;
        let points = self.points.stats().await?;
        let pushes = self.partner.stats().await?;
        let measured = [(outbox.pending, outbox.oldest), orders, (points.pending, points.oldest), (pushes.pending, pushes.oldest)];
        for (names, (waiting, oldest)) in GAUGES.into_iter().zip(measured) {
            show(names, waiting, oldest.map_or(0.0, |oldest: Timestamp| now.since(oldest).as_secs_f64()));
        }
        Ok(Turn::Done)
    }

    /// Nothing is measured here any more: the largest of all workers' values is the one that holds.
    fn hand_over(&mut self) {
        for names in GAUGES {
            show(names, 0, 0.0);
        }
    }
}

fn show((waiting, age): (&'static str, &'static str), count: u64, seconds: f64) {
    // Exact up to four billion.
    metrics::gauge!(waiting).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    metrics::gauge!(age).set(seconds);
}
