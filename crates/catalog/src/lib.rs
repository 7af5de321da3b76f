//! The catalog context: stores and their settings, products and SKUs.
//!
//! Contract: docs/domain.md, Words. Everything belongs to one store; another store's product does not exist for the caller.
//! Stock is not here (see `sluice-inventory`); whether a SKU may be sold, at what price and under which revision, is.

mod error;
mod model;
mod ports;
mod rules;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::CatalogError;
pub use model::{
    NewProduct, NewSku, Product, ProductChange, ProductSearch, Sku, SkuCard, SkuChange, Store, StoreSettings, StoreSettingsChange,
};
pub use ports::{CatalogRepository, MAX_SEARCHED};
pub use service::{CatalogService, Catalogue};
pub use sluice_kernel::{FormField, ReceivingWay};
