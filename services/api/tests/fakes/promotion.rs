//! One activity with the catalog's product as its offer, and one campaign, each with a version that counts changes.

use std::sync::Mutex;

use async_trait::async_trait;
use sluice_events::{OrderPaid, OrderRefunded};
use sluice_kernel::{
    ActivityId, CampaignId, Currency, InvalidField, Money, OrderNo, Page, PageRequest, Points, Precondition, ProductId, SkuId,
    StoreId, Timestamp, UserId,
};
use sluice_promotion::{
    Activity, ActivityChange, ActivityOffers, Campaign, CampaignChange, Look, Mode, NewActivity, NewCampaign, NewOffer, Offer,
    OfferChange, OfferTerms, PromotionError, PromotionService, Redemption, SalesStatus, Window,
};

pub struct FakePromotion {
    activity: Mutex<Activity>,
    offer: Mutex<Offer>,
    campaign: Mutex<Campaign>,
    pub added: Mutex<Vec<NewOffer>>,
}

const STORE: StoreId = StoreId(1);

fn window() -> Window {
    // 2020 to 2100.
    Window { starts_at: Timestamp::from_millis(1_577_836_800_000), ends_at: Timestamp::from_millis(4_102_444_800_000) }
}

impl Default for FakePromotion {
    fn default() -> Self {
        let activity = Activity {
            id: ActivityId(1),
            store_id: STORE,
            title: "Sale".to_owned(),
            window: window(),
            mode: Mode::Cash,
            version: 1,
        };
        let terms = OfferTerms {
            mode: None,
            discount: "0.8".parse().unwrap(),
            sales_status: SalesStatus::Promotion,
            per_user_limit: None,
            deleted: false,
        };
        let offer = Offer { product_id: ProductId(1), activity_id: activity.id, sku_id: SkuId(1), terms, version: 1 };
        let campaign = Campaign { id: CampaignId(1), store_id: STORE, name: "Invite".to_owned(), window: window(), version: 1 };
        Self { activity: activity.into(), offer: offer.into(), campaign: campaign.into(), added: Mutex::default() }
    }
}

fn known<T>(found: bool, value: T) -> Result<T, PromotionError> {
    if found { Ok(value) } else { Err(PromotionError::NotFound) }
}

fn checked(window: Window) -> Result<Window, PromotionError> {
    if window.starts_at <= window.ends_at {
        return Ok(window);
    }
    Err(InvalidField::new("ends_at", "not before starts_at").into())
}

#[async_trait]
impl PromotionService for FakePromotion {
    async fn create_activity(&self, _: StoreId, new: NewActivity) -> Result<Activity, PromotionError> {
        checked(new.fields.window)?;
        let fields = new.fields;
        let mut activity = self.activity.lock().unwrap();
        *activity = Activity { title: fields.title, window: fields.window, mode: fields.mode, ..activity.clone() };
        Ok(activity.clone())
    }

    async fn change_activity(
        &self,
        store: StoreId,
        id: ActivityId,
        from: Precondition,
        change: ActivityChange,
    ) -> Result<Activity, PromotionError> {
        let mut activity = self.activity.lock().unwrap();
        known((store, id) == (STORE, activity.id), ())?;
        if !from.admits(activity.version) {
            return Err(PromotionError::Stale);
        }
        let starts_at = change.starts_at.unwrap_or(activity.window.starts_at);
        activity.window = checked(Window { starts_at, ends_at: change.ends_at.unwrap_or(activity.window.ends_at) })?;
        activity.title = change.title.unwrap_or_else(|| activity.title.clone());
        activity.mode = change.mode.unwrap_or(activity.mode);
        activity.version += 1;
        Ok(activity.clone())
    }

    async fn list_activities(&self, _: StoreId, page: PageRequest) -> Result<Page<Activity>, PromotionError> {
        Ok(Page::from_overfull(vec![self.activity.lock().unwrap().clone()], page.limit, |activity| activity.id.0))
    }

    async fn activity(&self, store: StoreId, id: ActivityId) -> Result<ActivityOffers, PromotionError> {
        let activity = self.activity.lock().unwrap().clone();
        let offers = vec![*self.offer.lock().unwrap()];
        known((store, id) == (STORE, activity.id), ActivityOffers { activity, offers })
    }

    async fn open_activities(&self, store: StoreId, page: PageRequest) -> Result<Page<ActivityOffers>, PromotionError> {
        let found = self.activity(store, ActivityId(1)).await?;
        Ok(Page::from_overfull(vec![found], page.limit, |found| found.activity.id.0))
    }

    async fn add_offer(&self, store: StoreId, activity: ActivityId, offer: NewOffer) -> Result<Offer, PromotionError> {
        known((store, activity) == (STORE, ActivityId(1)), ())?;
        if offer.terms.per_user_limit == Some(0) {
            return Err(InvalidField::new("per_user_limit", "from 1").into());
        }
        self.added.lock().unwrap().push(offer);
        Ok(*self.offer.lock().unwrap())
    }

    async fn offer(&self, store: StoreId, product: ProductId) -> Result<Offer, PromotionError> {
        known((store, product) == (STORE, ProductId(1)), *self.offer.lock().unwrap())
    }

    async fn change_offer(
        &self,
        store: StoreId,
        product: ProductId,
        from: Precondition,
        change: OfferChange,
    ) -> Result<Offer, PromotionError> {
        let present = self.offer(store, product).await?;
        if !from.admits(present.version) {
            return Err(PromotionError::Stale);
        }
        let terms = OfferTerms {
            mode: change.mode.unwrap_or(present.terms.mode),
            discount: change.discount.unwrap_or(present.terms.discount),
            sales_status: change.sales_status.unwrap_or(present.terms.sales_status),
            per_user_limit: change.per_user_limit.unwrap_or(present.terms.per_user_limit),
            deleted: change.deleted.unwrap_or(present.terms.deleted),
        };
        let changed = Offer { terms, version: present.version + 1, ..present };
        *self.offer.lock().unwrap() = changed;
        Ok(changed)
    }

    async fn look(&self, _: StoreId, _: ActivityId, _: ProductId) -> Result<Look, PromotionError> {
        Ok(Look { activity: None, offer: None })
    }

    async fn create_campaign(&self, _: StoreId, new: NewCampaign) -> Result<Campaign, PromotionError> {
        checked(new.fields.window)?;
        let campaign = self.campaign.lock().unwrap().clone();
        Ok(Campaign { name: new.fields.name, window: new.fields.window, ..campaign })
    }

    async fn change_campaign(
        &self,
        store: StoreId,
        id: CampaignId,
        from: Precondition,
        change: CampaignChange,
    ) -> Result<Campaign, PromotionError> {
        let mut campaign = self.campaign.lock().unwrap();
        known((store, id) == (STORE, campaign.id), ())?;
        if !from.admits(campaign.version) {
            return Err(PromotionError::Stale);
        }
        campaign.name = change.name.unwrap_or_else(|| campaign.name.clone());
        campaign.version += 1;
        Ok(campaign.clone())
    }

    async fn list_campaigns(&self, _: StoreId, page: PageRequest) -> Result<Page<Campaign>, PromotionError> {
        Ok(Page::from_overfull(vec![self.campaign.lock().unwrap().clone()], page.limit, |campaign| campaign.id.0))
    }

    async fn campaign(&self, store: StoreId, id: CampaignId) -> Result<Campaign, PromotionError> {
        let campaign = self.campaign.lock().unwrap().clone();
        known((store, id) == (STORE, campaign.id), campaign)
    }

    async fn campaigns_ahead(&self, _: StoreId) -> Result<Vec<Campaign>, PromotionError> {
        Ok(Vec::new())
    }

    async fn seal_referrer(&self, store: StoreId, promoter: &str) -> Result<String, PromotionError> {
        Ok(format!("k.{store}-{promoter}"))
    }

    fn open_referrer(&self, _: StoreId, _: &str) -> Option<String> {
        None
    }

    async fn record_paid(&self, _: &[OrderPaid]) -> Result<(), PromotionError> {
        Ok(())
    }

    async fn record_refunded(&self, _: &[OrderRefunded]) -> Result<(), PromotionError> {
        Ok(())
    }

    async fn redemptions(&self, store: StoreId, page: PageRequest) -> Result<Page<Redemption>, PromotionError> {
        let redemption = Redemption {
            order_no: OrderNo::from_id(1),
            store_id: store,
            user_id: UserId::from("42"),
            activity_id: ActivityId(1),
            product_id: ProductId(1),
            quantity: 2,
            cash: Money::new(3_184, Currency::CNY),
            points: Points(0),
            promoter: Some("p-7".to_owned()),
            unit_profit: 150,
            total_profit: 300,
            campaign_id: None,
            at: Timestamp::from_millis(1_795_305_600_000),
            refunded_at: None,
        };
        Ok(Page::from_overfull(vec![redemption], page.limit, |redemption| redemption.order_no.id()))
    }
}
