//! DELETE /admin/webhooks/{id}: its secrets go with it, and its deliveries are not shown any more.

use actix_web::{HttpResponse, delete, web};

use crate::{
    auth::Staff,
    problem::Answer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Removes a subscription
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the subscription")),
    responses((status = 204, description = "Removed"), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[delete("/api/v1/admin/webhooks/{id}")]
pub async fn remove_webhook(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = super::subscription(&path)?;
    let partner = api.shop.partner.clone();
    api.ask(async move { partner.remove(caller.store, id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
