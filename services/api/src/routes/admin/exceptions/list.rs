//! GET /admin/exceptions: money and notifications that need a person's eye, newest first.

use sluice_kernel::OrderNo;
use sluice_pay::{ExceptionQuery, PayException};
use utoipa::{
    PartialSchema as _,
    openapi::{ObjectBuilder, schema::Type},
};

use crate::{
    endpoint::{Answer, Api, Description, Filter, PageParams, Paged, Query, Route, Staff},
    responses::{operations::ExceptionAnswer, shape},
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/exceptions", exceptions).named("adminExceptionList", "Lists what needs a person's eye")
}

pub struct Searched {
    resolved: Option<bool>,
    kind: Option<&'static str>,
    order_no: Option<OrderNo>,
}

impl Filter for Searched {
    fn take(query: &mut Query) -> Answer<Self> {
        let state = |text: &str| match text {
            "open" => Some(false),
            "resolved" => Some(true),
            _ => None,
        };
        let kind = |text: &str| PayException::KINDS.into_iter().find(|kind| *kind == text);
        let number = |text: &str| text.parse().ok();
        Ok(Self {
            resolved: query.one_of("state", state, "open or resolved")?,
            kind: query.one_of("kind", kind, "not a kind of exceptions")?,
            order_no: query.one_of("order_no", number, "an order number has 20 digits, the last one a check digit")?,
        })
    }

    fn describe(operation: &mut Description) {
        let state = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["open", "resolved"]));
        operation.filter("state", "Only in this state", state.into());
        let kind = operation.schema::<shape::ExceptionKind>();
        operation.filter("kind", "Only of this kind", kind);
        operation.filter("order_no", "Only of this order", String::schema());
    }
}

async fn exceptions(staff: Staff, params: PageParams<Searched>, api: Api) -> Answer<Paged<ExceptionAnswer>> {
    let PageParams { page, filter: Searched { resolved, kind, order_no } } = params;
    let query = ExceptionQuery { store: staff.store, resolved, kind, order_no, page };
    api.call(|shop| async move { shop.pay.exceptions(query).await }).await.map(Paged::of)
}
