//! `/activities`: what the store promotes.

pub mod get_one;
pub mod list;
pub mod post_order;

use std::time::Duration;

use sluice_kernel::{SkuId, StoreId};
use sluice_promotion::ActivityOffers;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    problem::{Answer, Problem},
    responses::activity::ActivityAnswer,
    state::Api,
};

/// Pages of activities that one process reads at the same time. A page has up to a thousand offers: more of them would take
/// the connections that orders are placed and paid over.
static PAGES: Semaphore = Semaphore::const_new(4);
/// How long a page waits for its place.
const PATIENCE: Duration = Duration::from_secs(3);

async fn place_of_page() -> Answer<SemaphorePermit<'static>> {
    let overloaded = || Problem::new("overloaded", "Too many pages of promotions are being read; try again soon.");
    match tokio::time::timeout(PATIENCE, PAGES.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) | Err(_) => Err(overloaded()),
    }
}

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
