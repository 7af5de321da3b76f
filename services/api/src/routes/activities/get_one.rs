//! GET /activities/{id}: a promotion of the store in any state, with its products.

use actix_web::{HttpResponse, get, web};

use super::shown;
use crate::{
    auth::Customer,
    fields,
    problem::{Answer, Problem},
    responses::activity::ActivityAnswer,
    routes::responses::Refusals,
    state::Api,
};

/// Shows a promotion with its products
#[utoipa::path(
    tag = "shop",
    params(("id" = String, Path, description = "Id of the activity")),
    responses((status = 200, description = "The promotion", body = ActivityAnswer), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/activities/{id}")]
pub async fn activity(Customer(caller): Customer, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let promotion = api.shop.promotion.clone();
    let found = api.ask(async move { promotion.activity(caller.store, id).await }).await?;
    let answer = shown(&api, caller.store, vec![found]).await?.pop();
    Ok(HttpResponse::Ok().json(answer.ok_or_else(Problem::not_found)?))
}
