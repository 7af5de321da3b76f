//! Order finds offers through a process cache: whether they stand by promotion, what they are and cost by the catalog.
//!
//! A cached offer may be stale: the gate compares the revision it was read at with the present one, and every change of the
//! activity, the offer, the product or the SKU raises it. Offer and card are read one after the other; where their
//! revisions differ the older one stands in the answer, so that the gate sends such a placement back. Only whole offers are
//! kept, since what is missing has no revision. The store's rules have none either: they are kept for a second at most.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use moka::future;
use sluice_catalog::{CatalogError, CatalogService, SkuCard};
use sluice_kernel::{ActivityId, Classified as _, Currency, PortError, PortResult, ProductId, StoreId};
use sluice_order::{Activities, OfferCard, OfferLookup, ShelfCard, StoreRules};
use sluice_promotion::{Activity, Offer, PromotionService};

use super::{offer_cache::OfferCache, order_to_catalog::shelf_card};

/// What a store says about activity orders, kept for a second.
pub struct RulesCache(future::Cache<StoreId, Arc<StoreRules>>);

const RULES_LIFE: Duration = Duration::from_secs(1);
const MAX_STORES: u64 = 10_000;

impl Default for RulesCache {
    fn default() -> Self {
        Self(future::Cache::builder().max_capacity(MAX_STORES).time_to_live(RULES_LIFE).build())
    }
}

impl RulesCache {
    pub async fn forget(&self, store: StoreId) {
        self.0.invalidate(&store).await;
    }
}

pub struct OrderToPromotion {
    promotion: Arc<dyn PromotionService>,
    catalog: Arc<dyn CatalogService>,
    rules: Arc<RulesCache>,
    offers: OfferCache,
}

impl OrderToPromotion {
    pub fn new(promotion: Arc<dyn PromotionService>, catalog: Arc<dyn CatalogService>, rules: Arc<RulesCache>) -> Self {
        Self { promotion, catalog, rules, offers: OfferCache::default() }
    }

    /// One reads for all that ask at the same moment.
    async fn rules(&self, store: StoreId) -> PortResult<Arc<StoreRules>> {
        let found = self.rules.0.try_get_with(store, self.read_rules(store)).await;
        found.map_err(|error: Arc<PortError>| {
            if error.kind().is_transient() {
                PortError::unavailable("the store's rules", error)
            } else {
                PortError::internal("reading the store's rules", error)
            }
        })
    }

    async fn read_rules(&self, store: StoreId) -> PortResult<Arc<StoreRules>> {
        let (currency, settings) = match self.catalog.store(store).await {
            Ok(found) => (found.currency, found.settings),
            // A token may name a store that is not set up yet: it has no activity either.
            Err(CatalogError::NotFound) => (Currency::CNY, sluice_catalog::StoreSettings::default()),
            Err(error) => return Err(super::port_error("the store", error)),
        };
        let ahead = self.promotion.campaigns_ahead(store).await.map_err(|error| super::port_error("the campaigns", error))?;
        Ok(Arc::new(StoreRules {
            currency,
            special: settings.special,
            points_to_cash_ratio: settings.points_to_cash_ratio,
            h5_redirect_type: settings.h5_redirect_type,
            campaigns: ahead.iter().map(|campaign| (campaign.id, campaign.window)).collect(),
        }))
    }

    async fn card(&self, store: StoreId, offer: &Offer) -> PortResult<Option<SkuCard>> {
        let cards = self.catalog.cards(store, &[offer.sku_id]).await;
        let mut cards = cards.map_err(|error| super::port_error("the catalog", error))?;
        Ok(cards.remove(&offer.sku_id).filter(|card| card.buyable))
    }
}

#[async_trait]
impl Activities for OrderToPromotion {
    async fn find_offer(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<OfferLookup> {
        let rules = self.rules(store).await?;
        let key = (store, activity, product);
        if let Some((window, offer)) = self.offers.get(&key) {
            return Ok(OfferLookup { window: Some(window), offer: Some(offer), store: rules });
        }
        let looked = self.promotion.look(store, activity, product).await;
        let looked = looked.map_err(|error| super::port_error("the activity", error))?;
        let Some(activity) = looked.activity else {
            return Ok(OfferLookup { window: None, offer: None, store: rules });
        };
        let window = activity.window;
        let incomplete = OfferLookup { window: Some(window), offer: None, store: rules.clone() };
        let Some((offer, revision)) = looked.offer else { return Ok(incomplete) };
        let Some(card) = self.card(store, &offer).await? else { return Ok(incomplete) };
        let unchanged = card.revision == revision;
        let card = Arc::new(offer_card(&activity, &offer, revision, card));
        if unchanged {
            self.offers.keep(key, window, card.clone());
        }
        Ok(OfferLookup { window: Some(window), offer: Some(card), store: rules })
    }

    async fn read_offer(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<OfferLookup> {
        let read = async {
            self.forget(store, activity, product).await;
            self.find_offer(store, activity, product).await
        };
        self.offers.read_once((store, activity, product), read).await
    }

    async fn forget(&self, store: StoreId, activity: ActivityId, product: ProductId) {
        self.offers.forget(&(store, activity, product));
        self.rules.forget(store).await;
    }

    fn open_referrer(&self, store: StoreId, sealed: &str) -> Option<String> {
        self.promotion.open_referrer(store, sealed)
    }
}

fn offer_card(activity: &Activity, offer: &Offer, revision: i64, card: SkuCard) -> OfferCard {
    OfferCard {
        mode: offer.mode(activity),
        discount: offer.discount().get(),
        receiving_way: card.receiving_way.get(),
        customer_product_id: card.customer_product_id.clone(),
        most_units: offer.terms.per_user_limit,
        // The older of the two: whatever changed in between, the gate knows a newer one.
        shelf: ShelfCard { buyable: card.buyable, revision: revision.min(card.revision), ..shelf_card(card) },
    }
}

#[cfg(test)]
#[path = "order_to_promotion_tests.rs"]
mod tests;
