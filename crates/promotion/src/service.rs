//! What promotion offers to the API, the worker, and to placing an order (through a bridge in `sluice-app`).

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{OrderPaid, OrderRefunded};
use sluice_kernel::{
    ActivityId, CampaignId, Changed, Clock, InvalidField, OrderNo, Page, PageRequest, Precondition, ProductId, RefundState,
    StoreId, Timestamp,
};

use crate::{
    Activity, ActivityChange, ActivityFields, ActivityOffers, AddedOffer, Campaign, CampaignChange, CampaignFields, ChangeListener,
    Look, NewActivity, NewCampaign, NewOffer, Offer, OfferChange, OfferTerms, PromotionError, PromotionRepository, Redemption,
    ReferrerSeal,
    activity::{check_activity_change, check_new_activity},
    campaign::{check_campaign_change, check_new_campaign},
    check_promoter,
    offer::rules::{check_goods, check_terms, check_terms_change},
    redemption::redemption,
    window::{changed_window, check_window},
};

#[async_trait]
pub trait PromotionService: Send + Sync {
    async fn create_activity(&self, store: StoreId, activity: NewActivity) -> Result<Activity, PromotionError>;
    /// A change of the window may end the activity, or let it run again.
    async fn change_activity(
        &self,
        store: StoreId,
        id: ActivityId,
        from: Precondition,
        change: ActivityChange,
    ) -> Result<Activity, PromotionError>;
    /// All of the store's, newest first, for staff.
    async fn list_activities(&self, store: StoreId, page: PageRequest) -> Result<Page<Activity>, PromotionError>;
    /// In any state, with all its offers, deleted ones included.
    async fn activity(&self, store: StoreId, id: ActivityId) -> Result<ActivityOffers, PromotionError>;
    /// Running and coming ones, newest first, with the offers customers see.
    async fn open_activities(&self, store: StoreId, page: PageRequest) -> Result<Page<ActivityOffers>, PromotionError>;

    /// Makes a product with one SKU, a stock of zero, and the offer. Units come by stock adjustments alone.
    async fn add_offer(&self, store: StoreId, activity: ActivityId, offer: NewOffer) -> Result<Offer, PromotionError>;
    async fn offer(&self, store: StoreId, product: ProductId) -> Result<Offer, PromotionError>;
    /// A limit below what some users have taken is allowed; it leaves them no room.
    async fn change_offer(
        &self,
        store: StoreId,
        product: ProductId,
        from: Precondition,
        change: OfferChange,
    ) -> Result<Offer, PromotionError>;
    /// What placing an order needs to know.
    async fn look(&self, store: StoreId, activity: ActivityId, product: ProductId) -> Result<Look, PromotionError>;

    async fn create_campaign(&self, store: StoreId, campaign: NewCampaign) -> Result<Campaign, PromotionError>;
    async fn change_campaign(
        &self,
        store: StoreId,
        id: CampaignId,
        from: Precondition,
        change: CampaignChange,
    ) -> Result<Campaign, PromotionError>;
    async fn list_campaigns(&self, store: StoreId, page: PageRequest) -> Result<Page<Campaign>, PromotionError>;
    async fn campaign(&self, store: StoreId, id: CampaignId) -> Result<Campaign, PromotionError>;
    /// Campaigns that run or will run, oldest first.
    async fn campaigns_ahead(&self, store: StoreId) -> Result<Vec<Campaign>, PromotionError>;

    /// A sealed promotion parameter that names this promoter.
    async fn seal_referrer(&self, store: StoreId, promoter: &str) -> Result<String, PromotionError>;
    /// The promoter; `None` where the text is forged, foreign, or sealed under a key that is gone.
    fn open_referrer(&self, store: StoreId, sealed: &str) -> Option<String>;

    /// Takes over paid activity orders; orders of other kinds are passed over, repeated ones change nothing.
    async fn record_paid(&self, paid: &[OrderPaid]) -> Result<(), PromotionError>;
    /// Marks the redemptions of orders that were refunded in full.
    async fn record_refunded(&self, refunded: &[OrderRefunded]) -> Result<(), PromotionError>;
    /// By order, newest first, for staff.
    async fn redemptions(&self, store: StoreId, page: PageRequest) -> Result<Page<Redemption>, PromotionError>;
}

/// What the service stands on.
pub struct PromotionPorts {
    pub repository: Arc<dyn PromotionRepository>,
    pub seal: Arc<dyn ReferrerSeal>,
    pub listener: Arc<dyn ChangeListener>,
    pub clock: Arc<dyn Clock>,
}

/// The service over its ports.
pub struct Promotions(PromotionPorts);

/// Offers an activity may have: one page shows them all.
const MAX_OFFERS: u32 = 200;
/// Offers that a page of activities shows together: each costs a card and figures of stock.
const MAX_OFFERS_OF_PAGE: u32 = 1_000;
/// Campaigns ahead that placing looks at.
const MAX_CAMPAIGNS_AHEAD: u32 = 100;

impl Promotions {
    pub fn new(ports: PromotionPorts) -> Self {
        Self(ports)
    }
}

#[async_trait]
impl PromotionService for Promotions {
    async fn create_activity(&self, store: StoreId, activity: NewActivity) -> Result<Activity, PromotionError> {
        check_new_activity(&activity.fields)?;
        self.0.repository.create_activity(store, &activity).await?.ok_or(PromotionError::NotFound)
    }

    async fn change_activity(
        &self,
        store: StoreId,
        id: ActivityId,
        from: Precondition,
        change: ActivityChange,
    ) -> Result<Activity, PromotionError> {
        check_activity_change(&change)?;
        // What the change leaves out is taken from the version it was made from.
        let present = made_from(&from, self.activity(store, id).await?.activity, |activity| activity.version)?;
        let window = changed_window(present.window, change.starts_at, change.ends_at);
        let fields =
            ActivityFields { title: change.title.unwrap_or(present.title), window, mode: change.mode.unwrap_or(present.mode) };
        check_window(window)?;
        let saved = changed(self.0.repository.save_activity(store, id, present.version, &fields).await?)?;
        self.0.listener.revisions_raised(store).await;
        Ok(saved)
    }

    async fn list_activities(&self, store: StoreId, page: PageRequest) -> Result<Page<Activity>, PromotionError> {
        let rows = self.0.repository.list_activities(store, page).await?;
        Ok(Page::from_overfull(rows, page.limit, |activity| activity.id.0))
    }

    async fn activity(&self, store: StoreId, id: ActivityId) -> Result<ActivityOffers, PromotionError> {
        self.0.repository.find_activity(store, id).await?.ok_or(PromotionError::NotFound)
    }

    async fn open_activities(&self, store: StoreId, page: PageRequest) -> Result<Page<ActivityOffers>, PromotionError> {
        let (found, more) = self.0.repository.open_activities(store, self.0.clock.now(), page, MAX_OFFERS_OF_PAGE).await?;
        Ok(Page::ending_at_last(found, more, |found| found.activity.id.0))
    }

    async fn add_offer(&self, store: StoreId, activity: ActivityId, offer: NewOffer) -> Result<Offer, PromotionError> {
        check_goods(&offer.goods)?;
        check_terms(&offer.terms)?;
        match self.0.repository.add_offer(store, activity, &offer, MAX_OFFERS, self.0.clock.now()).await? {
            AddedOffer::Done(added) => {
                self.0.listener.revisions_raised(store).await;
                Ok(added)
            }
            AddedOffer::Full => Err(InvalidField::new("activity_id", format!("at most {MAX_OFFERS} products an activity")).into()),
            AddedOffer::ForeignPrice(currency) => Err(InvalidField::new("price", format!("the currency is {currency}")).into()),
            AddedOffer::Absent => Err(PromotionError::NotFound),
        }
    }

    async fn offer(&self, store: StoreId, product: ProductId) -> Result<Offer, PromotionError> {
        self.0.repository.find_offer(store, product).await?.ok_or(PromotionError::NotFound)
    }

    async fn change_offer(
        &self,
        store: StoreId,
        product: ProductId,
        from: Precondition,
        change: OfferChange,
    ) -> Result<Offer, PromotionError> {
        check_terms_change(&change)?;
        let present = made_from(&from, self.offer(store, product).await?, |offer| offer.version)?;
        let (version, present) = (present.version, present.terms);
        let terms = OfferTerms {
            mode: change.mode.unwrap_or(present.mode),
            discount: change.discount.unwrap_or(present.discount),
            sales_status: change.sales_status.unwrap_or(present.sales_status),
            per_user_limit: change.per_user_limit.unwrap_or(present.per_user_limit),
            deleted: change.deleted.unwrap_or(present.deleted),
        };
        let saved = changed(self.0.repository.save_offer(store, product, version, &terms).await?)?;
        self.0.listener.revisions_raised(store).await;
        Ok(saved)
    }

    async fn look(&self, store: StoreId, activity: ActivityId, product: ProductId) -> Result<Look, PromotionError> {
        Ok(self.0.repository.look(store, activity, product).await?)
    }

    async fn create_campaign(&self, store: StoreId, campaign: NewCampaign) -> Result<Campaign, PromotionError> {
        check_new_campaign(&campaign.fields)?;
        let created = self.0.repository.create_campaign(store, &campaign).await?;
        self.0.listener.campaigns_changed(store).await;
        Ok(created)
    }

    async fn change_campaign(
        &self,
        store: StoreId,
        id: CampaignId,
        from: Precondition,
        change: CampaignChange,
    ) -> Result<Campaign, PromotionError> {
        check_campaign_change(&change)?;
        let present = made_from(&from, self.campaign(store, id).await?, |campaign| campaign.version)?;
        let window = changed_window(present.window, change.starts_at, change.ends_at);
        let fields = CampaignFields { name: change.name.unwrap_or(present.name), window };
        check_window(window)?;
        let saved = changed(self.0.repository.save_campaign(store, id, present.version, &fields).await?)?;
        self.0.listener.campaigns_changed(store).await;
        Ok(saved)
    }

    async fn list_campaigns(&self, store: StoreId, page: PageRequest) -> Result<Page<Campaign>, PromotionError> {
        let rows = self.0.repository.list_campaigns(store, page).await?;
        Ok(Page::from_overfull(rows, page.limit, |campaign| campaign.id.0))
    }

    async fn campaign(&self, store: StoreId, id: CampaignId) -> Result<Campaign, PromotionError> {
        self.0.repository.find_campaign(store, id).await?.ok_or(PromotionError::NotFound)
    }

    async fn campaigns_ahead(&self, store: StoreId) -> Result<Vec<Campaign>, PromotionError> {
        Ok(self.0.repository.campaigns_ahead(store, self.0.clock.now(), MAX_CAMPAIGNS_AHEAD).await?)
    }

    async fn seal_referrer(&self, store: StoreId, promoter: &str) -> Result<String, PromotionError> {
        check_promoter(promoter)?;
        Ok(self.0.seal.seal(store, promoter)?)
    }

    fn open_referrer(&self, store: StoreId, sealed: &str) -> Option<String> {
        self.0.seal.open(store, sealed)
    }

    async fn record_paid(&self, paid: &[OrderPaid]) -> Result<(), PromotionError> {
        let redemptions: Vec<Redemption> =
            paid.iter().filter_map(|order| order.activity.as_ref().map(|part| redemption(order, part))).collect();
        if redemptions.is_empty() {
            return Ok(());
        }
        Ok(self.0.repository.record_redemptions(&redemptions).await?)
    }

    async fn record_refunded(&self, refunded: &[OrderRefunded]) -> Result<(), PromotionError> {
        let whole: Vec<(StoreId, OrderNo, Timestamp)> = refunded
            .iter()
            .filter(|order| order.activity.is_some() && order.refund_status == RefundState::Full)
            .map(|order| (order.store_id, order.order_no, order.at))
            .collect();
        if whole.is_empty() {
            return Ok(());
        }
        Ok(self.0.repository.mark_refunded(&whole).await?)
    }

    async fn redemptions(&self, store: StoreId, page: PageRequest) -> Result<Page<Redemption>, PromotionError> {
        let rows = self.0.repository.list_redemptions(store, page).await?;
        Ok(Page::from_overfull(rows, page.limit, |redemption| redemption.order_no.id()))
    }
}

fn changed<T>(outcome: Changed<T>) -> Result<T, PromotionError> {
    match outcome {
        Changed::Done(value) => Ok(value),
        Changed::Stale => Err(PromotionError::Stale),
        Changed::Absent => Err(PromotionError::NotFound),
    }
}

fn made_from<T>(from: &Precondition, present: T, version_of: impl Fn(&T) -> i64) -> Result<T, PromotionError> {
    if from.admits(version_of(&present)) { Ok(present) } else { Err(PromotionError::Stale) }
}
