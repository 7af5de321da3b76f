//! POST /admin/campaigns

use serde::Deserialize;
use sluice_kernel::{Timestamp, time::given};
use sluice_promotion::{CampaignFields, NewCampaign, Window};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Created, Json, Route, Staff, Versioned},
    responses::activity::CampaignAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/campaigns", create_campaign)
        .named("adminCampaignCreate", "Creates an invitation campaign")
        .detail("Activity orders placed while it runs keep its id; where several run, the oldest counts.")
        .refuses(&["not_found"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCampaign {
    #[schema(max_length = 200)]
    name: String,
    /// Included.
    #[serde(deserialize_with = "given")]
    starts_at: Timestamp,
    /// Included; not before `starts_at`.
    #[serde(deserialize_with = "given")]
    ends_at: Timestamp,
}

async fn create_campaign(staff: Staff, body: Json<CreateCampaign>, api: Api) -> Answer<Created<Versioned<CampaignAnswer>>> {
    let CreateCampaign { name, starts_at, ends_at } = body.fields;
    let new = NewCampaign { fields: CampaignFields { name, window: Window { starts_at, ends_at } } };
    let created = api.call(|shop| async move { shop.promotion.create_campaign(staff.store, new).await }).await?;
    Ok(Created {
        location: format!("/api/v1/admin/campaigns/{}", created.id),
        answer: Versioned(created.version, CampaignAnswer::new(created, api.shop.clock.now())),
    })
}
