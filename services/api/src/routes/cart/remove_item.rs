//! DELETE /cart/items/{sku_id}

use sluice_kernel::SkuId;

use crate::{
    endpoint::{Answer, Api, Body, Customer, Id, Route},
    responses::product::CartAnswer,
};

pub fn route() -> Route {
    Route::delete("/api/v1/cart/items/{sku_id}", remove_item)
        .named("cartItemRemove", "Takes a SKU out of the cart")
        .answers("The cart")
}

async fn remove_item(customer: Customer, id: Id<SkuId>, api: Api) -> Answer<Body<CartAnswer>> {
    api.call(|shop| async move { shop.cart.remove(customer.store, &customer.user, *id).await }).await.map(Body::of)
}
