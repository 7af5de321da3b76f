//! POST /verification-codes: sends a code to a phone, within the limits of the user and of the phone.

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
///
/// One a minute to a phone; 5 an hour and 20 a day for a user, unless set otherwise: 429 rate_limited says when again.
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
    api.ask(async move { member.send_code(caller.store, &caller.user, &phone).await }).await?;
    Ok(HttpResponse::Accepted().json(serde_json::json!({})))
}
