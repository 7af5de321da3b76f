//! POST /admin/campaigns

use actix_web::{HttpResponse, http::header, post, web};
use serde::Deserialize;
use sluice_kernel::{Timestamp, time::given};
use sluice_promotion::{CampaignFields, NewCampaign, Window};
use utoipa::ToSchema;

use crate::{
    auth::Staff,
    body::Json,
    fields, precondition,
    problem::Answer,
    responses::activity::CampaignAnswer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCampaign {
    #[schema(max_length = 200)]
    name: String,
    /// Included.
    #[schema(value_type = String, format = DateTime)]
    #[serde(deserialize_with = "given")]
    starts_at: Timestamp,
    /// Included; not before `starts_at`.
    #[schema(value_type = String, format = DateTime)]
    #[serde(deserialize_with = "given")]
    ends_at: Timestamp,
}

/// Creates an invitation campaign
///
/// Activity orders placed while it runs keep its id; where several run, the oldest counts.
#[utoipa::path(
    tag = "staff",
    request_body = CreateCampaign,
    responses(
        (status = 201, description = "Created", body = CampaignAnswer, headers(("Location" = String), ("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/campaigns")]
pub async fn create_campaign(Staff(caller): Staff, body: Json<CreateCampaign>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let CreateCampaign { name, starts_at, ends_at } = body.fields;
    fields::text("/name", &name, 200)?;
    let new = NewCampaign { fields: CampaignFields { name, window: Window { starts_at, ends_at } } };
    let promotion = api.shop.promotion.clone();
    let created = api.ask(async move { promotion.create_campaign(caller.store, new).await }).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/v1/admin/campaigns/{}", created.id)))
        .insert_header(precondition::etag(created.version))
        .json(CampaignAnswer::new(created, api.shop.clock.now())))
}
