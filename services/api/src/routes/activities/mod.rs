//! `/activities`: what the store promotes.

pub mod get_one;
pub mod list;
pub mod post_order;

use sluice_kernel::{SkuId, StoreId};
use sluice_promotion::ActivityOffers;

use crate::{answers::activity::ActivityAnswer, problem::Answer, state::Api};

/// With what the products are and cost, and what is usable of them.
async fn shown(api: &Api, store: StoreId, found: Vec<ActivityOffers>) -> Answer<Vec<ActivityAnswer>> {
    let skus: Vec<SkuId> = found.iter().flat_map(|found| found.offers.iter().map(|offer| offer.sku_id)).collect();
    let (catalog, asked) = (api.shop.catalog.clone(), skus.clone());
    let cards = api.ask(async move { catalog.cards(store, &asked).await }).await?;
    let inventory = api.shop.inventory.clone();
    let figures = api.ask(async move { inventory.figures(store, &skus).await }).await?;
    let now = api.shop.clock.now();
    Ok(found.into_iter().map(|found| ActivityAnswer::new(found, &cards, &figures, now)).collect())
}
