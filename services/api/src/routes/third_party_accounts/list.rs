//! GET /third-party-accounts

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Customer, list::ListAnswer, problem::Answer, responses::member::AccountAnswer, routes::responses::Refusals, state::Api,
};

/// Lists one's own accounts at payment providers
#[utoipa::path(
    tag = "member",
    responses((status = 200, description = "All of them", body = ListAnswer<AccountAnswer>), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/third-party-accounts")]
pub async fn accounts(Customer(caller): Customer, api: web::Data<Api>) -> Answer<HttpResponse> {
    let member = api.shop.member.clone();
    let accounts = api.ask(async move { member.accounts(caller.store, &caller.user).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::whole(accounts.into_iter().map(AccountAnswer::from).collect())))
}
