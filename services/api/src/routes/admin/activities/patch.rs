//! PATCH /admin/activities/{id}: changes the fields that are sent; needs If-Match. A change of the window may end it.

use actix_web::{HttpResponse, patch, web};
use serde::Deserialize;
use sluice_kernel::{Timestamp, time::given_or_none};
use sluice_promotion::{ActivityChange, Mode};
use utoipa::ToSchema;

use super::PayMode;
use crate::{
    auth::Staff,
    body::Json,
    fields,
    precondition::{self, IfMatch},
    problem::Answer,
    responses::activity::StaffActivityAnswer,
    routes::responses::{BodyRefusals, Preconditions, Refusals, StaffOnly},
    state::Api,
};

/// Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeActivity {
    #[schema(max_length = 200)]
    title: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "given_or_none")]
    starts_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "given_or_none")]
    ends_at: Option<Timestamp>,
    mode: Option<PayMode>,
}

/// Changes an activity
///
/// An order that was priced before the change is priced again or refused: the stock gate's instant decides.
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the activity"),
        ("If-Match" = String, Header, description = "The ETag the change was made from")
    ),
    request_body = ChangeActivity,
    responses(
        (status = 200, description = "Changed", body = StaffActivityAnswer, headers(("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, Preconditions<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[patch("/api/v1/admin/activities/{id}")]
pub async fn change_activity(
    Staff(caller): Staff,
    path: web::Path<String>,
    if_match: IfMatch,
    body: Json<ChangeActivity>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let ChangeActivity { title, starts_at, ends_at, mode } = body.fields;
    title.as_ref().map_or(Ok(()), |title| fields::text("/title", title, 200))?;
    let change = ActivityChange { title, starts_at, ends_at, mode: mode.map(Mode::from) };
    let promotion = api.shop.promotion.clone();
    let present = api.ask(async move { promotion.activity(caller.store, id).await }).await?;
    let version = if_match.admits(present.activity.version)?;
    let promotion = api.shop.promotion.clone();
    let changed = api.ask(async move { promotion.change_activity(caller.store, id, version, change).await }).await?;
    Ok(HttpResponse::Ok()
        .insert_header(precondition::etag(changed.version))
        .json(StaffActivityAnswer::new(changed, api.shop.clock.now())))
}
