//! GET /admin/campaigns/{id}

use sluice_kernel::CampaignId;

use crate::{
    endpoint::{Answer, Api, Id, Route, Staff, Versioned},
    responses::activity::CampaignAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/campaigns/{id}", campaign)
        .named("adminCampaignGet", "Shows an invitation campaign with its ETag")
        .answers("The campaign")
}

async fn campaign(staff: Staff, id: Id<CampaignId>, api: Api) -> Answer<Versioned<CampaignAnswer>> {
    let found = api.call(|shop| async move { shop.promotion.campaign(staff.store, *id).await }).await?;
    Ok(Versioned(found.version, CampaignAnswer::new(found, api.shop.clock.now())))
}
