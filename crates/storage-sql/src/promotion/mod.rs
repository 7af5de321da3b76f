//! Activities, offers, campaigns and redemptions. A change of an activity or offer raises the revision of the SKUs it
//! touches in one transaction. Locks are taken in the order activity → offer → product → SKUs → stock rows.
//!
//! Adding an offer writes to the catalog's tables as well: product, SKU, stock row and offer stand together or not at
//! all, and only this crate knows a transaction.

mod change;
mod create;
mod read;
mod redemption;
mod row;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sluice_kernel::{ActivityId, CampaignId, Changed, OrderNo, PageRequest, PortResult, ProductId, StoreId, Timestamp};
use sluice_promotion::{
    Activity, ActivityFields, ActivityOffers, AddedOffer, Campaign, CampaignFields, Look, NewActivity, NewCampaign, NewOffer,
    Offer, OfferTerms, PromotionRepository, Redemption,
};

use crate::{database::Database, error::IntoPort as _};

#[derive(Clone)]
pub struct SqlPromotionRepository {
    database: Database,
    outside_gate: bool,
}

impl SqlPromotionRepository {
    /// `outside_gate`: the stock gate is not in this database, so raised revisions are queued for it.
    pub fn new(database: Database, outside_gate: bool) -> Self {
        Self { database, outside_gate }
    }
}

#[async_trait]
impl PromotionRepository for SqlPromotionRepository {
    async fn create_activity(&self, store: StoreId, activity: &NewActivity) -> PortResult<Option<Activity>> {
        create::activity(&self.database, store, activity).await.into_port("creating an activity")
    }

    async fn save_activity(
        &self,
        store: StoreId,
        id: ActivityId,
        version: i64,
        fields: &ActivityFields,
    ) -> PortResult<Changed<Activity>> {
        let outside_gate = self.outside_gate;
        self.database
            .transact(move |unit, _| change::activity(unit, store, id, version, fields, outside_gate).boxed())
            .await
            .into_port("changing an activity")
    }

    async fn list_activities(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Activity>> {
        read::activities(&self.database, store, page).await.into_port("listing activities")
    }

    async fn open_activities(
        &self,
        store: StoreId,
        now: Timestamp,
        page: PageRequest,
        most_offers: u32,
    ) -> PortResult<(Vec<ActivityOffers>, bool)> {
        let open = read::open_activities(&self.database, store, now, page, most_offers).await;
        open.into_port("listing open activities")
    }

    async fn find_activity(&self, store: StoreId, id: ActivityId) -> PortResult<Option<ActivityOffers>> {
        read::activity(&self.database, store, id).await.into_port("reading an activity")
    }

    async fn add_offer(
        &self,
        store: StoreId,
        activity: ActivityId,
        offer: &NewOffer,
        most: u32,
        now: Timestamp,
    ) -> PortResult<AddedOffer> {
        let outside_gate = self.outside_gate;
        self.database
            .transact(move |unit, _| create::offer(unit, store, activity, offer, most, now, outside_gate).boxed())
            .await
            .into_port("adding an offer")
    }

    async fn find_offer(&self, store: StoreId, product: ProductId) -> PortResult<Option<Offer>> {
        read::offer(&self.database, store, product).await.into_port("reading an offer")
    }

    async fn save_offer(&self, store: StoreId, product: ProductId, version: i64, terms: &OfferTerms) -> PortResult<Changed<Offer>> {
        let outside_gate = self.outside_gate;
        self.database
            .transact(move |unit, _| change::offer(unit, store, product, version, terms, outside_gate).boxed())
            .await
            .into_port("changing an offer")
    }

    async fn look(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<Look> {
        read::activity_and_offer(&self.database, store, activity, product).await.into_port("reading an offer with its activity")
    }

    async fn create_campaign(&self, store: StoreId, campaign: &NewCampaign) -> PortResult<Campaign> {
        create::campaign(&self.database, store, campaign).await.into_port("creating a campaign")
    }

    async fn save_campaign(
        &self,
        store: StoreId,
        id: CampaignId,
        version: i64,
        fields: &CampaignFields,
    ) -> PortResult<Changed<Campaign>> {
        self.database
            .transact(move |unit, _| change::campaign(unit, store, id, version, fields).boxed())
            .await
            .into_port("changing a campaign")
    }

    async fn list_campaigns(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Campaign>> {
        read::campaigns(&self.database, store, page).await.into_port("listing campaigns")
    }

    async fn find_campaign(&self, store: StoreId, id: CampaignId) -> PortResult<Option<Campaign>> {
        read::campaign(&self.database, store, id).await.into_port("reading a campaign")
    }

    async fn campaigns_ahead(&self, store: StoreId, now: Timestamp, most: u32) -> PortResult<Vec<Campaign>> {
        read::campaigns_ahead(&self.database, store, now, most).await.into_port("reading campaigns")
    }

    async fn record_redemptions(&self, redemptions: &[Redemption]) -> PortResult<()> {
        self.database
            .transact(move |unit, _| redemption::record(unit, redemptions).boxed())
            .await
            .into_port("recording redemptions")
    }

    async fn mark_refunded(&self, refunds: &[(StoreId, OrderNo, Timestamp)]) -> PortResult<()> {
        self.database
            .transact(move |unit, _| redemption::mark_refunded(unit, refunds).boxed())
            .await
            .into_port("marking redemptions")
    }

    async fn list_redemptions(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Redemption>> {
        redemption::list(&self.database, store, page).await.into_port("listing redemptions")
    }
}
