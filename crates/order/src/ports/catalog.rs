//! What placing reads of the catalog.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_kernel::{Currency, FormField, Money, Points, PortResult, ProductId, SkuId, StoreId};

/// A SKU as placing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfCard {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: Arc<str>,
    pub picture: Option<Arc<str>>,
    pub spec: Arc<str>,
    pub code: Arc<str>,
    pub price: Money,
    pub points: Points,
    pub allotable_profit: i64,
    pub supplier_price: i64,
    pub delivery_place: Arc<str>,
    /// What an order of it must carry.
    pub form: Arc<[FormField]>,
    pub buyable: bool,
    pub revision: i64,
}

/// The catalog; SKUs that do not exist in the store are absent.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// May answer from a cache: the gate compares revisions.
    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>>;
    /// As [`Catalog::cards`], by a read that began after this call: a change that somebody knows of is always seen.
    async fn read_cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>>;
    /// `None`: there is no such store yet.
    async fn currency(&self, store: StoreId) -> PortResult<Option<Currency>>;
    /// Forgets what is cached of these, after the gate said that it is outdated.
    async fn forget(&self, store: StoreId, skus: &[SkuId]);
}
