//! PUT /third-party-accounts/{provider}

use actix_web::{HttpResponse, put, web};
use serde::Deserialize;
use sluice_member::ThirdPartyAccount;
use utoipa::ToSchema;

use crate::{
    auth::Customer,
    body::Json,
    fields,
    problem::Answer,
    responses::member::AccountAnswer,
    routes::responses::{BodyRefusals, Refusals},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutAccount {
    /// For instance an open id.
    #[schema(max_length = 128)]
    account: String,
}

/// Notes the account at a payment provider
#[utoipa::path(
    tag = "member",
    params(("provider" = String, Path, description = "Name of the provider", max_length = 32)),
    request_body = PutAccount,
    responses((status = 200, description = "Noted", body = AccountAnswer), Refusals<'_>, BodyRefusals<'_>),
    security(("bearer" = []))
)]
#[put("/api/v1/third-party-accounts/{provider}")]
pub async fn put_account(
    Customer(caller): Customer,
    path: web::Path<String>,
    body: Json<PutAccount>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let account = ThirdPartyAccount { provider: path.into_inner(), account: body.fields.account };
    fields::text("/provider", &account.provider, 32)?;
    fields::text("/account", &account.account, 128)?;
    let (member, noted) = (api.shop.member.clone(), account.clone());
    api.ask(async move { member.put_account(caller.store, &caller.user, noted).await }).await?;
    Ok(HttpResponse::Ok().json(AccountAnswer::from(account)))
}
