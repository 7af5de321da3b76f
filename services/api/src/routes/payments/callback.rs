//! POST /payments/{provider}/callback: a provider's notification, verified over its raw bytes. 2xx only when stored.

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, HeaderValue},
};
use sluice_pay::WebhookHeaders;
use utoipa::PartialSchema as _;

use crate::endpoint::{Answer, Api, Body, Describes, Description, Id, Nothing, ProviderName, RawBody, Route, json_content};

pub fn route() -> Route {
    Route::post("/api/v1/payments/{provider}/callback", callback)
        .named("paymentCallback", "Takes a provider's notification")
        .detail(
            "Authorised by its signature: 401 signature_invalid. 422 payment_mismatch (kept for staff) where order, amount, \
             currency or payee differ.",
        )
        .answers("Stored")
        .refuses(&["signature_invalid", "malformed_request", "malformed_json", "payment_mismatch"])
}

/// What a provider sends, in its own words.
pub struct Notification;

impl Describes for Notification {
    fn describe(operation: &mut Description) {
        let says = "The provider's own body; for the sandbox {payment_id, order_no, status, amount, currency, payee}, signed as \
                    Standard Webhooks";
        operation.takes(true, Some(says), vec![("application/json", json_content(String::schema()))]);
    }
}

async fn callback(id: Id<ProviderName>, body: RawBody<Notification>, request: HttpRequest, api: Api) -> Answer<Body<Nothing>> {
    let readable =
        |(name, value): (&HeaderName, &HeaderValue)| value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()));
    let headers = WebhookHeaders(request.headers().iter().filter_map(readable).collect());
    let received = api.call(|shop| async move { shop.pay.receive(&id.0.0, &headers, &body.bytes).await });
    received.await.map(|()| Body(Nothing {}))
}
