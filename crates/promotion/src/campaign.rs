//! Invitation campaigns: what they are, and what staff may write.

use sluice_kernel::{CampaignId, StoreId, Timestamp};

use crate::{PromotionError, Window, fields::check_text, window::check_window};

/// An invitation campaign of a store: orders placed while it runs keep its id (spec.md S1 rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub store_id: StoreId,
    pub name: String,
    pub window: Window,
    /// Counts changes, for If-Match.
    pub version: i64,
}

/// What staff may change of a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignFields {
    pub name: String,
    pub window: Window,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCampaign {
    pub fields: CampaignFields,
}

/// Fields that are `Some` replace what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignChange {
    pub name: Option<String>,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
}

pub(crate) fn check_campaign(fields: &CampaignFields) -> Result<(), PromotionError> {
    check_text("name", &fields.name, 200)?;
    check_window(fields.window)
}
