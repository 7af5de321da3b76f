//! GET /admin/outbox: how much waits to be published.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    problem::Answer,
    responses::operations::OutboxAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows how much waits to be published
#[utoipa::path(
    tag = "staff",
    responses((status = 200, description = "Facts that wait, of all stores together", body = OutboxAnswer), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/outbox")]
pub async fn outbox(_staff: Staff, api: web::Data<Api>) -> Answer<HttpResponse> {
    let (outbox, now) = (api.shop.outbox.clone(), api.shop.clock.now());
    let stats = api.ask(async move { outbox.stats(now).await }).await?;
    Ok(HttpResponse::Ok().json(OutboxAnswer::new(stats, now)))
}
