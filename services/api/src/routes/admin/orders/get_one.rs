//! GET /admin/orders/{order_no}

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Id, Route, Staff},
    responses::order::StaffOrderAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/orders/{order_no}", order).named("adminOrderGet", "Shows an order of the store").answers("The order")
}

async fn order(staff: Staff, id: Id<OrderNo>, api: Api) -> Answer<Body<StaffOrderAnswer>> {
    api.call(|shop| async move { shop.orders.find(staff.store, None, *id).await }).await.map(Body::of)
}
