//! GET /points: the caller's balance, and what moved it, newest first.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Customer, list::ListQuery, problem::Answer, responses::points::PointsAnswer, routes::responses::Refusals, state::Api,
};

/// Shows one's own points
#[utoipa::path(
    tag = "member",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "The balance, and a page of entries, newest first", body = PointsAnswer), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/points")]
pub async fn points(Customer(caller): Customer, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let points = api.shop.points.clone();
    let statement = api.ask(async move { points.account(caller.store, &caller.user, page).await }).await?;
    Ok(HttpResponse::Ok().json(PointsAnswer::from(statement)))
}
