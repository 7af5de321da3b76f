//! Sends to partners what is due, and measures what waits. The turn only begins the sending: a slow partner holds up
//! neither another one nor the sweeper.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_kernel::Clock;
use sluice_partner::PartnerService;

use super::{Sweep, Turn};

pub struct SendPushes {
    pub partner: Arc<dyn PartnerService>,
    /// Targets begun in one turn.
    pub limit: u32,
}

#[async_trait]
impl Sweep for SendPushes {
    fn name(&self) -> &'static str {
        "pushes"
    }

    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(Turn::of(self.partner.run_due(self.limit).await?, self.limit))
    }
}

pub struct MeasurePushes {
    pub partner: Arc<dyn PartnerService>,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Sweep for MeasurePushes {
    fn name(&self) -> &'static str {
        "push gauges"
    }

    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        let stats = self.partner.stats().await?;
        let now = self.clock.now();
        let age = stats.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        // Exact up to four billion.
        metrics::gauge!("sluice_push_pending").set(f64::from(u32::try_from(stats.pending).unwrap_or(u32::MAX)));
        metrics::gauge!("sluice_push_oldest_age_seconds").set(age);
        Ok(Turn::Done)
    }
}
