//! POST /admin/activities: an activity without products.

use serde::Deserialize;
use sluice_kernel::{Timestamp, time::given};
use sluice_promotion::{ActivityFields, NewActivity, Window};
use utoipa::ToSchema;

use super::PayMode;
use crate::{
    endpoint::{Answer, Api, Created, Json, Route, Staff, Versioned},
    responses::activity::StaffActivityAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/activities", create_activity)
        .named("adminActivityCreate", "Creates an activity")
        .refuses(&["not_found"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateActivity {
    #[schema(max_length = 200)]
    title: String,
    /// Included.
    #[serde(deserialize_with = "given")]
    starts_at: Timestamp,
    /// Included; not before `starts_at`.
    #[serde(deserialize_with = "given")]
    ends_at: Timestamp,
    /// Of products that have none of their own.
    mode: PayMode,
}

async fn create_activity(staff: Staff, body: Json<CreateActivity>, api: Api) -> Answer<Created<Versioned<StaffActivityAnswer>>> {
    let CreateActivity { title, starts_at, ends_at, mode } = body.fields;
    let new = NewActivity { id: None, fields: ActivityFields { title, window: Window { starts_at, ends_at }, mode: mode.into() } };
    let created = api.call(|shop| async move { shop.promotion.create_activity(staff.store, new).await }).await?;
    Ok(Created {
        location: format!("/api/v1/admin/activities/{}", created.id),
        answer: Versioned(created.version, StaffActivityAnswer::new(created, api.shop.clock.now())),
    })
}
