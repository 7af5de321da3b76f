//! Filling a database: the demo data, or plain products for a measurement.

use sluice_kernel::{PortResult, StoreId};

use crate::{OpenShop, bridges::port_error, demo};

impl OpenShop {
    /// The demo data, where the database is empty; where a demo stands that lacks something, the rest of it.
    pub(crate) async fn ensure_demo(&self) -> PortResult<()> {
        if self.is_empty().await? {
            self.load_demo(&|| {}).await
        } else if demo::lacks_activities(&self.shop).await? {
            self.wait_for_gate().await?;
            demo::load_activities(&self.shop).await?;
            demo::load_points(&self.shop).await
        } else {
            Ok(())
        }
    }

    /// No store, so nothing at all.
    async fn is_empty(&self) -> PortResult<bool> {
        match self.shop.catalog.store(StoreId(1)).await {
            Ok(_) => Ok(false),
            Err(sluice_catalog::CatalogError::NotFound) => Ok(true),
            Err(error) => Err(port_error("the store", error)),
        }
    }

    /// Loads the demo data of docs/demo.md; `tell` hears of each product.
    pub async fn load_demo(&self, tell: &(dyn Fn() + Sync)) -> PortResult<()> {
        self.wait_for_gate().await?;
        demo::load_stores(&self.catalog).await?;
        demo::load_products(&self.shop, tell).await?;
        demo::load_activities(&self.shop).await?;
        demo::load_points(&self.shop).await
    }

    /// Plain products 1 to `products` of store 1 with `stock` units each; `tell` hears how many stand.
    pub async fn seed_plain(&self, products: u32, stock: i64, tell: &(dyn Fn(u64) + Send + Sync)) -> PortResult<()> {
        demo::load_stores(&self.catalog).await?;
        let now = self.shop.clock.now();
        let progress = |done: i64| tell(u64::try_from(done).unwrap_or(0));
        self.catalog.seed_plain(StoreId(1), 1, i64::from(products), stock, now, &progress).await?;
        self.rebuild_gate().await
    }
}
