//! DELETE /addresses/{id}

use sluice_member::AddressId;

use crate::endpoint::{Answer, Api, Customer, Id, NoContent, Route};

pub fn route() -> Route {
    Route::delete("/api/v1/addresses/{id}", remove_address).named("addressRemove", "Removes an address")
}

async fn remove_address(customer: Customer, id: Id<AddressId>, api: Api) -> Answer<NoContent> {
    api.call(|shop| async move { shop.member.remove_address(customer.store, &customer.user, *id).await }).await?;
    Ok(NoContent)
}
