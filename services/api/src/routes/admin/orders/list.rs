//! GET /admin/orders: all orders of the store, newest first, or those that staff look for.

use sluice_kernel::UserId;
use sluice_order::{OrderSearch, OrderStatus};
use utoipa::{
    PartialSchema as _,
    openapi::{KnownFormat, ObjectBuilder, SchemaFormat, schema::Type},
};

use crate::{
    endpoint::{Answer, Api, Description, Filter, PageParams, Paged, Query, Route, Staff},
    fields,
    responses::{order::StaffOrderAnswer, words},
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/orders", orders).named("adminOrderList", "Lists orders of the store").detail(
        "Filters are put together by and. With several of them a page looks at 5,000 orders at most: it may hold fewer than \
             `limit`, or none, and still have more; go on with `next_cursor`.",
    )
}

/// What staff look for.
pub struct Searched(pub OrderSearch);

impl Filter for Searched {
    fn take(query: &mut Query) -> Answer<Self> {
        let number = |text: &str| text.parse().ok();
        let sku = |text: &str| fields::id(text).ok();
        Ok(Self(OrderSearch {
            order_no: query.one_of("order_no", number, "an order number has 20 digits, the last one a check digit")?,
            user: query.text("user").map(UserId),
            phone: query.text("phone"),
            sku: query.one_of("sku_id", sku, "not the id of a SKU")?,
            status: query.one_of("status", OrderStatus::parse, "not a status of orders")?,
            kind: query.one_of("kind", words::read, "not a kind of orders")?,
            refund_state: query.one_of("refund_status", words::read, "not a refund status")?,
            from: query.time("from")?,
            until: query.time("to")?,
        }))
    }

    fn describe(operation: &mut Description) {
        let text = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
        let time = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        operation.filter("order_no", "Only this order", String::schema());
        operation.filter("user", "Only orders of this user", text().max_length(Some(64)).into());
        operation.filter(
            "phone",
            "Only orders whose recipient has this phone, as it was given",
            text().max_length(Some(32)).into(),
        );
        operation.filter("sku_id", "Only orders with a line of this SKU", String::schema());
        let status = operation.schema::<words::OrderStatus>();
        operation.filter("status", "Only orders of this status", status);
        let kind = operation.schema::<words::OrderKind>();
        operation.filter("kind", "Only orders of this kind", kind);
        let refund = operation.schema::<words::RefundState>();
        operation.filter("refund_status", "Only orders of which so much was refunded", refund);
        operation.filter("from", "Only orders that were placed then or later", time().into());
        operation.filter("to", "Only orders that were placed before", time().into());
    }
}

async fn orders(staff: Staff, params: PageParams<Searched>, api: Api) -> Answer<Paged<StaffOrderAnswer>> {
    let PageParams { page, filter: Searched(search) } = params;
    api.call(|shop| async move { shop.orders.search(staff.store, &search, page).await }).await.map(Paged::of)
}
