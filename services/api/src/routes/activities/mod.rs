//! `/activities`: what the store promotes.

pub mod get_one;
pub mod list;
pub mod post_order;

use sluice_app::Shop;
use sluice_kernel::{SkuId, StoreId};
use sluice_promotion::ActivityOffers;

use crate::{endpoint::Answer, responses::activity::ActivityAnswer};

/// With what the products are and cost, and what is usable of them.
async fn shown(shop: &Shop, store: StoreId, found: Vec<ActivityOffers>) -> Answer<Vec<ActivityAnswer>> {
    let skus: Vec<SkuId> = found.iter().flat_map(|found| found.offers.iter().map(|offer| offer.sku_id)).collect();
    let cards = shop.catalog.cards(store, &skus).await?;
    let figures = shop.inventory.figures(store, &skus).await?;
    let now = shop.clock.now();
    Ok(found.into_iter().map(|found| ActivityAnswer::new(found, &cards, &figures, now)).collect())
}
