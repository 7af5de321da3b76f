//! GET /orders/{order_no}: one of the caller's own orders.

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Customer, Id, Route},
    responses::order::OrderAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/orders/{order_no}", order).named("orderGet", "Shows one of one's own orders").answers("The order")
}

async fn order(customer: Customer, id: Id<OrderNo>, api: Api) -> Answer<Body<OrderAnswer>> {
    api.call(|shop| async move { shop.orders.find(customer.store, Some(&customer.user), *id).await }).await.map(Body::of)
}
