//! POST /admin/orders/{order_no}/fulfil: the goods are on their way or delivered.

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Id, NoFields, Route, Staff},
    responses::order::StaffOrderAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/orders/{order_no}/fulfil", fulfil)
        .named("adminOrderFulfil", "Marks a paid order as fulfilled")
        .detail("409 order_state_refused where the order is not paid.")
        .answers("The order")
        .refuses(&["order_state_refused"])
}

async fn fulfil(staff: Staff, id: Id<OrderNo>, _body: NoFields, api: Api) -> Answer<Body<StaffOrderAnswer>> {
    api.call(|shop| async move { shop.orders.fulfil(staff.store, *id).await }).await.map(Body::of)
}
