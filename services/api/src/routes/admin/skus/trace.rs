//! GET /admin/skus/{id}/stock/trace: every movement, and the proof that they add up.

use sluice_kernel::SkuId;

use crate::{
    endpoint::{Answer, Api, Body, Id, Route, Staff},
    responses::stock::TraceAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/skus/{id}/stock/trace", stock_trace)
        .named("adminStockTrace", "Shows every movement of a SKU's stock")
        .answers("Movements and sums")
}

async fn stock_trace(staff: Staff, id: Id<SkuId>, api: Api) -> Answer<Body<TraceAnswer>> {
    let sku = *id;
    let trace = api.call(|shop| async move { shop.inventory.trace(staff.store, sku).await }).await?;
    Ok(Body(TraceAnswer::new(sku, trace)))
}
