//! GET /livez: the process answers; nothing else is asked.

use actix_web::web::Bytes;

use super::Text;
use crate::endpoint::Route;

pub fn route() -> Route {
    Route::get("/livez", livez).named("liveGet", "Says that the process runs").answers("It runs")
}

async fn livez() -> Text {
    Text { kind: "text/plain; charset=utf-8", text: Bytes::from_static(b"ok\n") }
}
