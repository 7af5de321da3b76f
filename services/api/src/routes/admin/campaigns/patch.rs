//! PATCH /admin/campaigns/{id}: changes the fields that are sent; needs If-Match. A change of the window may end it.

use serde::Deserialize;
use sluice_kernel::{CampaignId, Timestamp, time::given_or_none};
use sluice_promotion::CampaignChange;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Id, IfMatch, Json, Route, Staff, Versioned},
    responses::activity::CampaignAnswer,
};

pub fn route() -> Route {
    Route::patch("/api/v1/admin/campaigns/{id}", change_campaign)
        .named("adminCampaignChange", "Changes an invitation campaign")
        .answers("Changed")
}

/// Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeCampaign {
    #[schema(max_length = 200)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given_or_none")]
    starts_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "given_or_none")]
    ends_at: Option<Timestamp>,
}

async fn change_campaign(
    staff: Staff,
    IfMatch(from): IfMatch,
    id: Id<CampaignId>,
    body: Json<ChangeCampaign>,
    api: Api,
) -> Answer<Versioned<CampaignAnswer>> {
    let ChangeCampaign { name, starts_at, ends_at } = body.fields;
    let change = CampaignChange { name, starts_at, ends_at };
    let changed = api.call(|shop| async move { shop.promotion.change_campaign(staff.store, *id, from, change).await });
    let changed = changed.await?;
    Ok(Versioned(changed.version, CampaignAnswer::new(changed, api.shop.clock.now())))
}
