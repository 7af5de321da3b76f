//! What the catalog needs from storage.

use async_trait::async_trait;
use sluice_kernel::{Changed, Page, PageRequest, PortResult, ProductId, SkuId, StoreId, Timestamp};

use crate::{NewProduct, NewSku, Product, ProductChange, ProductSearch, Sku, SkuCard, SkuChange, Store, StoreSettings};

/// Products that a page with words looks at.
pub const MAX_SEARCHED: u32 = 2_000;

/// Every change of a product or SKU raises the revision of the SKUs it touches in the same transaction, in the
/// catalog and at the stock row, and tells the stock gate through its effects queue.
#[async_trait]
pub trait CatalogRepository: Send + Sync {
    async fn find_store(&self, store: StoreId) -> PortResult<Option<Store>>;
    async fn save_settings(&self, store: StoreId, version: i64, settings: &StoreSettings) -> PortResult<Changed<Store>>;

    /// Newest first. `listed_only` leaves out what the shelf does not show: products or SKUs unlisted or deleted, and
    /// products of activities.
    async fn list_products(&self, store: StoreId, listed_only: bool, page: PageRequest) -> PortResult<Vec<Product>>;
    /// As [`CatalogRepository::list_products`], those that are searched for. With words, a page looks at [`MAX_SEARCHED`] products
    /// and may end before it is full.
    async fn search_products(
        &self,
        store: StoreId,
        listed_only: bool,
        search: &ProductSearch,
        page: PageRequest,
    ) -> PortResult<Page<Product>>;
    async fn find_product(&self, store: StoreId, id: ProductId) -> PortResult<Option<Product>>;
    async fn find_sku(&self, store: StoreId, id: SkuId) -> PortResult<Option<Sku>>;
    /// The cards of those SKUs that exist in this store, whether they are buyable or not.
    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<Vec<SkuCard>>;

    /// With its SKUs, each with a stock row of zero units.
    async fn create_product(&self, store: StoreId, product: &NewProduct, now: Timestamp) -> PortResult<Product>;
    async fn change_product(
        &self,
        store: StoreId,
        id: ProductId,
        version: i64,
        change: &ProductChange,
    ) -> PortResult<Changed<Product>>;
    /// `None` where the product does not exist in this store.
    async fn create_sku(&self, store: StoreId, product: ProductId, sku: &NewSku, now: Timestamp) -> PortResult<Option<Sku>>;
    async fn change_sku(&self, store: StoreId, id: SkuId, version: i64, change: &SkuChange) -> PortResult<Changed<Sku>>;
}
