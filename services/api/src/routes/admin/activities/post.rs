//! POST /admin/activities: an activity without products.

use actix_web::{HttpResponse, http::header, post, web};
use serde::Deserialize;
use sluice_kernel::{Timestamp, time::given};
use sluice_promotion::{ActivityFields, NewActivity, Window};
use utoipa::ToSchema;

use super::PayMode;
use crate::{
    auth::Staff,
    body::Json,
    fields, precondition,
    problem::Answer,
    responses::activity::StaffActivityAnswer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateActivity {
    #[schema(max_length = 200)]
    title: String,
    /// Included.
    #[schema(value_type = String, format = DateTime)]
    #[serde(deserialize_with = "given")]
    starts_at: Timestamp,
    /// Included; not before `starts_at`.
    #[schema(value_type = String, format = DateTime)]
    #[serde(deserialize_with = "given")]
    ends_at: Timestamp,
    /// Of products that have none of their own.
    mode: PayMode,
}

/// Creates an activity
#[utoipa::path(
    tag = "staff",
    request_body = CreateActivity,
    responses(
        (status = 201, description = "Created", body = StaffActivityAnswer, headers(("Location" = String), ("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/activities")]
pub async fn create_activity(Staff(caller): Staff, body: Json<CreateActivity>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let CreateActivity { title, starts_at, ends_at, mode } = body.fields;
    fields::text("/title", &title, 200)?;
    let new = NewActivity { id: None, fields: ActivityFields { title, window: Window { starts_at, ends_at }, mode: mode.into() } };
    let catalog = api.shop.catalog.clone();
    let store = api.ask(async move { catalog.store(caller.store).await }).await?.id;
    let promotion = api.shop.promotion.clone();
    let created = api.ask(async move { promotion.create_activity(store, new).await }).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/v1/admin/activities/{}", created.id)))
        .insert_header(precondition::etag(created.version))
        .json(StaffActivityAnswer::new(created, api.shop.clock.now())))
}
