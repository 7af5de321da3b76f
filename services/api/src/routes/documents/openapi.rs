//! GET /openapi.json

use super::Document;
use crate::endpoint::{Api, Route};

pub fn route() -> Route {
    Route::get("/openapi.json", openapi).named("openapiGet", "Shows this document").answers("OpenAPI 3.1")
}

async fn openapi(api: Api) -> Document {
    Document(api.documents.openapi.clone())
}
