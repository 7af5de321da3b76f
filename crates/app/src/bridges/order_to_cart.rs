//! Order reads the cart's selected lines.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_cart::CartService;
use sluice_kernel::{PortResult, Quantity, SkuId, StoreId, UserId};
use sluice_order::CartReader;

pub struct OrderToCart(pub Arc<dyn CartService>);

#[async_trait]
impl CartReader for OrderToCart {
    async fn selected(&self, store: StoreId, user: &UserId) -> PortResult<(i64, Vec<(SkuId, Quantity)>)> {
        let selected = self.0.selected(store, user).await.map_err(|error| super::port_error("the cart", error))?;
        Ok((selected.version, selected.lines))
    }
}
