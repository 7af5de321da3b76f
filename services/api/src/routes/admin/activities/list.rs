//! GET /admin/activities: all activities of the store, newest first.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::activity::StaffActivityAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists all activities of the store
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_activities",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<StaffActivityAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/activities")]
pub async fn activities(Staff(caller): Staff, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let promotion = api.shop.promotion.clone();
    let found = api.ask(async move { promotion.list_activities(caller.store, page).await }).await?;
    let now = api.shop.clock.now();
    Ok(HttpResponse::Ok().json(ListAnswer::from(found.map(|activity| StaffActivityAnswer::new(activity, now)))))
}
