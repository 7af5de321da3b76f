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
    status: ReadinessStatus,
    parts: Vec<PartAnswer>,
}

/// `degraded`: a part is away, but orders still flow.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessStatus {
    Ready,
    Degraded,
    NotReady,
    Stopping,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartStatus {
    Up,
    Degraded,
    Down,
}

#[derive(Serialize, ToSchema)]
pub struct PartAnswer {
    /// database, gate, bus, outbox, clock
    name: &'static str,
    state: PartStatus,
    detail: String,
}

fn part(part: PartHealth) -> PartAnswer {
    let state = match part.state {
        PartState::Up => PartStatus::Up,
        PartState::Degraded => PartStatus::Degraded,
        PartState::Down => PartStatus::Down,
    };
    PartAnswer { name: part.name, state, detail: part.detail }
}

impl Responder for Readiness {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        if matches!(self.status, ReadinessStatus::Ready | ReadinessStatus::Degraded) {
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
        ReadinessStatus::Stopping
    } else if worst(PartState::Down) {
        ReadinessStatus::NotReady
    } else if worst(PartState::Degraded) {
        ReadinessStatus::Degraded
    } else {
        ReadinessStatus::Ready
    };
    Ok(Readiness { status, parts: parts.into_iter().map(part).collect() })
}
