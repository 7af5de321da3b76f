//! GET /admin/products: all products of the store, newest first, all of them or those that are looked for.

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::product::StaffProductAnswer,
    routes::products::list::{SEARCHING, Searched},
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/products", products).named("adminProductList", "Lists all products of the store").detail(SEARCHING)
}

async fn products(staff: Staff, params: PageParams<Searched>, api: Api) -> Answer<Paged<StaffProductAnswer>> {
    let found = api.call(|shop| async move { shop.catalog.list_all(staff.store, &params.filter.0, params.page).await });
    found.await.map(Paged::of)
}
