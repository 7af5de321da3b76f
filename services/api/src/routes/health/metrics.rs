//! GET /metrics: Prometheus text.

use super::Text;
use crate::endpoint::{Api, Route};

pub fn route() -> Route {
    Route::get("/metrics", metrics).named("metricsGet", "Shows the process's metrics").answers("Prometheus text format")
}

async fn metrics(api: Api) -> Text {
    Text { kind: "text/plain; version=0.0.4; charset=utf-8", text: api.metrics_text() }
}
