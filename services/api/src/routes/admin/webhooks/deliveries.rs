//! GET /admin/webhooks/{id}/deliveries: newest first, of one state or of all.

use actix_web::{HttpResponse, get, web};
use sluice_partner::{DeliveryQuery, DeliveryState};

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::{Answer, Problem},
    responses::webhook::WebhookDeliveryAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists what a subscription was sent, or waits for
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the subscription"),
        ("state" = Option<String>, Query, description = "pending, delivered or exhausted"),
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses(
        (status = 200, description = "A page, newest first", body = ListAnswer<WebhookDeliveryAnswer>),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/webhooks/{id}/deliveries")]
pub async fn deliveries(
    Staff(caller): Staff,
    path: web::Path<String>,
    mut query: ListQuery,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let subscription = super::subscription(&path)?;
    let unknown = || Problem::invalid("/query/state", "pending, delivered or exhausted");
    let state = query.text("state").map(|name| DeliveryState::parse(&name).ok_or_else(unknown)).transpose()?;
    let query = DeliveryQuery { store: caller.store, subscription, state, page: query.page()? };
    let partner = api.shop.partner.clone();
    let found = api.ask(async move { partner.deliveries(query).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::from(found.map(WebhookDeliveryAnswer::from))))
}
