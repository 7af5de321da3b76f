//! POST /admin/dead-letters/{id}/replay: has the event tried again by the consumer that failed, and by nobody else. What
//! was handled meanwhile, or is being tried, stays as it is.

use actix_web::{HttpResponse, post, web};

use crate::{
    auth::Staff,
    body::{Nothing, OptionalJson},
    problem::{Answer, Problem},
    responses::operations::DeadLetterAnswer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

/// Has an event tried again
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the dead letter")),
    request_body(content = Option<Nothing>, description = "May be left out"),
    responses(
        (status = 200, description = "The dead letter as it stands now: a worker tries it, and `state` says how that ends", body = DeadLetterAnswer),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/dead-letters/{id}/replay")]
pub async fn replay(
    Staff(caller): Staff,
    path: web::Path<String>,
    body: OptionalJson<Nothing>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let Nothing {} = body.fields;
    let letter = super::find(&api, caller.store, &path).await?;
    let (letters, now) = (api.shop.dead_letters.clone(), api.shop.clock.now());
    let replayed = api.ask(async move { letters.replay(letter.id, now).await }).await?;
    let letter = replayed.ok_or_else(Problem::not_found)?;
    Ok(HttpResponse::Ok().json(DeadLetterAnswer::from(letter)))
}
