//! GET /admin/exceptions: money and notifications that need a person's eye, newest first.

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::operations::ExceptionAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/exceptions", exceptions).named("adminExceptionList", "Lists what needs a person's eye")
}

async fn exceptions(staff: Staff, params: PageParams, api: Api) -> Answer<Paged<ExceptionAnswer>> {
    api.call(|shop| async move { shop.pay.exceptions(staff.store, params.page).await }).await.map(Paged::of)
}
