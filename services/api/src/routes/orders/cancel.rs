//! POST /orders/{order_no}/cancel: gives an unpaid order up.

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Customer, Id, NoFields, Route},
    responses::order::OrderAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/orders/{order_no}/cancel", cancel)
        .named("orderCancel", "Cancels an unpaid order")
        .detail("Answers 200 where it is cancelled already; 409 order_not_cancellable where money has come.")
        .answers("The cancelled order")
        .refuses(&["order_not_cancellable"])
}

async fn cancel(customer: Customer, id: Id<OrderNo>, _body: NoFields, api: Api) -> Answer<Body<OrderAnswer>> {
    let cancelled = api.call(|shop| async move { shop.orders.cancel(customer.store, Some(&customer.user), *id).await });
    cancelled.await.map(Body::of)
}
