//! What operators watch: how much the outbox holds and since when, and how late the latest cancellation is.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_events::OutboxStore;
use sluice_kernel::{Clock, Timestamp};
use sluice_member::PointsService;
use sluice_order::OrderService;

use super::{Sweep, Turn};

pub struct Measure {
    pub orders: Arc<dyn OrderService>,
    pub points: Arc<dyn PointsService>,
    pub outbox: Arc<dyn OutboxStore>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Sweep for Measure {
    fn name(&self) -> &'static str {
        "gauges"
    }

    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        let now = self.clock.now();
        let age = |since: Option<Timestamp>| since.map_or(0.0, |since| now.since(since).as_secs_f64());
        let outbox = self.outbox.stats(now).await?;
        metrics::gauge!("sluice_outbox_pending").set(count(outbox.pending));
        metrics::gauge!("sluice_outbox_oldest_age_seconds").set(age(outbox.oldest));
        let (overdue, oldest) = self.orders.overdue().await?;
        metrics::gauge!("sluice_orders_overdue").set(count(overdue));
        metrics::gauge!("sluice_order_overdue_seconds").set(age(oldest));
        let points = self.points.stats().await?;
        metrics::gauge!("sluice_points_tasks_pending").set(count(points.pending));
        metrics::gauge!("sluice_points_tasks_oldest_age_seconds").set(age(points.oldest));
        Ok(Turn::Done)
    }
}

/// Exact up to four billion.
fn count(rows: u64) -> f64 {
    f64::from(u32::try_from(rows).unwrap_or(u32::MAX))
}
