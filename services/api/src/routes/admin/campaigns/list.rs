//! GET /admin/campaigns: all of the store's, newest first.

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::activity::CampaignAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/campaigns", campaigns).named("adminCampaignList", "Lists the store's invitation campaigns")
}

async fn campaigns(staff: Staff, params: PageParams, api: Api) -> Answer<Paged<CampaignAnswer>> {
    let found = api.call(|shop| async move { shop.promotion.list_campaigns(staff.store, params.page).await }).await?;
    let now = api.shop.clock.now();
    Ok(Paged::from(found.map(|campaign| CampaignAnswer::new(campaign, now))))
}
