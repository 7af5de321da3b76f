//! POST /admin/referrers: seals a promotion parameter for a promoter of the store. Nothing is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::endpoint::{Answer, Api, Body, Json, Performed, Route, Staff};

pub fn route() -> Route {
    Route::post("/api/v1/admin/referrers", seal_referrer)
        .named("adminReferrerSeal", "Seals a promotion parameter")
        .answers("Sealed")
        .refuses(&["not_found"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealReferrer {
    #[schema(min_length = 1, max_length = 64)]
    promoter: String,
}

#[derive(Serialize, ToSchema)]
pub struct ReferrerAnswer {
    /// What orders carry as `referrer`; it names the promoter, and nobody else can make or read it.
    #[schema(max_length = 512)]
    referrer: String,
}

async fn seal_referrer(staff: Staff, body: Json<SealReferrer>, api: Api) -> Answer<Performed<Body<ReferrerAnswer>>> {
    let SealReferrer { promoter } = body.fields;
    let sealed = api.call(|shop| async move { shop.promotion.seal_referrer(staff.store, &promoter).await });
    sealed.await.map(|referrer| Performed(Body(ReferrerAnswer { referrer })))
}
