//! One store, one product, one SKU, each with a version that counts changes.

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use sluice_catalog::{
    CatalogError, CatalogService, FormField, NewProduct, NewSku, Product, ProductChange, ProductSearch, ReceivingWay, Sku, SkuCard,
    SkuChange, Store, StoreSettings, StoreSettingsChange,
};
use sluice_kernel::{Currency, Money, Page, PageRequest, Points, Precondition, ProductId, SkuId, StoreId, Timestamp};

pub struct FakeCatalog {
    product: Mutex<Product>,
    store: Mutex<Store>,
    pub created: Mutex<Vec<NewProduct>>,
}

impl Default for FakeCatalog {
    fn default() -> Self {
        let sku = Sku {
            id: SkuId(1),
            product_id: ProductId(1),
            store_id: StoreId(1),
            code: "T-1".to_owned(),
            spec: "green".to_owned(),
            price: Money::new(1990, Currency::CNY),
            points: Points(5),
            allotable_profit: 150,
            supplier_price: 1000,
            listed: true,
            deleted: false,
            version: 3,
        };
        let product = Product {
            id: ProductId(1),
            store_id: StoreId(1),
            title: "Tea".to_owned(),
            pictures: Vec::new(),
            delivery_place: "1".to_owned(),
            receiving_way: ReceivingWay::new(0).unwrap(),
            customer_product_id: None,
            order_form_items: vec![FormField::IdCard],
            listed: true,
            deleted: false,
            offer_only: false,
            version: 3,
            created_at: Timestamp::from_millis(0),
            skus: vec![sku],
        };
        let store = Store {
            id: StoreId(1),
            name: "One".to_owned(),
            currency: Currency::CNY,
            settings: StoreSettings::default(),
            version: 1,
        };
        Self { product: Mutex::new(product), store: Mutex::new(store), created: Mutex::default() }
    }
}

fn card(product: &Product, sku: &Sku) -> SkuCard {
    SkuCard {
        sku_id: sku.id,
        product_id: product.id,
        store_id: product.store_id,
        title: product.title.as_str().into(),
        picture: None,
        pictures: product.pictures.clone().into(),
        spec: sku.spec.as_str().into(),
        code: sku.code.as_str().into(),
        price: sku.price,
        points: sku.points,
        allotable_profit: sku.allotable_profit,
        supplier_price: sku.supplier_price,
        delivery_place: product.delivery_place.as_str().into(),
        receiving_way: product.receiving_way,
        customer_product_id: None,
        order_form_items: product.order_form_items.clone().into(),
        buyable: product.listed && sku.listed,
        offer_only: product.offer_only,
        revision: 1,
    }
}

impl FakeCatalog {
    fn found(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        let product = self.product.lock().unwrap().clone();
        if product.store_id == store && product.id == id { Ok(product) } else { Err(CatalogError::NotFound) }
    }
}

#[async_trait]
impl CatalogService for FakeCatalog {
    async fn store(&self, store: StoreId) -> Result<Store, CatalogError> {
        let known = self.store.lock().unwrap().clone();
        if known.id == store { Ok(known) } else { Err(CatalogError::NotFound) }
    }

    async fn change_settings(&self, _: StoreId, from: Precondition, change: StoreSettingsChange) -> Result<Store, CatalogError> {
        let mut store = self.store.lock().unwrap();
        if !from.admits(store.version) {
            return Err(CatalogError::Stale);
        }
        store.version += 1;
        store.settings = change.settings;
        Ok(store.clone())
    }

    async fn list_listed(&self, store: StoreId, search: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        self.list_all(store, search, page).await
    }

    async fn listed_product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        self.found(store, id)
    }

    async fn list_all(&self, store: StoreId, _: &ProductSearch, page: PageRequest) -> Result<Page<Product>, CatalogError> {
        let rows = self.found(store, ProductId(1)).into_iter().collect();
        Ok(Page::from_overfull(rows, page.limit, |product: &Product| product.id.0))
    }

    async fn product(&self, store: StoreId, id: ProductId) -> Result<Product, CatalogError> {
        self.found(store, id)
    }

    async fn sku(&self, store: StoreId, id: SkuId) -> Result<Sku, CatalogError> {
        let product = self.found(store, ProductId(1))?;
        product.skus.into_iter().find(|sku| sku.id == id).ok_or(CatalogError::NotFound)
    }

    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> Result<HashMap<SkuId, SkuCard>, CatalogError> {
        let product = self.found(store, ProductId(1))?;
        Ok(product.skus.iter().filter(|sku| skus.contains(&sku.id)).map(|sku| (sku.id, card(&product, sku))).collect())
    }

    async fn create_product(&self, store: StoreId, product: NewProduct) -> Result<Product, CatalogError> {
        self.created.lock().unwrap().push(product);
        self.found(store, ProductId(1))
    }

    async fn change_product(
        &self,
        _: StoreId,
        _: ProductId,
        from: Precondition,
        change: ProductChange,
    ) -> Result<Product, CatalogError> {
        let mut product = self.product.lock().unwrap();
        if !from.admits(product.version) {
            return Err(CatalogError::Stale);
        }
        product.version += 1;
        product.title = change.title.unwrap_or_else(|| product.title.clone());
        product.customer_product_id = change.customer_product_id.unwrap_or_else(|| product.customer_product_id.clone());
        Ok(product.clone())
    }

    async fn create_sku(&self, store: StoreId, _: ProductId, _: NewSku) -> Result<Sku, CatalogError> {
        self.sku(store, SkuId(1)).await
    }

    async fn change_sku(&self, store: StoreId, id: SkuId, from: Precondition, change: SkuChange) -> Result<Sku, CatalogError> {
        let mut sku = self.sku(store, id).await?;
        if !from.admits(sku.version) {
            return Err(CatalogError::Stale);
        }
        if let Some(price) = change.price {
            sku.price.amount = price.in_currency("price", sku.price.currency)?;
        }
        sku.version += 1;
        Ok(sku)
    }
}
