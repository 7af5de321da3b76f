//! GET /addresses

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Customer, list::ListAnswer, problem::Answer, responses::member::AddressAnswer, routes::responses::Refusals, state::Api,
};

/// Lists one's own addresses
#[utoipa::path(
    tag = "member",
    responses((status = 200, description = "All of them", body = ListAnswer<AddressAnswer>), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/addresses")]
pub async fn addresses(Customer(caller): Customer, api: web::Data<Api>) -> Answer<HttpResponse> {
    let member = api.shop.member.clone();
    let book = api.ask(async move { member.addresses(caller.store, &caller.user).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::whole(book.into_iter().map(AddressAnswer::from).collect())))
}
