//! GET /admin/store-settings

use crate::{
    endpoint::{Answer, Api, Route, Staff, Versioned},
    responses::operations::SettingsAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/store-settings", settings)
        .named("adminSettingsGet", "Shows the store's settings with their ETag")
        .answers("The settings")
        .refuses(&["not_found"])
}

async fn settings(staff: Staff, api: Api) -> Answer<Versioned<SettingsAnswer>> {
    api.call(|shop| async move { shop.catalog.store(staff.store).await }).await.map(Versioned::of)
}
