//! The stock gate that the settings choose.

use std::sync::Arc;

use sluice_gate_redis::RedisStockGate;
use sluice_inventory::StockGate;
use sluice_kernel::{Clock, PortResult};
use sluice_storage_sql::{Database, SqlGateSource, SqlGateState, SqlStockGate, StockMode};

use super::OpenOptions;
use crate::Config;

/// The stock gate and what goes with the choice.
#[expect(clippy::struct_field_names, reason = "the gate itself is the first thing that was chosen")]
pub(super) struct Gate {
    pub(super) gate: Arc<dyn StockGate>,
    pub(super) redis: Option<Arc<RedisStockGate>>,
    pub(super) mode: StockMode,
}

pub(super) async fn open_gate(
    config: &Config,
    database: &Database,
    clock: &Arc<dyn Clock>,
    options: OpenOptions,
) -> PortResult<Gate> {
    let redis_chosen = config.parts().redis_gate;
    let kind = if redis_chosen { "redis" } else { "database" };
    let state = SqlGateState::new(database.clone());
    if options.passive {
        state.expect(kind).await?;
    } else {
        state.claim(kind, clock.now()).await?;
    }
    if !redis_chosen {
        return Ok(Gate { gate: Arc::new(SqlStockGate::new(database.clone())), redis: None, mode: StockMode::InCommit });
    }
    let source = Arc::new(SqlGateSource::new(database.clone(), clock.clone()));
    let redis = RedisStockGate::connect(&config.gate.redis_url(), source, clock.clone())?;
    // A gate that is not there at the start is a wrong setting more often than an outage: say so at once.
    redis.ping().await?;
    Ok(Gate { gate: redis.clone(), redis: Some(redis), mode: StockMode::Reserved })
}
