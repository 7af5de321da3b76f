//! GET /admin/activities/{id}

use sluice_kernel::ActivityId;

use crate::{
    endpoint::{Answer, Api, Id, Route, Staff, Versioned},
    responses::activity::StaffActivityOffersAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/activities/{id}", activity)
        .named("adminActivityGet", "Shows an activity with all its products and its ETag")
        .answers("The activity")
}

async fn activity(staff: Staff, id: Id<ActivityId>, api: Api) -> Answer<Versioned<StaffActivityOffersAnswer>> {
    let found = api.call(|shop| async move { shop.promotion.activity(staff.store, *id).await }).await?;
    Ok(Versioned(found.activity.version, StaffActivityOffersAnswer::new(found, api.shop.clock.now())))
}
