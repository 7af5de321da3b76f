//! The cart shows its lines at the catalog's prices and the gate's figures.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_cart::{ShelfEntry, ShelfReader};
use sluice_catalog::{CatalogError, CatalogService};
use sluice_inventory::InventoryService;
use sluice_kernel::{Currency, PortResult, SkuId, StoreId};

pub struct CartToCatalog {
    pub catalog: Arc<dyn CatalogService>,
    pub inventory: Arc<dyn InventoryService>,
}

#[async_trait]
impl ShelfReader for CartToCatalog {
    async fn entries(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, ShelfEntry>> {
        if skus.is_empty() {
            return Ok(HashMap::new());
        }
        let cards = self.catalog.cards(store, skus).await.map_err(|error| super::port_error("the catalog", error))?;
        let figures = self.inventory.figures(store, skus).await.map_err(|error| super::port_error("the stock", error))?;
        let entry = |(sku, card): (SkuId, sluice_catalog::SkuCard)| {
            let entry = ShelfEntry {
                sku_id: sku,
                product_id: card.product_id,
                title: card.title.to_string(),
                spec: card.spec.to_string(),
                price: card.price,
                points: card.points,
                buyable: card.on_the_shelf(),
                usable: figures.get(&sku).map_or(0, |figures| figures.usable),
            };
            (sku, entry)
        };
        Ok(cards.into_iter().map(entry).collect())
    }

    async fn currency(&self, store: StoreId) -> PortResult<Currency> {
        match self.catalog.store(store).await {
            Ok(store) => Ok(store.currency),
            // A token may name a store that is not set up yet: its cart is empty.
            Err(CatalogError::NotFound) => Ok(Currency::CNY),
            Err(error) => Err(super::port_error("the store", error)),
        }
    }
}
