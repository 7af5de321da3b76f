//! What promotion needs from others.

use async_trait::async_trait;
use sluice_kernel::{ActivityId, CampaignId, Changed, Currency, OrderNo, PageRequest, PortResult, ProductId, StoreId, Timestamp};

use crate::{
    Activity, ActivityFields, ActivityOffers, Campaign, CampaignFields, Look, NewActivity, NewCampaign, NewOffer, Offer,
    OfferTerms, Redemption,
};

/// Outcome of adding an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddedOffer {
    Done(Offer),
    /// The activity has as many offers as it may have.
    Full,
    /// The price was given in another currency than the store's, which this is.
    ForeignPrice(Currency),
    /// The store has no such activity.
    Absent,
}

/// Every change of an activity or offer raises the revision of the SKUs it touches in the same transaction, in the
/// catalog and at the stock row, and tells the stock gate through its effects queue: a placement that was priced before
/// is sent back by the gate.
#[async_trait]
pub trait PromotionRepository: Send + Sync {
    /// `None` where the store is not set up.
    async fn create_activity(&self, store: StoreId, activity: &NewActivity) -> PortResult<Option<Activity>>;
    async fn save_activity(
        &self,
        store: StoreId,
        id: ActivityId,
        version: i64,
        fields: &ActivityFields,
    ) -> PortResult<Changed<Activity>>;
    /// Newest first, up to `limit + 1`.
    async fn list_activities(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Activity>>;
    /// Those that end at `now` or later, newest first, without deleted offers, and whether there are more. The page ends
    /// before its limit where its activities would have more than `most_offers` offers together, but never before its
    /// first.
    async fn open_activities(
        &self,
        store: StoreId,
        now: Timestamp,
        page: PageRequest,
        most_offers: u32,
    ) -> PortResult<(Vec<ActivityOffers>, bool)>;
    /// With its offers, deleted ones included.
    async fn find_activity(&self, store: StoreId, id: ActivityId) -> PortResult<Option<ActivityOffers>>;

    /// Product, SKU, stock row of zero units and offer in one transaction; at most `most` offers an activity, deleted
    /// ones included.
    async fn add_offer(
        &self,
        store: StoreId,
        activity: ActivityId,
        offer: &NewOffer,
        most: u32,
        now: Timestamp,
    ) -> PortResult<AddedOffer>;
    async fn find_offer(&self, store: StoreId, product: ProductId) -> PortResult<Option<Offer>>;
    async fn save_offer(&self, store: StoreId, product: ProductId, version: i64, terms: &OfferTerms) -> PortResult<Changed<Offer>>;
    /// Activity, offer and the revision of its SKU at one instant; deleted offers are absent.
    async fn look(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<Look>;

    async fn create_campaign(&self, store: StoreId, campaign: &NewCampaign) -> PortResult<Campaign>;
    async fn save_campaign(
        &self,
        store: StoreId,
        id: CampaignId,
        version: i64,
        fields: &CampaignFields,
    ) -> PortResult<Changed<Campaign>>;
    /// Newest first, up to `limit + 1`.
    async fn list_campaigns(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Campaign>>;
    async fn find_campaign(&self, store: StoreId, id: CampaignId) -> PortResult<Option<Campaign>>;
    /// Those that end at `now` or later, oldest first, at most `most`.
    async fn campaigns_ahead(&self, store: StoreId, now: Timestamp, most: u32) -> PortResult<Vec<Campaign>>;

    /// Each once, by its order. One whose refund was told before keeps it.
    async fn record_redemptions(&self, redemptions: &[Redemption]) -> PortResult<()>;
    /// Order and instant; an order whose redemption is not recorded yet is marked all the same, and shown once it is.
    async fn mark_refunded(&self, refunds: &[(StoreId, OrderNo, Timestamp)]) -> PortResult<()>;
    /// By order, newest first, up to `limit + 1`.
    async fn list_redemptions(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Redemption>>;
}

/// Sealed promotion parameters: authenticated encryption, bound to the store.
pub trait ReferrerSeal: Send + Sync {
    /// A text that only `open` under one of the same keys can read.
    fn seal(&self, store: StoreId, promoter: &str) -> PortResult<String>;
    /// `None` where it is forged, cut, of another store, or sealed under a key that is gone.
    fn open(&self, store: StoreId, sealed: &str) -> Option<String>;
}

/// Hears of committed changes before staff are answered. Never fails: what it does only shortens a delay.
#[async_trait]
pub trait ChangeListener: Send + Sync {
    /// Revisions of SKUs were raised.
    async fn revisions_raised(&self, store: StoreId);
    async fn campaigns_changed(&self, store: StoreId);
}
