//! GET /admin/dead-letters/{id}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    problem::Answer,
    responses::operations::DeadLetterAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows an event that could not be handled
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the dead letter")),
    responses((status = 200, description = "The dead letter", body = DeadLetterAnswer), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/dead-letters/{id}")]
pub async fn dead_letter(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let letter = super::find(&api, caller.store, &path).await?;
    Ok(HttpResponse::Ok().json(DeadLetterAnswer::from(letter)))
}
