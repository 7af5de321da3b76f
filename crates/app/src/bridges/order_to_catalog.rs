//! Order reads the catalog through a process cache.
//!
//! The cache may be stale: the gate compares the revision of every line with the present one and sends a placement
//! back to read again, so a stale card costs a second round and never a wrong price.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use moka::sync::Cache;
use sluice_catalog::{CatalogError, CatalogService, SkuCard};
use sluice_kernel::{Currency, PortResult, SkuId, StoreId};
use sluice_order::{Catalog, ShelfCard};

pub struct OrderToCatalog {
    catalog: Arc<dyn CatalogService>,
    cards: Cache<(StoreId, SkuId), Arc<ShelfCard>>,
}

/// Cards kept at most; some 500 bytes each.
const MAX_CARDS: u64 = 100_000;
const CARD_LIFE: Duration = Duration::from_mins(1);

impl OrderToCatalog {
    pub fn new(catalog: Arc<dyn CatalogService>) -> Self {
        Self { catalog, cards: Cache::builder().max_capacity(MAX_CARDS).time_to_live(CARD_LIFE).build() }
    }
}

#[async_trait]
impl Catalog for OrderToCatalog {
    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>> {
        let mut found = HashMap::with_capacity(skus.len());
        let mut missing = Vec::new();
        for sku in skus {
            match self.cards.get(&(store, *sku)) {
                Some(card) => {
                    found.insert(*sku, card);
                }
                None => missing.push(*sku),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        found.extend(self.read_cards(store, &missing).await?);
        Ok(found)
    }

    async fn read_cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>> {
        let read = self.catalog.cards(store, skus).await.map_err(|error| super::port_error("the catalog", error))?;
        // A SKU that is not there any more leaves the cache, too.
        for sku in skus.iter().filter(|sku| !read.contains_key(sku)) {
            self.cards.invalidate(&(store, *sku));
        }
        let kept = |(sku, card)| {
            let card = Arc::new(shelf_card(card));
            self.cards.insert((store, sku), card.clone());
            (sku, card)
        };
        Ok(read.into_iter().map(kept).collect())
    }

    async fn currency(&self, store: StoreId) -> PortResult<Option<Currency>> {
        match self.catalog.store(store).await {
            Ok(store) => Ok(Some(store.currency)),
            Err(CatalogError::NotFound) => Ok(None),
            Err(error) => Err(super::port_error("the store", error)),
        }
    }

    async fn forget(&self, store: StoreId, skus: &[SkuId]) {
        for sku in skus {
            self.cards.invalidate(&(store, *sku));
        }
    }
}

/// The card as a cart order sees it.
pub(super) fn shelf_card(card: SkuCard) -> ShelfCard {
    // A product of an activity is no cart line.
    let buyable = card.on_the_shelf();
    ShelfCard {
        sku_id: card.sku_id,
        product_id: card.product_id,
        title: card.title,
        picture: card.picture,
        spec: card.spec,
        code: card.code,
        price: card.price,
        points: card.points,
        allotable_profit: card.allotable_profit,
        supplier_price: card.supplier_price,
        delivery_place: card.delivery_place,
        form: card.order_form_items,
        buyable,
        revision: card.revision,
    }
}
