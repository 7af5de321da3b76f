//! GET /cart

use crate::{
    endpoint::{Answer, Api, Body, Customer, Route},
    responses::product::CartAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/cart", cart)
        .named("cartGet", "Shows the cart at current prices")
        .answers("The cart")
        .refuses(&["not_found"])
}

async fn cart(customer: Customer, api: Api) -> Answer<Body<CartAnswer>> {
    api.call(|shop| async move { shop.cart.view(customer.store, &customer.user).await }).await.map(Body::of)
}
