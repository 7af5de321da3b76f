//! Stores, products and SKUs. A change of a product or SKU raises the revision of every SKU it touches, here and at
//! the stock rows, in one transaction. Locks are taken in the order product → SKUs → stock rows.

mod change;
mod create;
mod read;
mod row;
mod search;
mod seed;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sluice_catalog::{
    CatalogRepository, NewProduct, NewSku, Product, ProductChange, ProductSearch, Sku, SkuCard, SkuChange, Store, StoreSettings,
};
use sluice_kernel::{Changed, Page, PageRequest, PortResult, ProductId, SkuId, StoreId, Timestamp};

use crate::{database::Database, error::IntoPort as _};

pub(crate) use change::raise_revisions;
pub(crate) use create::{chosen, find_currency, product as create_product};
pub use seed::SeedProduct;

#[derive(Clone)]
pub struct SqlCatalogRepository {
    database: Database,
    outside_gate: bool,
}

impl SqlCatalogRepository {
    /// `outside_gate`: the stock gate is not in this database, so changes of listings are queued for it.
    pub fn new(database: Database, outside_gate: bool) -> Self {
        Self { database, outside_gate }
    }

    /// Creates a store unless its id is taken; `false` where it is.
    pub async fn create_store(&self, store: &Store) -> PortResult<bool> {
        create::store(&self.database, store).await.into_port("creating a store")
    }
}

#[async_trait]
impl CatalogRepository for SqlCatalogRepository {
    async fn find_store(&self, store: StoreId) -> PortResult<Option<Store>> {
        read::store(&self.database, store).await.into_port("reading a store")
    }

    async fn save_settings(&self, store: StoreId, version: i64, settings: &StoreSettings) -> PortResult<Changed<Store>> {
        self.database
            .transact(move |unit, _| change::settings(unit, store, version, settings).boxed())
            .await
            .into_port("saving a store's settings")
    }

    async fn list_products(&self, store: StoreId, listed_only: bool, page: PageRequest) -> PortResult<Vec<Product>> {
        read::products(&self.database, store, listed_only, page).await.into_port("listing products")
    }

    async fn search_products(
        &self,
        store: StoreId,
        listed_only: bool,
        search: &ProductSearch,
        page: PageRequest,
    ) -> PortResult<Page<Product>> {
        search::products(&self.database, store, listed_only, search, page).await.into_port("searching products")
    }

    async fn find_product(&self, store: StoreId, id: ProductId) -> PortResult<Option<Product>> {
        read::product(&self.database, store, id).await.into_port("reading a product")
    }

    async fn find_sku(&self, store: StoreId, id: SkuId) -> PortResult<Option<Sku>> {
        read::sku(&self.database, store, id).await.into_port("reading a SKU")
    }

    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<Vec<SkuCard>> {
        read::cards(&self.database, store, skus).await.into_port("reading SKU cards")
    }

    async fn create_product(&self, store: StoreId, product: &NewProduct, now: Timestamp) -> PortResult<Product> {
        let outside_gate = self.outside_gate;
        self.database
            .transact(move |unit, _| create::product(unit, store, product, now, outside_gate).boxed())
            .await
            .into_port("creating a product")
    }

    async fn change_product(
        &self,
        store: StoreId,
        id: ProductId,
        version: i64,
        change: &ProductChange,
    ) -> PortResult<Changed<Product>> {
        let outside_gate = self.outside_gate;
        self.database
            .transact(move |unit, _| change::product(unit, store, id, version, change, outside_gate).boxed())
            .await
            .into_port("changing a product")
    }

    async fn create_sku(&self, store: StoreId, product: ProductId, sku: &NewSku, _now: Timestamp) -> PortResult<Option<Sku>> {
        let outside_gate = self.outside_gate;
        self.database
            .transact(move |unit, _| create::sku_of(unit, store, product, sku, outside_gate).boxed())
            .await
            .into_port("creating a SKU")
    }

    async fn change_sku(&self, store: StoreId, id: SkuId, version: i64, change: &SkuChange) -> PortResult<Changed<Sku>> {
        let outside_gate = self.outside_gate;
        self.database
            .transact(move |unit, _| change::sku(unit, store, id, version, change, outside_gate).boxed())
            .await
            .into_port("changing a SKU")
    }
}
