//! The promotion context: activities and their offers, invitation campaigns, sealed referrers, redemptions.
//!
//! Contract: docs/domain.md S1. An *activity* is a discount promotion of one store in a time window. An *offer* is a product of
//! one activity with its own discount; what it is and costs stands in the catalog, its units in the inventory. Placing an
//! order looks here ([`PromotionService::look`]) and is decided at the stock gate: every change of an activity or offer
//! raises the revision of the SKUs it touches, so an order is never taken under terms that have changed.
//! What is deliberately absent: how often a user has redeemed; that is counted at the gate, in the step that takes the
//! stock.

mod activity;
mod campaign;
mod error;
mod offer;
mod ports;
mod redemption;
mod referrer;
mod service;
#[cfg(feature = "testing")]
pub mod testing;
mod window;

pub use activity::{Activity, ActivityChange, ActivityFields, Mode, NewActivity};
pub use campaign::{Campaign, CampaignChange, CampaignFields, NewCampaign};
pub use error::PromotionError;
pub use offer::{
    ActivityOffers, Discount, Look, NewOffer, NotADiscount, Offer, OfferChange, OfferField, OfferGoods, OfferTerms, SalesStatus,
};
pub use ports::{AddedOffer, ChangeListener, PromotionRepository, ReferrerSeal};
pub use redemption::Redemption;
pub use referrer::check_promoter;
pub use service::{PromotionPorts, PromotionService, Promotions};
pub use sluice_kernel::Window;
