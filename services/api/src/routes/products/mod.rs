//! `/products`: what the store's customers can buy.

pub mod get_one;
pub mod list;

use std::collections::HashMap;

use sluice_inventory::Figures;
use sluice_kernel::{SkuId, StoreId};

use crate::{problem::Answer, state::Api};

/// Usable units at the gate of these SKUs.
async fn figures(api: &Api, store: StoreId, skus: Vec<SkuId>) -> Answer<HashMap<SkuId, Figures>> {
    let inventory = api.shop.inventory.clone();
    api.ask(async move { inventory.figures(store, &skus).await }).await
}
