//! GET /admin/activity-products/{id}

use sluice_kernel::ProductId;

use crate::{
    endpoint::{Answer, Api, Id, Route, Staff, Versioned},
    responses::activity::StaffOfferAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/activity-products/{id}", activity_product)
        .named("adminActivityProductGet", "Shows a product's terms in its activity with their ETag")
        .answers("The terms")
}

async fn activity_product(staff: Staff, id: Id<ProductId>, api: Api) -> Answer<Versioned<StaffOfferAnswer>> {
    api.call(|shop| async move { shop.promotion.offer(staff.store, *id).await }).await.map(Versioned::of)
}
