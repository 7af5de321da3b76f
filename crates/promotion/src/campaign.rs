//! Invitation campaigns: what they are, and what staff may write.

use sluice_kernel::{CampaignId, StoreId, Timestamp, check};

use crate::{Window, window::check_window};

/// An invitation campaign of a store: orders placed while it runs keep its id (docs/domain.md S1 rule 7).
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

pub(crate) fn check_new_campaign(fields: &CampaignFields) -> check::Result {
    check_name(&fields.name)?;
    check_window(fields.window)
}

/// What can be said of a change before the campaign is read; its window is checked when it is known whole.
pub(crate) fn check_campaign_change(change: &CampaignChange) -> check::Result {
    change.name.as_deref().map_or(Ok(()), check_name)
}

fn check_name(name: &str) -> check::Result {
    check::text("name", name, 200)
}
