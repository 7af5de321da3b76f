//! GET /admin/activities: all activities of the store, newest first.

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::activity::StaffActivityAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/activities", activities).named("adminActivityList", "Lists all activities of the store")
}

async fn activities(staff: Staff, params: PageParams, api: Api) -> Answer<Paged<StaffActivityAnswer>> {
    let found = api.call(|shop| async move { shop.promotion.list_activities(staff.store, params.page).await }).await?;
    let now = api.shop.clock.now();
    Ok(Paged::from(found.map(|activity| StaffActivityAnswer::new(activity, now))))
}
