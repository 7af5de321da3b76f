//! POST /payments/{provider}/callback: a provider's notification, verified over its raw bytes. 2xx only when stored.

use actix_web::{HttpRequest, HttpResponse, post, web};
use sluice_pay::WebhookHeaders;

use crate::{
    body::{Nothing, RawBody},
    problem::Answer,
    routes::responses::{BodyRefusals, Refusals},
    state::Api,
    trace,
};

/// Takes a provider's notification
///
/// Authorised by its signature: 401 signature_invalid. 422 payment_mismatch (kept for staff) where order, amount,
/// currency or payee differ.
#[utoipa::path(
    tag = "payment",
    params(("provider" = String, Path, description = "Name of the provider, for instance sandbox")),
    request_body(content = String, content_type = "application/json", description = "The provider's own body; for the sandbox \
        {payment_id, order_no, status, amount, currency, payee}, signed as Standard Webhooks"),
    responses((status = 200, description = "Stored", body = Nothing), Refusals<'_>, BodyRefusals<'_>)
)]
#[post("/api/v1/payments/{provider}/callback")]
pub async fn callback(path: web::Path<String>, body: RawBody, request: HttpRequest, api: web::Data<Api>) -> Answer<HttpResponse> {
    let readable = |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    };
    let headers = WebhookHeaders(request.headers().iter().filter_map(readable).collect());
    let (pay, traceparent, provider) = (api.shop.pay.clone(), trace::parent(), path.into_inner());
    let receiving = async move { pay.receive(&provider, &headers, &body.0, traceparent.as_deref()).await };
    api.ask(receiving).await?;
    Ok(HttpResponse::Ok().json(serde_json::json!({})))
}
