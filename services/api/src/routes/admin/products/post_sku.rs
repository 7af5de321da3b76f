//! POST /admin/products/{id}/skus: another SKU of a product, with a stock of zero.

use sluice_kernel::ProductId;

use super::SkuFields;
use crate::{
    endpoint::{Answer, Api, Created, Id, Json, Route, Staff, Versioned},
    responses::product::StaffSkuAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/products/{id}/skus", create_sku).named("adminSkuCreate", "Adds a SKU to a product")
}

async fn create_sku(
    staff: Staff,
    id: Id<ProductId>,
    body: Json<SkuFields>,
    api: Api,
) -> Answer<Created<Versioned<StaffSkuAnswer>>> {
    let sku = body.fields.into();
    let created = api.call(|shop| async move { shop.catalog.create_sku(staff.store, *id, sku).await }).await?;
    Ok(Created { location: format!("/api/v1/admin/skus/{}", created.id), answer: Versioned::of(created) })
}
