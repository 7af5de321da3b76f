//! POST /verification-codes: sends a code to a phone, at most one a minute.

use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    auth::Customer,
    body::{Json, Nothing},
    fields,
    problem::Answer,
    routes::responses::{BodyRefusals, Limited, Refusals},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendCode {
    /// 5 to 20 digits, with an optional leading +.
    phone: String,
}

/// Sends a verification code
#[utoipa::path(
    tag = "member",
    request_body = SendCode,
    responses((status = 202, description = "On its way", body = Nothing), Refusals<'_>, BodyRefusals<'_>, Limited<'_>),
    security(("bearer" = []))
)]
#[post("/api/v1/verification-codes")]
pub async fn send_code(Customer(caller): Customer, body: Json<SendCode>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let phone = body.fields.phone;
    fields::text("/phone", &phone, 32)?;
    let member = api.shop.member.clone();
    api.ask(async move { member.send_code(caller.store, &phone).await }).await?;
    Ok(HttpResponse::Accepted().json(serde_json::json!({})))
}
