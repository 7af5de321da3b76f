//! Catalog changes that a gate outside the database hears of before staff are answered.
//!
//! The change and its gate effect stand in one transaction; telling the gate here only shortens the time in which it
//! would still take orders at the old price or for what has left the shelf. Where telling fails, the sweeper goes on.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_catalog::{
    CatalogError, CatalogService, NewProduct, NewSku, Product, ProductChange, Sku, SkuCard, SkuChange, Store, StoreSettingsChange,
};
use sluice_inventory::InventoryService;
use sluice_kernel::{Page, PageRequest, ProductId, SkuId, StoreId};

/// Effects told at once, and how often; more than that wait for the sweeper.
const EFFECTS_AT_ONCE: u32 = 500;
const MOST_ROUNDS: usize = 20;

/// The catalog with a gate beside it.
pub struct ListingBridge {
    pub catalog: Arc<dyn CatalogService>,
    pub inventory: Arc<dyn InventoryService>,
}

impl ListingBridge {
    async fn tell_gate(&self) {
        for _ in 0..MOST_ROUNDS {
            match self.inventory.apply_effects(EFFECTS_AT_ONCE).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "The gate could not be told of a catalog change yet; the sweeper will.");
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl CatalogService for ListingBridge {
    async fn store(&self, store: StoreId) -> Result<Store, CatalogError> {
        self.catalog.store(store).await
    }

    async fn change_settings(&self, store: StoreId, version: i64, change: StoreSettingsChange) -> Result<Store, CatalogError> {
        self.catalog.change_settings(store, version, change).await
    }

    async fn list_listed(&self, store: StoreId, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        self.catalog.list_listed(store, page).await
    }

    async fn listed_product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        self.catalog.listed_product(store, id).await
    }

    async fn list_all(&self, store: StoreId, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        self.catalog.list_all(store, page).await
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
        self.tell_gate().await;
        Ok(created)
    }

    async fn change_product(
        &self,
        store: StoreId,
        id: ProductId,
        version: i64,
        change: ProductChange,
    ) -> Result<Product, CatalogError> {
        let changed = self.catalog.change_product(store, id, version, change).await?;
        self.tell_gate().await;
        Ok(changed)
    }

    async fn create_sku(&self, store: StoreId, product: ProductId, sku: NewSku) -> Result<Sku, CatalogError> {
        let created = self.catalog.create_sku(store, product, sku).await?;
        self.tell_gate().await;
        Ok(created)
    }

    async fn change_sku(&self, store: StoreId, id: SkuId, version: i64, change: SkuChange) -> Result<Sku, CatalogError> {
        let changed = self.catalog.change_sku(store, id, version, change).await?;
        self.tell_gate().await;
        Ok(changed)
    }
}
