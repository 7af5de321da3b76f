//! PUT /addresses/{id}: replaces an address as a whole.

use sluice_member::AddressId;

use super::AddressFields;
use crate::{
    endpoint::{Answer, Api, Body, Customer, Id, Json, Route},
    responses::member::AddressAnswer,
};

pub fn route() -> Route {
    Route::put("/api/v1/addresses/{id}", replace_address).named("addressReplace", "Replaces an address").answers("Replaced")
}

async fn replace_address(
    customer: Customer,
    id: Id<AddressId>,
    body: Json<AddressFields>,
    api: Api,
) -> Answer<Body<AddressAnswer>> {
    let entry = body.fields.into();
    let replaced = api.call(|shop| async move { shop.member.replace_address(customer.store, &customer.user, *id, entry).await });
    replaced.await.map(Body::of)
}
