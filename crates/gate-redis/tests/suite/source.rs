//! The database as the gate sees it, in memory: an epoch, and a snapshot that a test sets.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{Figures, GateSnapshot, GateSource, Listing, ReserveLine, StockGate, TakenOfLimit, Terms};
use sluice_kernel::{OrderNo, PortResult, ReservationId, SkuId, StoreId, SystemClock, Timestamp, UserId};
use tokio::sync::Notify;

pub const STORE: StoreId = StoreId(1);
pub const SKU: SkuId = SkuId(16);
pub const LISTED: Listing = Listing { buyable: true, revision: 1 };
/// Of an order that belongs to no activity.
pub const PLAIN: Terms = Terms { window: None, limit: None };

pub fn now() -> Timestamp {
    Timestamp::from_millis(1_795_305_600_000)
}

pub fn order(number: i64) -> ReservationId {
    ReservationId::first(OrderNo::from_id(number))
}

pub fn one(sku: SkuId) -> [ReserveLine; 1] {
    [ReserveLine { sku, quantity: 1, revision: Some(LISTED.revision) }]
}

pub fn parts(usable: i64, locked: i64, sold: i64) -> Figures {
    Figures { usable, locked, sold, received: usable + locked + sold }
}

#[derive(Default)]
pub struct Database {
    epoch: Mutex<(i64, bool)>,
    pub snapshot: Mutex<GateSnapshot>,
    /// What users have taken whose orders are closed.
    pub users: Mutex<Vec<TakenOfLimit>>,
    /// How often a user's was asked for.
    pub asked: AtomicU32,
    /// While set, the next snapshot never comes, or not before `resume` rings.
    pub stalls: AtomicBool,
    pub stalled: Notify,
    pub resume: Notify,
}

impl Database {
    /// One SKU with ten units.
    pub fn with_ten_units() -> Arc<Self> {
        let database = Self::default();
        database.snapshot.lock().unwrap().skus.push((STORE, SKU, parts(10, 0, 0), LISTED));
        Arc::new(database)
    }

    pub fn epoch_now(&self) -> (i64, bool) {
        *self.epoch.lock().unwrap()
    }
}

#[async_trait]
impl GateSource for Database {
    async fn epoch(&self) -> PortResult<(i64, bool)> {
        Ok(self.epoch_now())
    }

    async fn close(&self, expected: i64) -> PortResult<Option<i64>> {
        let mut present = self.epoch.lock().unwrap();
        if present.0 != expected {
            return Ok(None);
        }
        *present = (expected + 1, false);
        Ok(Some(expected + 1))
    }

    async fn snapshot(&self) -> PortResult<GateSnapshot> {
        if self.stalls.swap(false, Ordering::SeqCst) {
            self.stalled.notify_one();
            self.resume.notified().await;
        }
        Ok(self.snapshot.lock().unwrap().clone())
    }

    async fn taken_by(&self, store: StoreId, sku: SkuId, user: &UserId) -> PortResult<(i64, i64)> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let all = self.users.lock().unwrap();
        let taken = all.iter().find(|taken| (taken.store, taken.sku, &taken.user) == (store, sku, user));
        Ok(taken.map_or((0, 0), |taken| (taken.orders, taken.units)))
    }

    async fn open(&self, epoch: i64) -> PortResult<bool> {
        let mut present = self.epoch.lock().unwrap();
        if present.0 == epoch {
            present.1 = true;
        }
        Ok(present.0 == epoch)
    }
}

pub fn connect(url: &str, database: &Arc<Database>) -> Arc<RedisStockGate> {
    RedisStockGate::connect(url, Arc::<Database>::clone(database), Arc::new(SystemClock)).unwrap()
}

pub async fn open_gate(url: &str, database: &Arc<Database>) -> Arc<RedisStockGate> {
    let gate = connect(url, database);
    gate.ensure_open().await.unwrap();
    gate
}

pub async fn figures_of(gate: &RedisStockGate, sku: SkuId) -> Figures {
    gate.figures(STORE, &[sku]).await.unwrap()[&sku]
}
