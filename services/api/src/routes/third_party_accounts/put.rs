//! PUT /third-party-accounts/{provider}

use serde::Deserialize;
use sluice_member::ThirdPartyAccount;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Body, Customer, Id, Json, ProviderName, Route},
    responses::member::AccountAnswer,
};

pub fn route() -> Route {
    Route::put("/api/v1/third-party-accounts/{provider}", put_account)
        .named("accountPut", "Notes the account at a payment provider")
        .answers("Noted")
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutAccount {
    /// For instance an open id.
    #[schema(max_length = 128)]
    account: String,
}

async fn put_account(customer: Customer, id: Id<ProviderName>, body: Json<PutAccount>, api: Api) -> Answer<Body<AccountAnswer>> {
    let account = ThirdPartyAccount { provider: id.0.0, account: body.fields.account };
    let noted = account.clone();
    api.call(|shop| async move { shop.member.put_account(customer.store, &customer.user, noted).await }).await?;
    Ok(Body::of(account))
}
