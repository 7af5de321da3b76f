//! Readiness: asks database, gate and bus, each within a bounded time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_inventory::StockGate;
use sluice_kernel::PortResult;
use sluice_storage_sql::Database;

use crate::{HealthProbe, PartHealth, PartState};

/// Asks the bus whether it answers.
#[async_trait]
pub trait BusProbe: Send + Sync {
    async fn probe(&self) -> PortResult<()>;
}

pub struct Readiness {
    pub database: Database,
    pub gate: Arc<dyn StockGate>,
    /// `None` for the bus inside the process.
    pub bus: Option<Arc<dyn BusProbe>>,
}

const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

async fn ask<T>(name: &'static str, when_away: PartState, probe: impl Future<Output = PortResult<T>>) -> (PartHealth, Option<T>) {
    match tokio::time::timeout(PROBE_TIMEOUT, probe).await {
        Ok(Ok(answer)) => (PartHealth { name, state: PartState::Up, detail: "answers".to_owned() }, Some(answer)),
        Ok(Err(error)) => (PartHealth { name, state: when_away, detail: error.to_string() }, None),
        Err(_) => (PartHealth { name, state: when_away, detail: format!("no answer within {} s", PROBE_TIMEOUT.as_secs()) }, None),
    }
}

#[async_trait]
impl HealthProbe for Readiness {
    async fn check(&self) -> Vec<PartHealth> {
        let bus = async {
            match &self.bus {
                Some(bus) => ask("bus", PartState::Degraded, bus.probe()).await.0,
                None => PartHealth { name: "bus", state: PartState::Up, detail: "inside the process".to_owned() },
            }
        };
        let ((database, _), (mut gate, status), bus) = tokio::join!(
            ask("database", PartState::Down, self.database.ping()),
            ask("gate", PartState::Down, self.gate.status()),
            bus
        );
        if let Some(status) = status {
            gate.detail = format!("{}, epoch {}", status.kind, status.epoch);
            if !status.open {
                gate.state = PartState::Down;
                gate.detail.push_str(", closed");
            }
        }
        vec![database, gate, bus]
    }
}
