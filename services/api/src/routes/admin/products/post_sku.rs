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
    let created = api.call(|shop| async move {
        let store = shop.catalog.store(staff.store).await?;
        let sku = body.fields.checked("", store.currency)?;
        Answer::Ok(shop.catalog.create_sku(store.id, *id, sku).await?)
    });
    let created = created.await?;
    Ok(Created { location: format!("/api/v1/admin/skus/{}", created.id), answer: Versioned::of(created) })
}
