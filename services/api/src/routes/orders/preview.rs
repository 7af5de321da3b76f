//! POST /orders/preview: what a cart order would come to, and everything that stands in its way.

use super::{placing, post::PlaceOrder};
use crate::{
    endpoint::{Answer, Api, Body, Customer, Json, Route},
    responses::preview::PreviewAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/orders/preview", preview)
        .named("orderPreview", "Shows what an order would come to")
        .detail(
            "Takes the body of `POST /orders` and no key. Prices, split and checks are those of placing, but what placing would \
             refuse is listed in `problems`, in that order. Nothing is reserved, no code is used up; a wrong verification code \
             counts as one. What is not on the shelf is in no sum. Stock and prices may change until the order is placed: send \
             `expected_total` with it.",
        )
        .answers("What it would come to now")
        .refuses(&["not_found", "too_many_lines", "rate_limited", "overloaded"])
}

async fn preview(customer: Customer, body: Json<PlaceOrder>, api: Api) -> Answer<Body<PreviewAnswer>> {
    let permit = placing::admit_preview(&api, &customer)?;
    let Customer(caller) = customer;
    let request = body.fields.of(caller)?;
    let previewed = api.call(|shop| async move {
        let previewed = shop.orders.preview(request).await;
        drop(permit);
        previewed
    });
    previewed.await.map(Body::of)
}
