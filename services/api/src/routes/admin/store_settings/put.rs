//! PUT /admin/store-settings: replaces the settings as a whole; needs If-Match.

use actix_web::{HttpResponse, put, web};
use serde::Deserialize;
use sluice_catalog::{StoreSettings, StoreSettingsChange};
use utoipa::ToSchema;

use crate::{
    auth::Staff,
    body::Json,
    fields,
    precondition::{self, IfMatch},
    problem::Answer,
    responses::operations::SettingsAnswer,
    routes::responses::{BodyRefusals, Preconditions, Refusals, StaffOnly},
    state::Api,
};

/// What is left out takes its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceSettings {
    #[serde(default)]
    special: bool,
    #[schema(max_length = 16)]
    h5_redirect_type: Option<String>,
    /// [a, b]: b points are worth a major units; both above zero.
    points_to_cash_ratio: Option<[i64; 2]>,
}

/// Replaces the store's settings
#[utoipa::path(
    tag = "staff",
    params(("If-Match" = String, Header, description = "The ETag the change was made from")),
    request_body = ReplaceSettings,
    responses(
        (status = 200, description = "Replaced", body = SettingsAnswer, headers(("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, Preconditions<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[put("/api/v1/admin/store-settings")]
pub async fn change_settings(
    Staff(caller): Staff,
    if_match: IfMatch,
    body: Json<ReplaceSettings>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let ReplaceSettings { special, h5_redirect_type, points_to_cash_ratio } = body.fields;
    h5_redirect_type.as_ref().map_or(Ok(()), |kind| fields::text("/h5_redirect_type", kind, 16))?;
    let change = StoreSettingsChange { settings: StoreSettings { special, h5_redirect_type, points_to_cash_ratio } };
    let catalog = api.shop.catalog.clone();
    let present = api.ask(async move { catalog.store(caller.store).await }).await?;
    let version = if_match.admits(present.version)?;
    let catalog = api.shop.catalog.clone();
    let changed = api.ask(async move { catalog.change_settings(caller.store, version, change).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(changed.version)).json(SettingsAnswer::from(changed.settings)))
}
