//! POST /admin/dead-letters/{id}/replay: publishes the event again. Consumers are idempotent, so those that had handled
//! it see nothing new.

use actix_web::{HttpResponse, post, web};
use sluice_kernel::PortError;

use crate::{
    answers::operations::DeadLetterAnswer,
    auth::Staff,
    body::{Nothing, OptionalJson},
    problem::Answer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

/// Publishes an event again
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the dead letter")),
    request_body(content = Option<Nothing>, description = "May be left out"),
    responses(
        (status = 200, description = "Published; the dead letter says when", body = DeadLetterAnswer),
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
    let mut letter = super::find(&api, caller.store, &path).await?;
    let (publisher, letters) = (api.shop.publisher.clone(), api.shop.dead_letters.clone());
    let (envelope, id, now) = (letter.envelope.clone(), letter.id, api.shop.clock.now());
    // Published first: a crash in between only leaves a letter that can be replayed once more.
    let replaying = async move {
        publisher.publish(vec![envelope]).await?;
        letters.mark_replayed(id, now).await?;
        Ok::<_, PortError>(())
    };
    api.ask(replaying).await?;
    letter.replayed_at = Some(now);
    Ok(HttpResponse::Ok().json(DeadLetterAnswer::from(letter)))
}
