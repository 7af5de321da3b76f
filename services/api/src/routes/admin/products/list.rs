//! GET /admin/products: all products of the store, newest first.

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::product::StaffProductAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/products", products).named("adminProductList", "Lists all products of the store")
}

async fn products(staff: Staff, params: PageParams, api: Api) -> Answer<Paged<StaffProductAnswer>> {
    api.call(|shop| async move { shop.catalog.list_all(staff.store, params.page).await }).await.map(Paged::of)
}
