//! GET /activities: running and coming promotions of the store with their products, newest first.

use actix_web::{HttpResponse, get, web};

use super::{place_of_page, shown};
use crate::{
    auth::Customer,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::activity::ActivityAnswer,
    routes::responses::Refusals,
    state::Api,
};

/// Lists the running and coming promotions
#[utoipa::path(
    tag = "shop",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<ActivityAnswer>), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/activities")]
pub async fn activities(Customer(caller): Customer, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let _place = place_of_page().await?;
    let promotion = api.shop.promotion.clone();
    let mut found = api.ask(async move { promotion.open_activities(caller.store, page).await }).await?;
    let data = shown(&api, caller.store, std::mem::take(&mut found.data)).await?;
    Ok(HttpResponse::Ok().json(ListAnswer { data, next_cursor: found.next_cursor, has_more: found.has_more }))
}
