//! What promotion offers to the API, the worker, and to placing an order (through a bridge in `sluice-app`).

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{ActivityOrder, OrderPaid, OrderRefunded};
use sluice_kernel::{
    ActivityId, CampaignId, Clock, OrderNo, Page, PageRequest, ProductId, RefundState, StoreId, Timestamp, text::is_visible,
};

use crate::{
    Activity, ActivityChange, ActivityFields, ActivityOffers, AddedOffer, Campaign, CampaignChange, CampaignFields, ChangeListener,
    Changed, Look, NewActivity, NewCampaign, NewOffer, Offer, OfferChange, OfferGoods, OfferTerms, PromotionError,
    PromotionRepository, Redemption, ReferrerSeal, Window,
};

#[async_trait]
pub trait PromotionService: Send + Sync {
    async fn create_activity(&self, store: StoreId, activity: NewActivity) -> Result<Activity, PromotionError>;
    /// A change of the window may end the activity, or let it run again.
    async fn change_activity(
        &self,
        store: StoreId,
        id: ActivityId,
        version: i64,
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
        version: i64,
        change: OfferChange,
    ) -> Result<Offer, PromotionError>;
    /// What placing an order needs to know.
    async fn look(&self, store: StoreId, activity: ActivityId, product: ProductId) -> Result<Look, PromotionError>;

    async fn create_campaign(&self, store: StoreId, campaign: NewCampaign) -> Result<Campaign, PromotionError>;
    async fn change_campaign(
        &self,
        store: StoreId,
        id: CampaignId,
        version: i64,
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
const MOST_OFFERS: u32 = 200;
/// Offers that a page of activities shows together: each costs a card and figures of stock.
const MAX_OFFERS_OF_PAGE: u32 = 1_000;
/// Campaigns ahead that placing looks at.
const MOST_CAMPAIGNS_AHEAD: u32 = 100;
const MOST_PER_USER: i64 = 1_000_000;

impl Promotions {
    pub fn new(ports: PromotionPorts) -> Self {
        Self(ports)
    }
}

#[async_trait]
impl PromotionService for Promotions {
    async fn create_activity(&self, store: StoreId, activity: NewActivity) -> Result<Activity, PromotionError> {
        check_activity(&activity.fields)?;
        Ok(self.0.repository.create_activity(store, &activity).await?)
    }

    async fn change_activity(
        &self,
        store: StoreId,
        id: ActivityId,
        version: i64,
        change: ActivityChange,
    ) -> Result<Activity, PromotionError> {
        // What the change leaves out is taken from the version it was made from.
        let present = made_from(version, self.activity(store, id).await?.activity, |activity| activity.version)?;
        let window = changed_window(present.window, change.starts_at, change.ends_at);
        let fields =
            ActivityFields { title: change.title.unwrap_or(present.title), window, mode: change.mode.unwrap_or(present.mode) };
        check_activity(&fields)?;
        let saved = changed(self.0.repository.save_activity(store, id, version, &fields).await?)?;
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
        match self.0.repository.add_offer(store, activity, &offer, MOST_OFFERS, self.0.clock.now()).await? {
            AddedOffer::Done(added) => {
                self.0.listener.revisions_raised(store).await;
                Ok(added)
            }
            AddedOffer::Full => Err(invalid("activity_id", format!("at most {MOST_OFFERS} products an activity"))),
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
        version: i64,
        change: OfferChange,
    ) -> Result<Offer, PromotionError> {
        let present = made_from(version, self.offer(store, product).await?, |offer| offer.version)?.terms;
        let terms = OfferTerms {
            mode: change.mode.unwrap_or(present.mode),
            discount: change.discount.unwrap_or(present.discount),
            sales_status: change.sales_status.unwrap_or(present.sales_status),
            per_user_limit: change.per_user_limit.unwrap_or(present.per_user_limit),
            deleted: change.deleted.unwrap_or(present.deleted),
        };
        check_terms(&terms)?;
        let saved = changed(self.0.repository.save_offer(store, product, version, &terms).await?)?;
        self.0.listener.revisions_raised(store).await;
        Ok(saved)
    }

    async fn look(&self, store: StoreId, activity: ActivityId, product: ProductId) -> Result<Look, PromotionError> {
        Ok(self.0.repository.look(store, activity, product).await?)
    }

    async fn create_campaign(&self, store: StoreId, campaign: NewCampaign) -> Result<Campaign, PromotionError> {
        check_campaign(&campaign.fields)?;
        let created = self.0.repository.create_campaign(store, &campaign).await?;
        self.0.listener.campaigns_changed(store).await;
        Ok(created)
    }

    async fn change_campaign(
        &self,
        store: StoreId,
        id: CampaignId,
        version: i64,
        change: CampaignChange,
    ) -> Result<Campaign, PromotionError> {
        let present = made_from(version, self.campaign(store, id).await?, |campaign| campaign.version)?;
        let window = changed_window(present.window, change.starts_at, change.ends_at);
        let fields = CampaignFields { name: change.name.unwrap_or(present.name), window };
        check_campaign(&fields)?;
        let saved = changed(self.0.repository.save_campaign(store, id, version, &fields).await?)?;
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
        Ok(self.0.repository.campaigns_ahead(store, self.0.clock.now(), MOST_CAMPAIGNS_AHEAD).await?)
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

fn redemption(order: &OrderPaid, part: &ActivityOrder) -> Redemption {
    Redemption {
        order_no: order.order_no,
        store_id: order.store_id,
        user_id: order.user_id.clone(),
        activity_id: part.activity_id,
        product_id: part.product_id,
        quantity: part.quantity,
        cash: order.total,
        points: order.points_total,
        promoter: part.promoter.clone(),
        unit_profit: part.unit_profit,
        total_profit: part.total_profit,
        campaign_id: part.campaign_id,
        at: order.paid_at,
        refunded_at: None,
    }
}

fn changed<T>(outcome: Changed<T>) -> Result<T, PromotionError> {
    match outcome {
        Changed::Done(value) => Ok(value),
        Changed::Stale => Err(PromotionError::Stale),
        Changed::Absent => Err(PromotionError::NotFound),
    }
}

fn made_from<T>(version: i64, present: T, version_of: impl Fn(&T) -> i64) -> Result<T, PromotionError> {
    if version_of(&present) == version { Ok(present) } else { Err(PromotionError::Stale) }
}

fn changed_window(present: Window, starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) -> Window {
    Window { starts_at: starts_at.unwrap_or(present.starts_at), ends_at: ends_at.unwrap_or(present.ends_at) }
}

fn invalid(field: &'static str, reason: impl Into<String>) -> PromotionError {
    PromotionError::InvalidField { field, reason: reason.into() }
}

fn check_activity(fields: &ActivityFields) -> Result<(), PromotionError> {
    check_text("title", &fields.title, 200)?;
    check_window(fields.window)
}

fn check_campaign(fields: &CampaignFields) -> Result<(), PromotionError> {
    check_text("name", &fields.name, 200)?;
    check_window(fields.window)
}

fn check_window(window: Window) -> Result<(), PromotionError> {
    if window.starts_at > window.ends_at {
        return Err(invalid("ends_at", "not before starts_at"));
    }
    Ok(())
}

fn check_terms(terms: &OfferTerms) -> Result<(), PromotionError> {
    if terms.per_user_limit.is_some_and(|limit| !(1..=MOST_PER_USER).contains(&limit)) {
        return Err(invalid("per_user_limit", format!("from 1 to {MOST_PER_USER} units, or none")));
    }
    Ok(())
}

fn check_goods(goods: &OfferGoods) -> Result<(), PromotionError> {
    check_text("title", &goods.title, 200)?;
    check_text("delivery_place", &goods.delivery_place, 64)?;
    check_text("code", &goods.code, 64)?;
    check_length("spec", &goods.spec, 200)?;
    goods.customer_product_id.as_deref().map_or(Ok(()), |id| check_text("customer_product_id", id, 64))?;
    if goods.pictures.len() > 20 {
        return Err(invalid("pictures", "at most 20 pictures"));
    }
    goods.pictures.iter().try_for_each(|picture| check_text("pictures", picture, 500))?;
    if goods.receiving_way > 4 {
        return Err(invalid("receiving_way", "from 0 to 4"));
    }
    for (field, amount) in [
        ("price", goods.price),
        ("points", goods.points),
        ("allotable_profit", goods.allotable_profit),
        ("supplier_price", goods.supplier_price),
    ] {
        if !(0..=MOST_AMOUNT).contains(&amount) {
            return Err(invalid(field, format!("from 0 to {MOST_AMOUNT}")));
        }
    }
    Ok(())
}

/// A trillion, as in the catalog.
const MOST_AMOUNT: i64 = 1_000_000_000_000;

/// A promoter's name: 1 to 64 characters, so that its sealed form stays within 512.
pub fn check_promoter(promoter: &str) -> Result<(), PromotionError> {
    check_text("promoter", promoter, 64)
}

fn check_text(field: &'static str, text: &str, most: usize) -> Result<(), PromotionError> {
    if !is_visible(text) {
        return Err(invalid(field, "must not be empty"));
    }
    check_length(field, text, most)
}

fn check_length(field: &'static str, text: &str, most: usize) -> Result<(), PromotionError> {
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "control characters are not allowed"));
    }
    if text.chars().count() > most {
        return Err(invalid(field, format!("at most {most} characters")));
    }
    Ok(())
}
