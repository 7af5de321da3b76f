//! GET /admin/refunds: refunds of the store, newest first, of one status or of all.

use sluice_pay::RefundStatus;

use crate::{
    endpoint::{Answer, Api, Description, Filter, PageParams, Paged, Query, Route, Staff},
    responses::{order::RefundAnswer, words},
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/refunds", refunds)
        .named("adminRefundList", "Lists refunds of the store")
        .detail("Of money. Refunds of one millisecond stand on one page, which may so hold more than `limit`.")
}

pub struct ByStatus(Option<RefundStatus>);

impl Filter for ByStatus {
    fn take(query: &mut Query) -> Answer<Self> {
        query.one_of("status", words::read, "not a status of refunds").map(Self)
    }

    fn describe(operation: &mut Description) {
        let schema = operation.schema::<words::RefundStatus>();
        operation.filter("status", "Only refunds of this status", schema);
    }
}

async fn refunds(staff: Staff, params: PageParams<ByStatus>, api: Api) -> Answer<Paged<RefundAnswer>> {
    let PageParams { page, filter: ByStatus(status) } = params;
    api.call(|shop| async move { shop.pay.list_refunds(staff.store, status, page).await }).await.map(Paged::of)
}
