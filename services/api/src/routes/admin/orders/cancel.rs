//! POST /admin/orders/{order_no}/cancel: gives an unpaid order up for the customer; the reason is `staff`.

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Id, NoFields, Route, Staff},
    responses::order::StaffOrderAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/orders/{order_no}/cancel", cancel)
        .named("adminOrderCancel", "Cancels an unpaid order of the store")
        .detail("409 order_not_cancellable where money has come.")
        .answers("The order")
        .refuses(&["order_not_cancellable"])
}

async fn cancel(staff: Staff, id: Id<OrderNo>, _body: NoFields, api: Api) -> Answer<Body<StaffOrderAnswer>> {
    api.call(|shop| async move { shop.orders.cancel(staff.store, None, *id).await }).await.map(Body::of)
}
