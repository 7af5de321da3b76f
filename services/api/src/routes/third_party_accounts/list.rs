//! GET /third-party-accounts

use crate::{
    endpoint::{Answer, Api, Customer, Paged, Route},
    responses::member::AccountAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/third-party-accounts", accounts)
        .named("accountList", "Lists one's own accounts at payment providers")
        .answers("All of them")
}

async fn accounts(customer: Customer, api: Api) -> Answer<Paged<AccountAnswer>> {
    api.call(|shop| async move { shop.member.accounts(customer.store, &customer.user).await }).await.map(Paged::whole)
}
