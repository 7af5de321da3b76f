//! PUT /cart/items/{sku_id}: sets quantity and selection of one SKU.

use actix_web::{HttpResponse, put, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    auth::Customer,
    body::Json,
    fields,
    problem::Answer,
    responses::product::CartAnswer,
    routes::responses::{BodyRefusals, Conflict, Refusals},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutItem {
    #[schema(minimum = 1, maximum = 9999)]
    quantity: i64,
    /// Whether an order from the cart takes this line.
    #[serde(default = "selected")]
    #[schema(default = true)]
    selected: bool,
}

fn selected() -> bool {
    true
}

/// Puts a SKU into the cart, or changes its line
///
/// Refusals: off_shelf, too_many_lines (a cart holds at most 100 lines).
#[utoipa::path(
    tag = "shop",
    params(("sku_id" = String, Path, description = "Id of the SKU")),
    request_body = PutItem,
    responses((status = 200, description = "The cart", body = CartAnswer), Refusals<'_>, BodyRefusals<'_>, Conflict<'_>),
    security(("bearer" = []))
)]
#[put("/api/v1/cart/items/{sku_id}")]
pub async fn put_item(
    Customer(caller): Customer,
    path: web::Path<String>,
    body: Json<PutItem>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let sku = fields::id(&path)?;
    let PutItem { quantity, selected } = body.fields;
    let quantity = fields::quantity(|| "/quantity".to_owned(), quantity)?;
    let carts = api.shop.cart.clone();
    let cart = api.ask(async move { carts.put(caller.store, &caller.user, sku, quantity, selected).await }).await?;
    Ok(HttpResponse::Ok().json(CartAnswer::from(cart)))
}
