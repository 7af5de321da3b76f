//! GET /admin/redemptions: paid activity orders of the store, by order, newest first.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::activity::RedemptionAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists the store's redemptions
///
/// One for each paid activity order; they follow the payment within seconds.
#[utoipa::path(
    tag = "staff",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<RedemptionAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/redemptions")]
pub async fn redemptions(Staff(caller): Staff, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let promotion = api.shop.promotion.clone();
    let found = api.ask(async move { promotion.redemptions(caller.store, page).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::from(found.map(RedemptionAnswer::from))))
}
