//! The suite every stock gate passes, on one server and on a cluster.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{
    AdjustmentId, Listing, StockGate,
    testing::{GateFixture, gate_contract},
};
use sluice_kernel::{Clock as _, SkuId, StoreId, SystemClock, Timestamp};

use crate::{
    server::{RedisCluster, RedisServer},
    source::{now, open_gate},
};

struct Fixture(Arc<RedisStockGate>);

#[async_trait]
impl GateFixture for Fixture {
    fn gate(&self) -> Arc<dyn StockGate> {
        Arc::<RedisStockGate>::clone(&self.0)
    }

    async fn put_sku(&self, store: StoreId, sku: SkuId, units: i64, listing: Listing) {
        self.0.set_listing(store, sku, listing).await.unwrap();
        if units > 0 {
            let id = AdjustmentId(format!("receipt-{sku}"));
            self.0.adjust(store, &id, sku, units, now()).await.unwrap().unwrap();
        }
    }

    fn clock_of_gate(&self) -> Option<Timestamp> {
        Some(SystemClock.now())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_passes_the_suite() {
    let server = RedisServer::start().await;
    gate_contract(&Fixture(open_gate(&server.url("suite:"), &Arc::default()).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_passes_the_suite() {
    let cluster = RedisCluster::start().await;
    gate_contract(&Fixture(open_gate(&cluster.url("suite:"), &Arc::default()).await)).await;
}
