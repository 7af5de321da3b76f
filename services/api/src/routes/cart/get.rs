//! GET /cart

use actix_web::{HttpResponse, get, web};

use crate::{auth::Customer, problem::Answer, responses::product::CartAnswer, routes::responses::Refusals, state::Api};

/// Shows the cart at current prices
#[utoipa::path(
    tag = "shop",
    responses((status = 200, description = "The cart", body = CartAnswer), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/cart")]
pub async fn cart(Customer(caller): Customer, api: web::Data<Api>) -> Answer<HttpResponse> {
    let carts = api.shop.cart.clone();
    let cart = api.ask(async move { carts.view(caller.store, &caller.user).await }).await?;
    Ok(HttpResponse::Ok().json(CartAnswer::from(cart)))
}
