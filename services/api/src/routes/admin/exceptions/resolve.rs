//! POST /admin/exceptions/{id}/resolve: staff have dealt with it, and say how.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Body, Id, Json, Route, Staff},
    responses::operations::ExceptionAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/exceptions/{id}/resolve", resolve)
        .named("adminExceptionResolve", "Notes what was done about an exception")
        .detail("Moves no money. The first note stays: one that was resolved before is answered as it stands.")
        .answers("The exception")
        .refuses(&["not_found"])
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"note": "Refunded by hand at the provider."}))]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    #[schema(min_length = 1, max_length = 500)]
    note: String,
}

async fn resolve(staff: Staff, id: Id<i64>, body: Json<Resolve>, api: Api) -> Answer<Body<ExceptionAnswer>> {
    let (id, note, by) = (id.0, body.fields.note, staff.user.clone());
    api.call(|shop| async move { shop.pay.resolve_exception(staff.store, id, by, note).await }).await.map(Body::of)
}
