//! GET /admin/campaigns/{id}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields, precondition,
    problem::Answer,
    responses::activity::CampaignAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows an invitation campaign with its ETag
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the campaign")),
    responses(
        (status = 200, description = "The campaign", body = CampaignAnswer, headers(("ETag" = String))),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/campaigns/{id}")]
pub async fn campaign(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let promotion = api.shop.promotion.clone();
    let found = api.ask(async move { promotion.campaign(caller.store, id).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(found.version)).json(CampaignAnswer::new(found, api.shop.clock.now())))
}
