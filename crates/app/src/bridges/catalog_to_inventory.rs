//! Catalog changes that others hear of before staff are answered: a gate outside the database of listings and prices, this
//! process of the store's settings.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_catalog::{
    CatalogError, CatalogService, NewProduct, NewSku, Product, ProductChange, ProductSearch, Sku, SkuCard, SkuChange, Store,
    StoreSettingsChange,
};
use sluice_kernel::{Page, PageRequest, Precondition, ProductId, SkuId, StoreId};

use super::change_notifier::ChangeNotifier;

/// The catalog, with those beside it who hear of its changes.
pub struct CatalogToInventory {
    pub catalog: Arc<dyn CatalogService>,
    pub notifier: ChangeNotifier,
}

#[async_trait]
impl CatalogService for CatalogToInventory {
    async fn store(&self, store: StoreId) -> Result<Store, CatalogError> {
        self.catalog.store(store).await
    }

    async fn change_settings(
        &self,
        store: StoreId,
        from: Precondition,
        change: StoreSettingsChange,
    ) -> Result<Store, CatalogError> {
        let changed = self.catalog.change_settings(store, from, change).await?;
        self.notifier.rules.forget(store).await;
        Ok(changed)
    }

    async fn list_listed(&self, store: StoreId, search: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        self.catalog.list_listed(store, search, page).await
    }

    async fn listed_product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        self.catalog.listed_product(store, id).await
    }

    async fn list_all(&self, store: StoreId, search: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        self.catalog.list_all(store, search, page).await
    }

    async fn product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        self.catalog.product(store, id).await
    }

    async fn sku(&self, store: StoreId, id: SkuId) -> Result<Sku, CatalogError> {
        self.catalog.sku(store, id).await
    }

    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> Result<HashMap<SkuId, SkuCard>, CatalogError> {
        self.catalog.cards(store, skus).await
    }

    async fn create_product(&self, store: StoreId, product: NewProduct) -> Result<Product, CatalogError> {
        let created = self.catalog.create_product(store, product).await?;
        self.notifier.tell_gate().await;
        Ok(created)
    }

    async fn change_product(
        &self,
        store: StoreId,
        id: ProductId,
        from: Precondition,
        change: ProductChange,
    ) -> Result<Product, CatalogError> {
        let changed = self.catalog.change_product(store, id, from, change).await?;
        self.notifier.tell_gate().await;
        Ok(changed)
    }

    async fn create_sku(&self, store: StoreId, product: ProductId, sku: NewSku) -> Result<Sku, CatalogError> {
        let created = self.catalog.create_sku(store, product, sku).await?;
        self.notifier.tell_gate().await;
        Ok(created)
    }

    async fn change_sku(&self, store: StoreId, id: SkuId, from: Precondition, change: SkuChange) -> Result<Sku, CatalogError> {
        let changed = self.catalog.change_sku(store, id, from, change).await?;
        self.notifier.tell_gate().await;
        Ok(changed)
    }
}
