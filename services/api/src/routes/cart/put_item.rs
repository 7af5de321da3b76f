//! PUT /cart/items/{sku_id}: sets quantity and selection of one SKU.

use serde::Deserialize;
use sluice_kernel::{Quantity, SkuId};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Body, Customer, Id, Json, Route},
    responses::product::CartAnswer,
};

pub fn route() -> Route {
    Route::put("/api/v1/cart/items/{sku_id}", put_item)
        .named("cartItemPut", "Puts a SKU into the cart, or changes its line")
        .detail("A cart holds at most 100 lines.")
        .answers("The cart")
        .refuses(&["off_shelf", "too_many_lines"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutItem {
    #[schema(value_type = i64, minimum = 1, maximum = 9999)]
    quantity: Quantity,
    /// Whether an order from the cart takes this line.
    #[serde(default = "selected")]
    #[schema(default = true)]
    selected: bool,
}

fn selected() -> bool {
    true
}

async fn put_item(customer: Customer, id: Id<SkuId>, body: Json<PutItem>, api: Api) -> Answer<Body<CartAnswer>> {
    let PutItem { quantity, selected } = body.fields;
    let cart = api.call(|shop| async move { shop.cart.put(customer.store, &customer.user, *id, quantity, selected).await });
    cart.await.map(Body::of)
}
