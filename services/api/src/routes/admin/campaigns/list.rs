//! GET /admin/campaigns: all of the store's, newest first.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::activity::CampaignAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists the store's invitation campaigns
#[utoipa::path(
    tag = "staff",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<CampaignAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/campaigns")]
pub async fn campaigns(Staff(caller): Staff, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let promotion = api.shop.promotion.clone();
    let found = api.ask(async move { promotion.list_campaigns(caller.store, page).await }).await?;
    let now = api.shop.clock.now();
    Ok(HttpResponse::Ok().json(ListAnswer::from(found.map(|campaign| CampaignAnswer::new(campaign, now)))))
}
