//! POST /addresses

use super::AddressFields;
use crate::{
    endpoint::{Answer, Api, Body, Created, Customer, Json, Route},
    responses::member::AddressAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/addresses", add_address).named("addressAdd", "Adds an address").answers("Added")
}

async fn add_address(customer: Customer, body: Json<AddressFields>, api: Api) -> Answer<Created<Body<AddressAnswer>>> {
    let entry = body.fields.into();
    let added = api.call(|shop| async move { shop.member.add_address(customer.store, &customer.user, entry).await }).await?;
    Ok(Created { location: format!("/api/v1/addresses/{}", added.id.0), answer: Body::of(added) })
}
