//! GET /admin/webhooks/{id}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    precondition,
    problem::Answer,
    responses::webhook::WebhookAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows a subscription and how its target does
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the subscription")),
    responses(
        (status = 200, description = "The subscription", body = WebhookAnswer, headers(("ETag" = String))),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/webhooks/{id}")]
pub async fn webhook(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = super::subscription(&path)?;
    let partner = api.shop.partner.clone();
    let found = api.ask(async move { partner.find(caller.store, id).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(found.version)).json(WebhookAnswer::from(found)))
}
