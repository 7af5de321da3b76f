//! GET /admin/store-settings

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    precondition,
    problem::Answer,
    responses::operations::SettingsAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows the store's settings with their ETag
#[utoipa::path(
    tag = "staff",
    responses(
        (status = 200, description = "The settings", body = SettingsAnswer, headers(("ETag" = String))),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/store-settings")]
pub async fn settings(Staff(caller): Staff, api: web::Data<Api>) -> Answer<HttpResponse> {
    let catalog = api.shop.catalog.clone();
    let store = api.ask(async move { catalog.store(caller.store).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(store.version)).json(SettingsAnswer::from(store.settings)))
}
