//! GET /asyncapi.json

use super::Document;
use crate::endpoint::{Api, Route};

pub fn route() -> Route {
    Route::get("/asyncapi.json", asyncapi).named("asyncapiGet", "Shows the document of the events").answers("AsyncAPI 3")
}

async fn asyncapi(api: Api) -> Document {
    Document(api.documents.asyncapi.clone())
}
