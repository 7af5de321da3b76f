//! What the catalog offers to the API and to other contexts (through bridges in `sluice-app`).

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_kernel::{Changed, Clock, Page, PageRequest, Precondition, ProductId, SkuId, StoreId};

use crate::{
    CatalogError, CatalogRepository, NewProduct, NewSku, Product, ProductChange, ProductSearch, Sku, SkuCard, SkuChange, Store,
    StoreSettingsChange,
    rules::{
        check_new_product, check_new_sku, check_product_change, check_search, check_settings, check_sku_change, check_sku_count,
        one_sku_alone,
    },
};

#[async_trait]
pub trait CatalogService: Send + Sync {
    async fn store(&self, store: StoreId) -> Result<Store, CatalogError>;
    async fn change_settings(&self, store: StoreId, from: Precondition, change: StoreSettingsChange)
    -> Result<Store, CatalogError>;

    /// Listed products with their listed SKUs, newest first; products of activities are not among them. With words to look for, a
    /// page may end before it is full and says where to go on.
    async fn list_listed(&self, store: StoreId, search: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError>;
    /// A listed product; anything else is not found, a product of an activity neither.
    async fn listed_product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError>;
    /// All products of the store, for staff; searched like the listed ones.
    async fn list_all(&self, store: StoreId, search: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError>;
    async fn product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError>;
    async fn sku(&self, store: StoreId, id: SkuId) -> Result<Sku, CatalogError>;
    /// Cards by SKU; a SKU that does not exist in this store is absent.
    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> Result<HashMap<SkuId, SkuCard>, CatalogError>;

    async fn create_product(&self, store: StoreId, product: NewProduct) -> Result<Product, CatalogError>;
    async fn change_product(
        &self,
        store: StoreId,
        id: ProductId,
        from: Precondition,
        change: ProductChange,
    ) -> Result<Product, CatalogError>;
    async fn create_sku(&self, store: StoreId, product: ProductId, sku: NewSku) -> Result<Sku, CatalogError>;
    async fn change_sku(&self, store: StoreId, id: SkuId, from: Precondition, change: SkuChange) -> Result<Sku, CatalogError>;
}

/// The service over a repository.
pub struct Catalogue {
    repository: Arc<dyn CatalogRepository>,
    clock: Arc<dyn Clock>,
}

impl Catalogue {
    pub fn new(repository: Arc<dyn CatalogRepository>, clock: Arc<dyn Clock>) -> Self {
        Self { repository, clock }
    }

    async fn list(
        &self,
        store: StoreId,
        listed_only: bool,
        search: &ProductSearch,
        page: PageRequest,
    ) -> Result<Page<Product>, CatalogError> {
        if *search == ProductSearch::default() {
            let rows = self.repository.list_products(store, listed_only, page).await?;
            return Ok(Page::from_overfull(rows, page.limit, |product| product.id.0));
        }
        check_search(search)?;
        Ok(self.repository.search_products(store, listed_only, search, page).await?)
    }
}

#[async_trait]
impl CatalogService for Catalogue {
    async fn store(&self, store: StoreId) -> Result<Store, CatalogError> {
        self.repository.find_store(store).await?.ok_or(CatalogError::NotFound)
    }

    async fn change_settings(
        &self,
        store: StoreId,
        from: Precondition,
        change: StoreSettingsChange,
    ) -> Result<Store, CatalogError> {
        check_settings(&change.settings)?;
        let version = admitted(&from, self.store(store).await?.version)?;
        changed(self.repository.save_settings(store, version, &change.settings).await?)
    }

    async fn list_listed(&self, store: StoreId, search: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        self.list(store, true, search, page).await
    }

    async fn listed_product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        let mut product = self.product(store, id).await?;
        if !product.listed || product.deleted || product.offer_only {
            return Err(CatalogError::NotFound);
        }
        product.skus.retain(|sku| sku.listed && !sku.deleted);
        Ok(product)
    }

    async fn list_all(&self, store: StoreId, search: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        self.list(store, false, search, page).await
    }

    async fn product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        self.repository.find_product(store, id).await?.ok_or(CatalogError::NotFound)
    }

    async fn sku(&self, store: StoreId, id: SkuId) -> Result<Sku, CatalogError> {
        self.repository.find_sku(store, id).await?.ok_or(CatalogError::NotFound)
    }

    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> Result<HashMap<SkuId, SkuCard>, CatalogError> {
        let cards = self.repository.cards(store, skus).await?;
        Ok(cards.into_iter().map(|card| (card.sku_id, card)).collect())
    }

    async fn create_product(&self, store: StoreId, product: NewProduct) -> Result<Product, CatalogError> {
        check_new_product(&product)?;
        let currency = self.store(store).await?.currency;
        for (index, sku) in product.skus.iter().enumerate() {
            sku.price.in_currency("price", currency).map_err(|invalid| invalid.within(("skus", index)))?;
        }
        Ok(self.repository.create_product(store, &product, self.clock.now()).await?)
    }

    async fn change_product(
        &self,
        store: StoreId,
        id: ProductId,
        from: Precondition,
        change: ProductChange,
    ) -> Result<Product, CatalogError> {
        check_product_change(&change)?;
        let version = admitted(&from, self.product(store, id).await?.version)?;
        changed(self.repository.change_product(store, id, version, &change).await?)
    }

    async fn create_sku(&self, store: StoreId, product: ProductId, sku: NewSku) -> Result<Sku, CatalogError> {
        check_new_sku(&sku)?;
        let standing = self.product(store, product).await?;
        if standing.offer_only {
            return Err(one_sku_alone().into());
        }
        sku.price.in_currency("price", self.store(store).await?.currency)?;
        check_sku_count(standing.skus.len().saturating_add(1))?;
        self.repository.create_sku(store, product, &sku, self.clock.now()).await?.ok_or(CatalogError::NotFound)
    }

    async fn change_sku(&self, store: StoreId, id: SkuId, from: Precondition, change: SkuChange) -> Result<Sku, CatalogError> {
        check_sku_change(&change)?;
        let present = self.sku(store, id).await?;
        let version = admitted(&from, present.version)?;
        if let Some(price) = change.price {
            price.in_currency("price", present.price.currency)?;
        }
        changed(self.repository.change_sku(store, id, version, &change).await?)
    }
}

fn changed<T>(outcome: Changed<T>) -> Result<T, CatalogError> {
    match outcome {
        Changed::Done(value) => Ok(value),
        Changed::Stale => Err(CatalogError::Stale),
        Changed::Absent => Err(CatalogError::NotFound),
    }
}

/// The version that a change is made from.
fn admitted(from: &Precondition, present: i64) -> Result<i64, CatalogError> {
    if from.admits(present) { Ok(present) } else { Err(CatalogError::Stale) }
}
