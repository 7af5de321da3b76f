//! A fresh database with orders' adapters over it, on either engine.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use sluice_inventory::{Adjustment, AdjustmentBegin, AdjustmentId, AdjustmentLog as _, GateSource as _, Listing, StockGate as _};
use sluice_kernel::{ManualClock, OrderNo, SkuId, StoreId, Timestamp};
use sluice_order::{FollowTickets, NewOrder, OrderRepository, OrderWriter, testing::OrderFixture};
use sluice_storage_sql::{
    Database, DatabaseSettings, SqlAdjustmentLog, SqlFollowTickets, SqlGateSource, SqlGateState, SqlOrderRepository,
    SqlOrderWriter, SqlStockGate, StockMode, WriterSettings,
};

use super::databases::TestDatabase;

pub const STORE: StoreId = StoreId(1);

pub fn now() -> Timestamp {
    Timestamp::from_millis(1_795_305_600_000)
}

pub struct Engine {
    pub database: Database,
    raw: DatabaseConnection,
    kept: TestDatabase,
    /// What the writers go by.
    pub clock: Arc<ManualClock>,
}

impl Engine {
    pub async fn over(kept: TestDatabase) -> Self {
        let raw = sea_orm::Database::connect(&kept.url).await.unwrap();
        Self { database: kept.database.clone(), raw, kept, clock: Arc::new(ManualClock::at(now())) }
    }

    /// The same database over connections that nobody has killed.
    pub async fn reconnected(&self) -> Database {
        Database::connect(&DatabaseSettings::new(&self.kept.url)).await.unwrap()
    }

    /// This MariaDB database by way of a proxy's port.
    pub fn url_by(&self, port: u16) -> String {
        self.kept.url_by(port)
    }

    /// A statement of the test's own, past all adapters.
    pub async fn sql(&self, sql: &str) -> u64 {
        self.raw.execute_raw(Statement::from_string(self.raw.get_database_backend(), sql)).await.unwrap().rows_affected()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let row = self.raw.query_one_raw(Statement::from_string(self.raw.get_database_backend(), sql)).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    /// Kills every other connection to this MariaDB database, in the middle of whatever it does.
    pub async fn kill_other_connections(&self) -> usize {
        let select = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()";
        let rows = self.raw.query_all_raw(Statement::from_string(self.raw.get_database_backend(), select)).await.unwrap();
        for row in &rows {
            let id: i64 = row.try_get_by_index(0).unwrap();
            // It may be gone by now.
            self.raw.execute_unprepared(&format!("KILL {id}")).await.ok();
        }
        rows.len()
    }

    pub async fn writer(&self, stock: StockMode) -> Arc<dyn OrderWriter> {
        Arc::new(SqlOrderWriter::start(&self.database, WriterSettings::new(stock), self.clock.clone()).await.unwrap())
    }

    /// Claims the gate and answers its epoch.
    pub async fn claim_gate(&self, kind: &str) -> i64 {
        SqlGateState::new(self.database.clone()).claim(kind, now()).await.unwrap();
        let source = self.source();
        let (epoch, _) = source.epoch().await.unwrap();
        assert!(source.open(epoch).await.unwrap());
        epoch
    }

    pub fn source(&self) -> SqlGateSource {
        SqlGateSource::new(self.database.clone(), Arc::new(ManualClock::at(now())))
    }

    /// A listed SKU with `units` received, as product, SKU, stock row, adjustment and movement.
    pub async fn put_sku(&self, stock: StockMode, store: StoreId, sku: SkuId, units: i64, listing: Listing) {
        let (buyable, revision) = (i32::from(listing.buyable), listing.revision);
        self.sql(&format!(
            "INSERT INTO products (id, store_id, title, pictures, delivery_place, receiving_way, order_form_items, listed, deleted, \
             version, created_at) VALUES ({sku}, {store}, 'Tea', '[]', '1', 0, '[]', {buyable}, 0, 0, 0)"
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO skus (id, store_id, product_id, code, spec, price, points, allotable_profit, supplier_price, listed, deleted, \
             version, revision) VALUES ({sku}, {store}, {sku}, 'T-1', 'red', 1990, 5, 150, 900, {buyable}, 0, 0, {revision})"
        ))
        .await;
        let gate = SqlStockGate::new(self.database.clone());
        gate.set_listing(store, sku, listing).await.unwrap();
        if units > 0 {
            let id = AdjustmentId(format!("receipt-{sku}"));
            let adjustment = Adjustment { id: id.clone(), store, sku, delta: units, reason: "receipt".to_owned(), at: now() };
            let log = SqlAdjustmentLog::new(self.database.clone(), stock);
            assert_eq!(log.begin(&adjustment).await.unwrap(), AdjustmentBegin::Begun);
            if stock == StockMode::InCommit {
                gate.adjust(store, &id, sku, units, now()).await.unwrap().unwrap();
            }
            let (epoch, _) = self.source().epoch().await.unwrap();
            assert!(log.complete(&adjustment, epoch).await.unwrap());
        }
    }

    pub async fn stock(&self, sku: SkuId) -> (i64, i64, i64) {
        let column = async |name: &str| self.number(&format!("SELECT {name} FROM stock WHERE sku_id = {sku}")).await;
        (column("usable").await, column("locked").await, column("sold").await)
    }

    pub async fn rows_of(&self, order: OrderNo) -> u64 {
        let id = order.id();
        let mut rows = 0;
        for condition in [
            format!("orders WHERE order_no = {id}"),
            format!("order_children WHERE main_no = {id}"),
            format!("order_items WHERE main_no = {id}"),
            format!("order_activities WHERE order_no = {id}"),
            format!("idempotency_keys WHERE order_no = {id}"),
            format!("stock_ledger WHERE order_no = {id}"),
            format!("reservation_outcomes WHERE reservation_id LIKE '{order}-%'"),
            format!("outbox WHERE payload LIKE '%{order}%'"),
        ] {
            rows += self.number(&format!("SELECT COUNT(*) FROM {condition}")).await;
        }
        u64::try_from(rows).unwrap()
    }
}

/// The suite's fixture: the database gate, two writers.
pub struct Orders {
    pub engine: Engine,
    writers: [Arc<dyn OrderWriter>; 2],
}

impl Orders {
    pub async fn over(engine: Engine) -> Self {
        engine.claim_gate("database").await;
        let writers = [engine.writer(StockMode::InCommit).await, engine.writer(StockMode::InCommit).await];
        Self { engine, writers }
    }
}

#[async_trait]
impl OrderFixture for Orders {
    fn writers(&self) -> [Arc<dyn OrderWriter>; 2] {
        self.writers.clone()
    }

    fn orders(&self) -> Arc<dyn OrderRepository> {
        Arc::new(SqlOrderRepository::new(self.engine.database.clone(), StockMode::InCommit))
    }

    fn tickets(&self) -> Arc<dyn FollowTickets> {
        Arc::new(SqlFollowTickets::new(self.engine.database.clone()))
    }

    fn clock(&self) -> Arc<ManualClock> {
        self.engine.clock.clone()
    }

    async fn put_sku(&self, store: StoreId, sku: SkuId, units: i64, buyable: bool, revision: i64) {
        self.engine.put_sku(StockMode::InCommit, store, sku, units, Listing { buyable, revision }).await;
    }

    async fn figures(&self, _store: StoreId, sku: SkuId) -> (i64, i64, i64) {
        self.engine.stock(sku).await
    }

    async fn put_code(&self, store: StoreId, phone: &str, sent_at: Timestamp, expires_at: Timestamp) {
        let (sent_at, expires_at) = (sent_at.as_millis(), expires_at.as_millis());
        self.engine
            .sql(&format!(
                "INSERT INTO sent_codes (store_id, phone, user_id, digest, sent_at, expires_at) \
                 VALUES ({store}, '{phone}', 'u', 'd', {sent_at}, {expires_at})"
            ))
            .await;
    }

    async fn code_is_used(&self, store: StoreId, phone: &str) -> bool {
        let count =
            format!("SELECT COUNT(*) FROM sent_codes WHERE store_id = {store} AND phone = '{phone}' AND used_at IS NOT NULL");
        self.engine.number(&count).await == 1
    }

    async fn rows_of(&self, order: OrderNo) -> u64 {
        self.engine.rows_of(order).await
    }
}

/// An order that an outside gate holds the units of.
pub fn reserved_order(number: i64, lines: &[(SkuId, i64)], epoch: i64) -> NewOrder {
    NewOrder { reserved_in_epoch: Some(epoch), ..sluice_order::testing::new_order(number, lines) }
}

/// Runs each case on SQLite and on MariaDB.
macro_rules! on_each_engine {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    super::$case(crate::order_fixture::Engine::over(crate::databases::TestDatabase::sqlite().await).await).await;
                }
            )+
        }
        mod mariadb {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    super::$case(crate::order_fixture::Engine::over(crate::databases::TestDatabase::mariadb().await).await).await;
                }
            )+
        }
    };
}

pub(crate) use on_each_engine;
