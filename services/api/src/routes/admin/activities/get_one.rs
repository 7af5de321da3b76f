//! GET /admin/activities/{id}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields, precondition,
    problem::Answer,
    responses::activity::StaffActivityOffersAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows an activity with all its products and its ETag
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_activity",
    params(("id" = String, Path, description = "Id of the activity")),
    responses(
        (status = 200, description = "The activity", body = StaffActivityOffersAnswer, headers(("ETag" = String))),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/activities/{id}")]
pub async fn activity(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let promotion = api.shop.promotion.clone();
    let found = api.ask(async move { promotion.activity(caller.store, id).await }).await?;
    Ok(HttpResponse::Ok()
        .insert_header(precondition::etag(found.activity.version))
        .json(StaffActivityOffersAnswer::new(found, api.shop.clock.now())))
}
