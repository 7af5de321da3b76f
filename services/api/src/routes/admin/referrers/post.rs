//! POST /admin/referrers: seals a promotion parameter for a promoter of the store. Nothing is kept.

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    auth::Staff,
    body::Json,
    fields,
    problem::Answer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

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

/// Seals a promotion parameter
#[utoipa::path(
    tag = "staff",
    request_body = SealReferrer,
    responses(
        (status = 201, description = "Sealed", body = ReferrerAnswer),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/referrers")]
pub async fn seal_referrer(Staff(caller): Staff, body: Json<SealReferrer>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let SealReferrer { promoter } = body.fields;
    fields::text("/promoter", &promoter, 64)?;
    let promotion = api.shop.promotion.clone();
    let referrer = api.ask(async move { promotion.seal_referrer(caller.store, &promoter).await }).await?;
    Ok(HttpResponse::Created().json(ReferrerAnswer { referrer }))
}
