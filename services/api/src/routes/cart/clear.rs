//! DELETE /cart

use actix_web::{HttpResponse, delete, web};

use crate::{auth::Customer, problem::Answer, responses::product::CartAnswer, routes::responses::Refusals, state::Api};

/// Empties the cart
#[utoipa::path(
    tag = "shop",
    responses((status = 200, description = "The empty cart", body = CartAnswer), Refusals<'_>),
    security(("bearer" = []))
)]
#[delete("/api/v1/cart")]
pub async fn clear(Customer(caller): Customer, api: web::Data<Api>) -> Answer<HttpResponse> {
    let carts = api.shop.cart.clone();
    let cart = api.ask(async move { carts.clear(caller.store, &caller.user).await }).await?;
    Ok(HttpResponse::Ok().json(CartAnswer::from(cart)))
}
