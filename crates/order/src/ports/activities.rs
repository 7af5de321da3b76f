//! Activities, their offers and what the store says about them, as placing sees them.

use std::sync::Arc;

use async_trait::async_trait;
use rust_decimal::Decimal;
use sluice_kernel::{ActivityId, CampaignId, Currency, PayType, PortResult, ProductId, StoreId, Window};

use crate::ShelfCard;

/// An offer as placing needs it. Any change of the offer or its activity raises `shelf.revision`, which the gate compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferCard {
    pub shelf: ShelfCard,
    /// The mode that applies: the product's own, else the activity's.
    pub mode: PayType,
    /// The discount that applies, in (0, 1]; 1 in plain sale.
    pub discount: Decimal,
    /// 0 physical, 1–4 virtual.
    pub receiving_way: u8,
    /// The customer's own product identifier, told to partners.
    pub customer_product_id: Option<Arc<str>>,
    /// Units a user may take of it, over all orders.
    pub most_units: Option<i64>,
}

/// What the store says about activity orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRules {
    pub currency: Currency,
    pub special: bool,
    /// `[a, b]`: b points are worth a major units.
    pub points_to_cash_ratio: Option<[i64; 2]>,
    pub h5_redirect_type: Option<String>,
    /// Invitation campaigns that run or will run, oldest first.
    pub campaigns: Vec<(CampaignId, Window)>,
}

/// What was found of an activity and one of its products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferLookup {
    /// `None`: the store has no such activity.
    pub window: Option<Window>,
    /// `None`: unknown, deleted, unlisted, or of another activity.
    pub offer: Option<Arc<OfferCard>>,
    pub store: Arc<StoreRules>,
}

/// Activities, offers, the store's rules and sealed referrers, as placing sees them.
#[async_trait]
pub trait Activities: Send + Sync {
    /// May answer from a cache: the gate compares revisions.
    async fn find_offer(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<OfferLookup>;
    /// As [`Activities::find_offer`], by a read that began after this call: a change that somebody knows of is always seen.
    async fn read_offer(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<OfferLookup>;
    /// Forgets what is cached of these, after the gate refused them.
    async fn forget(&self, store: StoreId, activity: ActivityId, product: ProductId);
    /// The promoter a sealed referrer names; `None` where it is forged, foreign, or sealed under a key that is gone.
    fn open_referrer(&self, store: StoreId, sealed: &str) -> Option<String>;
}
