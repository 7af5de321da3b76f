//! POST /verification-codes: sends a code to a phone, within the limits of the user and of the phone.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::endpoint::{Accepted, Answer, Api, Customer, Json, Route};

pub fn route() -> Route {
    Route::post("/api/v1/verification-codes", send_code)
        .named("verificationCodeSend", "Sends a verification code")
        .detail(
            "One a minute to a phone; 5 an hour and 20 a day for a user, unless set otherwise: 429 rate_limited says when again.",
        )
        .answers("On its way")
        .refuses(&["rate_limited"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendCode {
    /// 5 to 20 digits, with an optional leading +.
    #[schema(example = "13800000000")]
    phone: String,
}

async fn send_code(customer: Customer, body: Json<SendCode>, api: Api) -> Answer<Accepted> {
    let SendCode { phone } = body.fields;
    api.call(|shop| async move { shop.member.send_code(customer.store, &customer.user, &phone).await }).await?;
    Ok(Accepted)
}
