//! PATCH /admin/campaigns/{id}: changes the fields that are sent; needs If-Match. A change of the window may end it.

use actix_web::{HttpResponse, patch, web};
use serde::Deserialize;
use sluice_kernel::{Timestamp, time::given_or_none};
use sluice_promotion::CampaignChange;
use utoipa::ToSchema;

use crate::{
    auth::Staff,
    body::Json,
    fields,
    precondition::{self, IfMatch},
    problem::Answer,
    responses::activity::CampaignAnswer,
    routes::responses::{BodyRefusals, Preconditions, Refusals, StaffOnly},
    state::Api,
};

/// Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeCampaign {
    #[schema(max_length = 200)]
    name: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "given_or_none")]
    starts_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "given_or_none")]
    ends_at: Option<Timestamp>,
}

/// Changes an invitation campaign
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the campaign"),
        ("If-Match" = String, Header, description = "The ETag the change was made from")
    ),
    request_body = ChangeCampaign,
    responses(
        (status = 200, description = "Changed", body = CampaignAnswer, headers(("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, Preconditions<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[patch("/api/v1/admin/campaigns/{id}")]
pub async fn change_campaign(
    Staff(caller): Staff,
    path: web::Path<String>,
    if_match: IfMatch,
    body: Json<ChangeCampaign>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let ChangeCampaign { name, starts_at, ends_at } = body.fields;
    name.as_ref().map_or(Ok(()), |name| fields::text("/name", name, 200))?;
    let change = CampaignChange { name, starts_at, ends_at };
    let promotion = api.shop.promotion.clone();
    let present = api.ask(async move { promotion.campaign(caller.store, id).await }).await?;
    let version = if_match.admits(present.version)?;
    let promotion = api.shop.promotion.clone();
    let changed = api.ask(async move { promotion.change_campaign(caller.store, id, version, change).await }).await?;
    Ok(HttpResponse::Ok()
        .insert_header(precondition::etag(changed.version))
        .json(CampaignAnswer::new(changed, api.shop.clock.now())))
}
