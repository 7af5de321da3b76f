//! The stock gate's suite on the database gate.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_inventory::{
    Listing, StockGate,
    testing::{GateFixture, gate_contract},
};
use sluice_kernel::{SkuId, StoreId};
use sluice_storage_sql::{SqlStockGate, StockMode};

use super::order_fixture::{Engine, on_each_engine};

on_each_engine!(stock_gate_contract);

struct Gate(Engine);

#[async_trait]
impl GateFixture for Gate {
    fn gate(&self) -> Arc<dyn StockGate> {
        Arc::new(SqlStockGate::new(self.0.database.clone()))
    }

    async fn put_sku(&self, store: StoreId, sku: SkuId, units: i64, listing: Listing) {
        self.0.put_sku(StockMode::InCommit, store, sku, units, listing).await;
    }
}

async fn stock_gate_contract(engine: Engine) {
    engine.claim_gate("database").await;
    gate_contract(&Gate(engine)).await;
}
