//! GET /orders: the caller's own orders of both kinds, newest first.

use sluice_order::{OrderQuery, OrderStatus};

use crate::{
    endpoint::{Answer, Api, Customer, Description, Filter, PageParams, Paged, Query, Route},
    responses::{order::OrderAnswer, words},
};

pub fn route() -> Route {
    Route::get("/api/v1/orders", orders).named("orderList", "Lists one's own orders")
}

/// Only orders of this status.
pub struct ByStatus(pub Option<OrderStatus>);

impl Filter for ByStatus {
    fn take(query: &mut Query) -> Answer<Self> {
        query.one_of("status", OrderStatus::parse, "not a status of orders").map(Self)
    }

    fn describe(operation: &mut Description) {
        let schema = operation.schema::<words::OrderStatus>();
        operation.filter("status", "Only orders of this status", schema);
    }
}

async fn orders(customer: Customer, params: PageParams<ByStatus>, api: Api) -> Answer<Paged<OrderAnswer>> {
    let Customer(caller) = customer;
    let query = OrderQuery { store: caller.store, user: Some(caller.user), status: params.filter.0, page: params.page };
    api.call(|shop| async move { shop.orders.list(query).await }).await.map(Paged::of)
}
