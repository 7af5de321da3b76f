//! What the catalog offers to the API and to other contexts (through bridges in `sluice-app`).

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_kernel::{Changed, Clock, Currency, Page, PageRequest, Precondition, ProductId, SkuId, StoreId, text::is_visible};

use crate::{
    CatalogError, CatalogRepository, NewProduct, NewSku, Product, ProductChange, Sku, SkuCard, SkuChange, Store, StoreSettings,
    StoreSettingsChange,
};

/// SKUs of a product that were not deleted.
const MAX_SKUS: usize = 100;

#[async_trait]
pub trait CatalogService: Send + Sync {
    async fn store(&self, store: StoreId) -> Result<Store, CatalogError>;
    async fn change_settings(&self, store: StoreId, from: Precondition, change: StoreSettingsChange)
    -> Result<Store, CatalogError>;

    /// Listed products with their listed SKUs, newest first; products of activities are not among them.
    async fn list_listed(&self, store: StoreId, page: PageRequest) -> Result<Page<Product>, CatalogError>;
    /// A listed product; anything else is not found, a product of an activity neither.
    async fn listed_product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError>;
    /// All products of the store, for staff.
    async fn list_all(&self, store: StoreId, page: PageRequest) -> Result<Page<Product>, CatalogError>;
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

    async fn list_listed(&self, store: StoreId, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        let rows = self.repository.list_products(store, true, page).await?;
        Ok(Page::from_overfull(rows, page.limit, |product| product.id.0))
    }

    async fn listed_product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        let mut product = self.product(store, id).await?;
        if !product.listed || product.deleted || product.offer_only {
            return Err(CatalogError::NotFound);
        }
        product.skus.retain(|sku| sku.listed && !sku.deleted);
        Ok(product)
    }

    async fn list_all(&self, store: StoreId, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        let rows = self.repository.list_products(store, false, page).await?;
        Ok(Page::from_overfull(rows, page.limit, |product| product.id.0))
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
        check_text("title", &product.title, 200)?;
        check_text("delivery_place", &product.delivery_place, 64)?;
        check_pictures(&product.pictures)?;
        if product.offer_only && product.skus.len() != 1 {
            let reason = "a product of an activity has exactly one SKU".to_owned();
            return Err(CatalogError::InvalidField { field: "skus", reason });
        }
        check_sku_count(product.skus.len())?;
        for sku in &product.skus {
            check_new_sku(sku)?;
        }
        self.store(store).await?;
        Ok(self.repository.create_product(store, &product, self.clock.now()).await?)
    }

    async fn change_product(
        &self,
        store: StoreId,
        id: ProductId,
        from: Precondition,
        change: ProductChange,
    ) -> Result<Product, CatalogError> {
        if let Some(title) = &change.title {
            check_text("title", title, 200)?;
        }
        if let Some(place) = &change.delivery_place {
            check_text("delivery_place", place, 64)?;
        }
        if let Some(pictures) = &change.pictures {
            check_pictures(pictures)?;
        }
        let version = admitted(&from, self.product(store, id).await?.version)?;
        changed(self.repository.change_product(store, id, version, &change).await?)
    }

    async fn create_sku(&self, store: StoreId, product: ProductId, sku: NewSku) -> Result<Sku, CatalogError> {
        check_new_sku(&sku)?;
        let standing = self.product(store, product).await?;
        if standing.offer_only {
            let reason = "a product of an activity has exactly one SKU".to_owned();
            return Err(CatalogError::InvalidField { field: "skus", reason });
        }
        check_sku_count(standing.skus.len().saturating_add(1))?;
        self.repository.create_sku(store, product, &sku, self.clock.now()).await?.ok_or(CatalogError::NotFound)
    }

    async fn change_sku(&self, store: StoreId, id: SkuId, from: Precondition, change: SkuChange) -> Result<Sku, CatalogError> {
        if let Some(code) = &change.code {
            check_text("code", code, 64)?;
        }
        if let Some(spec) = &change.spec {
            check_length("spec", spec, 200)?;
        }
        let amounts = [
            ("price", change.price),
            ("points", change.points),
            ("allotable_profit", change.allotable_profit),
            ("supplier_price", change.supplier_price),
        ];
        for (field, amount) in amounts {
            check_amount(field, amount.unwrap_or(0))?;
        }
        let present = self.sku(store, id).await?;
        let version = admitted(&from, present.version)?;
        check_currency(&change, present.price.currency)?;
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

fn check_currency(change: &SkuChange, currency: Currency) -> Result<(), CatalogError> {
    match change.currency {
        Some(other) if other != currency => {
            Err(CatalogError::InvalidField { field: "price", reason: format!("the currency is {currency}") })
        }
        Some(_) | None => Ok(()),
    }
}

fn check_settings(settings: &StoreSettings) -> Result<(), CatalogError> {
    if let Some([cash, points]) = settings.points_to_cash_ratio
        && (cash <= 0 || points <= 0)
    {
        let reason = "both numbers are above zero".to_owned();
        return Err(CatalogError::InvalidField { field: "points_to_cash_ratio", reason });
    }
    settings.h5_redirect_type.as_deref().map_or(Ok(()), |kind| check_text("h5_redirect_type", kind, 16))
}

/// A product is always read with all its SKUs.
fn check_sku_count(skus: usize) -> Result<(), CatalogError> {
    if skus > MAX_SKUS {
        return Err(CatalogError::InvalidField { field: "skus", reason: format!("at most {MAX_SKUS} SKUs a product") });
    }
    Ok(())
}

fn check_new_sku(sku: &NewSku) -> Result<(), CatalogError> {
    check_text("code", &sku.code, 64)?;
    check_length("spec", &sku.spec, 200)?;
    check_amount("price", sku.price)?;
    check_amount("points", sku.points)?;
    check_amount("allotable_profit", sku.allotable_profit)?;
    check_amount("supplier_price", sku.supplier_price)
}

fn check_pictures(pictures: &[String]) -> Result<(), CatalogError> {
    if pictures.len() > 20 {
        return Err(CatalogError::InvalidField { field: "pictures", reason: "at most 20 pictures".to_owned() });
    }
    pictures.iter().try_for_each(|picture| check_text("pictures", picture, 500))
}

fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), CatalogError> {
    if !is_visible(text) {
        return Err(CatalogError::InvalidField { field, reason: "must not be empty".to_owned() });
    }
    check_length(field, text, most)
}

fn check_length(field: &'static str, text: &str, most: usize) -> Result<(), CatalogError> {
    if text.chars().count() > most {
        return Err(CatalogError::InvalidField { field, reason: format!("at most {most} characters") });
    }
    Ok(())
}

/// A trillion minor units: large enough for any price, small enough that 100 lines of 9999 units never overflow.
const MAX_MINOR_UNITS: i64 = 1_000_000_000_000;

fn check_amount(field: &'static str, amount: i64) -> Result<(), CatalogError> {
    if (0..=MAX_MINOR_UNITS).contains(&amount) {
        return Ok(());
    }
    Err(CatalogError::InvalidField { field, reason: format!("from 0 to {MAX_MINOR_UNITS}") })
}
