//! PUT /admin/store-settings: replaces the settings as a whole; needs If-Match.

use serde::Deserialize;
use sluice_catalog::{StoreSettings, StoreSettingsChange};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, IfMatch, Json, Route, Staff, Versioned},
    responses::operations::SettingsAnswer,
};

pub fn route() -> Route {
    Route::put("/api/v1/admin/store-settings", change_settings)
        .named("adminSettingsReplace", "Replaces the store's settings")
        .answers("Replaced")
        .refuses(&["not_found"])
}

/// What is left out takes its default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceSettings {
    #[serde(default)]
    special: bool,
    #[schema(max_length = 16)]
    h5_redirect_type: Option<String>,
    /// [a, b]: b points are worth a major units; both above zero.
    #[schema(example = json!([1, 100]))]
    points_to_cash_ratio: Option<[i64; 2]>,
    /// Products and activities may be read without a token.
    #[serde(default)]
    public_catalog: bool,
}

async fn change_settings(
    staff: Staff,
    IfMatch(from): IfMatch,
    body: Json<ReplaceSettings>,
    api: Api,
) -> Answer<Versioned<SettingsAnswer>> {
    let ReplaceSettings { special, h5_redirect_type, points_to_cash_ratio, public_catalog } = body.fields;
    let settings = StoreSettings { special, h5_redirect_type, points_to_cash_ratio, public_catalog };
    let change = StoreSettingsChange { settings };
    let changed = api.call(|shop| async move { shop.catalog.change_settings(staff.store, from, change).await });
    changed.await.map(Versioned::of)
}
