//! GET /admin/skus/{id}/stock: the gate's figures beside the ledger's.

use sluice_kernel::SkuId;

use crate::{
    endpoint::{Answer, Api, Body, Id, Route, Staff},
    responses::stock::StockAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/skus/{id}/stock", stock)
        .named("adminStockGet", "Shows a SKU's figures")
        .answers("The gate's figures, and the ledger's")
}

async fn stock(staff: Staff, id: Id<SkuId>, api: Api) -> Answer<Body<StockAnswer>> {
    api.call(|shop| async move { shop.inventory.stock(staff.store, *id).await }).await.map(Body::of)
}
