//! GET /admin/redemptions: paid activity orders of the store, by order, newest first.

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::activity::RedemptionAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/redemptions", redemptions)
        .named("adminRedemptionList", "Lists the store's redemptions")
        .detail("One for each paid activity order; they follow the payment within seconds.")
}

async fn redemptions(staff: Staff, params: PageParams, api: Api) -> Answer<Paged<RedemptionAnswer>> {
    api.call(|shop| async move { shop.promotion.redemptions(staff.store, params.page).await }).await.map(Paged::of)
}
