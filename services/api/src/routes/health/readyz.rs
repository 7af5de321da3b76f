//! GET /readyz: whether requests should be sent here, and what is down.

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::header};
use serde::Serialize;
use sluice_app::{PartHealth, PartState};
use utoipa::{ToSchema, openapi::ResponseBuilder};

use crate::endpoint::{Answer, Api, Body, Describes, Description, Route, json_content};

pub fn route() -> Route {
    Route::get("/readyz", readyz)
        .named("readyGet", "Says whether requests should be sent here, and names what is down")
        .answers("Ready, perhaps degraded")
}

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

impl Responder for Readiness {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        if matches!(self.status, "ready" | "degraded") {
            return HttpResponse::Ok().json(self);
        }
        HttpResponse::ServiceUnavailable().insert_header((header::RETRY_AFTER, "1")).json(self)
    }
}

impl Describes for Readiness {
    fn describe(operation: &mut Description) {
        Body::<Self>::describe(operation);
        let content = json_content(operation.schema::<Self>());
        let down = ResponseBuilder::new().description("A part is down, or the process is stopping; with Retry-After");
        operation.also_gives(503, down.content("application/json", content).build());
    }
}

async fn readyz(api: Api) -> Answer<Readiness> {
    let parts = api.call(|shop| async move { Answer::Ok(shop.health.check().await) }).await?;
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
    Ok(Readiness { status, parts: parts.into_iter().map(part).collect() })
}
