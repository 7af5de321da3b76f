//! GET /admin/exceptions: money and notifications that need a person's eye, newest first.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::operations::ExceptionAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists what needs a person's eye
#[utoipa::path(
    tag = "staff",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<ExceptionAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/exceptions")]
pub async fn exceptions(Staff(caller): Staff, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let pay = api.shop.pay.clone();
    let found = api.ask(async move { pay.exceptions(caller.store, page).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::from(found.map(ExceptionAnswer::from))))
}
