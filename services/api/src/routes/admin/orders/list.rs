//! GET /admin/orders: all orders of the store, newest first.

use sluice_order::OrderQuery;

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::order::StaffOrderAnswer,
    routes::orders::list::ByStatus,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/orders", orders).named("adminOrderList", "Lists all orders of the store")
}

async fn orders(staff: Staff, params: PageParams<ByStatus>, api: Api) -> Answer<Paged<StaffOrderAnswer>> {
    let query = OrderQuery { store: staff.store, user: None, status: params.filter.0, page: params.page };
    api.call(|shop| async move { shop.orders.list(query).await }).await.map(Paged::of)
}
