//! GET /readyz: whether requests should be sent here, and what is down.

use actix_web::{HttpResponse, get, http::header, web};
use serde::Serialize;
use sluice_app::{PartHealth, PartState};
use utoipa::ToSchema;

use crate::{problem::Answer, state::Api};

#[derive(Serialize, ToSchema)]
pub struct Readiness {
    /// ready, degraded (orders still flow), not_ready or stopping.
    status: &'static str,
    parts: Vec<PartAnswer>,
}

#[derive(Serialize, ToSchema)]
pub struct PartAnswer {
    /// database, gate, bus, outbox, clock
    name: &'static str,
    /// up, degraded or down
    state: &'static str,
    detail: String,
}

fn part(part: PartHealth) -> PartAnswer {
    let state = match part.state {
        PartState::Up => "up",
        PartState::Degraded => "degraded",
        PartState::Down => "down",
    };
    PartAnswer { name: part.name, state, detail: part.detail }
}

/// Says whether requests should be sent here, and names what is down
#[utoipa::path(
    tag = "service",
    responses(
        (status = 200, description = "Ready, perhaps degraded", body = Readiness),
        (status = 503, description = "A part is down, or the process is stopping; with Retry-After", body = Readiness)
    )
)]
#[get("/readyz")]
pub async fn readyz(api: web::Data<Api>) -> Answer<HttpResponse> {
    let probe = api.shop.health.clone();
    let parts = api.ask(async move { Ok::<_, crate::problem::Problem>(probe.check().await) }).await?;
    let worst = |state| parts.iter().any(|part| part.state == state);
    let status = if api.is_draining() {
        "stopping"
    } else if worst(PartState::Down) {
        "not_ready"
    } else if worst(PartState::Degraded) {
        "degraded"
    } else {
        "ready"
    };
    let mut response = match status {
        "ready" | "degraded" => HttpResponse::Ok(),
        _ => HttpResponse::ServiceUnavailable(),
    };
    if !matches!(status, "ready" | "degraded") {
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    Ok(response.json(Readiness { status, parts: parts.into_iter().map(part).collect() }))
}
