//! DELETE /cart/items/{sku_id}

use actix_web::{HttpResponse, delete, web};

use crate::{auth::Customer, fields, problem::Answer, responses::product::CartAnswer, routes::responses::Refusals, state::Api};

/// Takes a SKU out of the cart
#[utoipa::path(
    tag = "shop",
    params(("sku_id" = String, Path, description = "Id of the SKU")),
    responses((status = 200, description = "The cart", body = CartAnswer), Refusals<'_>),
    security(("bearer" = []))
)]
#[delete("/api/v1/cart/items/{sku_id}")]
pub async fn remove_item(Customer(caller): Customer, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let sku = fields::id(&path)?;
    let carts = api.shop.cart.clone();
    let cart = api.ask(async move { carts.remove(caller.store, &caller.user, sku).await }).await?;
    Ok(HttpResponse::Ok().json(CartAnswer::from(cart)))
}
