//! GET /admin/products/{id}

use sluice_kernel::ProductId;

use crate::{
    endpoint::{Answer, Api, Id, Route, Staff, Versioned},
    responses::product::StaffProductAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/products/{id}", product)
        .named("adminProductGet", "Shows a product with its ETag")
        .answers("The product")
}

async fn product(staff: Staff, id: Id<ProductId>, api: Api) -> Answer<Versioned<StaffProductAnswer>> {
    api.call(|shop| async move { shop.catalog.product(staff.store, *id).await }).await.map(Versioned::of)
}
