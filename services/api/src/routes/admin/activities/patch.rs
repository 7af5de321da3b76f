//! PATCH /admin/activities/{id}: changes the fields that are sent; needs If-Match. A change of the window may end it.

use serde::Deserialize;
use sluice_kernel::{ActivityId, Timestamp, time::given_or_none};
use sluice_promotion::{ActivityChange, Mode};
use utoipa::ToSchema;

use super::PayMode;
use crate::{
    endpoint::{Answer, Api, Id, IfMatch, Json, Route, Staff, Versioned},
    responses::activity::StaffActivityAnswer,
};

pub fn route() -> Route {
    Route::patch("/api/v1/admin/activities/{id}", change_activity)
        .named("adminActivityChange", "Changes an activity")
        .detail("An order that was priced before the change is priced again or refused: the stock gate's instant decides.")
        .answers("Changed")
}

/// Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeActivity {
    #[schema(max_length = 200)]
    title: Option<String>,
    #[serde(default, deserialize_with = "given_or_none")]
    starts_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "given_or_none")]
    ends_at: Option<Timestamp>,
    mode: Option<PayMode>,
}

async fn change_activity(
    staff: Staff,
    IfMatch(from): IfMatch,
    id: Id<ActivityId>,
    body: Json<ChangeActivity>,
    api: Api,
) -> Answer<Versioned<StaffActivityAnswer>> {
    let ChangeActivity { title, starts_at, ends_at, mode } = body.fields;
    let change = ActivityChange { title, starts_at, ends_at, mode: mode.map(Mode::from) };
    let changed = api.call(|shop| async move { shop.promotion.change_activity(staff.store, *id, from, change).await });
    let changed = changed.await?;
    Ok(Versioned(changed.version, StaffActivityAnswer::new(changed, api.shop.clock.now())))
}
