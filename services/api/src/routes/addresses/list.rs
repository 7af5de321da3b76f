//! GET /addresses

use crate::{
    endpoint::{Answer, Api, Customer, Paged, Route},
    responses::member::AddressAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/addresses", addresses).named("addressList", "Lists one's own addresses").answers("All of them")
}

async fn addresses(customer: Customer, api: Api) -> Answer<Paged<AddressAnswer>> {
    api.call(|shop| async move { shop.member.addresses(customer.store, &customer.user).await }).await.map(Paged::whole)
}
