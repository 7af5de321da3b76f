//! GET /admin/skus/{id}

use sluice_kernel::SkuId;

use crate::{
    endpoint::{Answer, Api, Id, Route, Staff, Versioned},
    responses::product::StaffSkuAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/skus/{id}", sku).named("adminSkuGet", "Shows a SKU with its ETag").answers("The SKU")
}

async fn sku(staff: Staff, id: Id<SkuId>, api: Api) -> Answer<Versioned<StaffSkuAnswer>> {
    api.call(|shop| async move { shop.catalog.sku(staff.store, *id).await }).await.map(Versioned::of)
}
