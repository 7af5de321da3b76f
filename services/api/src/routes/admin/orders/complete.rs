//! POST /admin/orders/{order_no}/complete: nothing is left to do.

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Id, NoFields, Route, Staff},
    responses::order::StaffOrderAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/orders/{order_no}/complete", complete)
        .named("adminOrderComplete", "Marks a fulfilled order as completed")
        .detail("409 order_state_refused where the order is not fulfilled.")
        .answers("The order")
        .refuses(&["order_state_refused"])
}

async fn complete(staff: Staff, id: Id<OrderNo>, _body: NoFields, api: Api) -> Answer<Body<StaffOrderAnswer>> {
    api.call(|shop| async move { shop.orders.complete(staff.store, *id).await }).await.map(Body::of)
}
