//! GET /admin/orders/{order_no}/refunds

use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Id, Paged, Route, Staff},
    responses::order::RefundAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/orders/{order_no}/refunds", refunds)
        .named("adminOrderRefundList", "Lists an order's refunds")
        .answers("All of them")
}

async fn refunds(staff: Staff, id: Id<OrderNo>, api: Api) -> Answer<Paged<RefundAnswer>> {
    let found = api.call(|shop| async move {
        shop.orders.find(staff.store, None, *id).await?;
        Answer::Ok(shop.pay.refunds(staff.store, *id).await?)
    });
    found.await.map(Paged::whole)
}
