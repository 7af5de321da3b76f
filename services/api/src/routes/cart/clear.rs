//! DELETE /cart

use crate::{
    endpoint::{Answer, Api, Body, Customer, Route},
    responses::product::CartAnswer,
};

pub fn route() -> Route {
    Route::delete("/api/v1/cart", clear).named("cartClear", "Empties the cart").answers("The empty cart").refuses(&["not_found"])
}

async fn clear(customer: Customer, api: Api) -> Answer<Body<CartAnswer>> {
    api.call(|shop| async move { shop.cart.clear(customer.store, &customer.user).await }).await.map(Body::of)
}
