//! GET /admin/orders/{order_no}/trace: everything that happened to an order, as `sluice trace order` tells it.

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Id, Route, Staff},
    responses::trace::OrderTraceAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/orders/{order_no}/trace", trace)
        .named("adminOrderTrace", "Tells everything that happened to an order")
        .detail("From all tables, in the order it happened; at most 1,000 entries of a kind. `text` is for people and may change.")
        .answers("What happened")
}

async fn trace(staff: Staff, id: Id<OrderNo>, api: Api) -> Answer<Body<OrderTraceAnswer>> {
    let order_no = *id;
    let told = api.call(|shop| async move {
        shop.orders.find(staff.store, None, order_no).await?;
        Answer::Ok(shop.traces.of_order(order_no).await?)
    });
    told.await.map(|lines| Body(OrderTraceAnswer::new(order_no, lines)))
}
