//! POST /pay/sandbox/{payment_id}: the buyer's choice, as JSON or from the page's form. The cashier settles by a signed
//! callback, as a real provider would.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use serde::Deserialize;
use sluice_pay::{PayError, SandboxOutcome};
use utoipa::ToSchema;

use super::CashierAnswer;
use crate::{
    body::{self, RawBody},
    problem::{Answer, Problem},
    routes::responses::{BodyRefusals, Conflict, Refusals},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    #[schema(value_type = String, example = "paid")]
    outcome: SandboxOutcome,
}

fn read(request: &HttpRequest, bytes: &[u8]) -> Answer<Choice> {
    match body::media_type(request).as_deref() {
        Some("application/x-www-form-urlencoded") => {
            let text = std::str::from_utf8(bytes).map_err(|_| Problem::new("malformed_request", "The form is not readable."))?;
            let form = web::Query::<Choice>::from_query(text);
            form.map(web::Query::into_inner).map_err(|_| Problem::invalid("/outcome", "paid or failed, and nothing else"))
        }
        Some("application/json") => body::parse(bytes).map(|(choice, _)| choice),
        _ => Err(Problem::new("unsupported_media_type", "Send application/json or a form.")),
    }
}

/// Pays, or lets the payment fail
///
/// 409 payment_closed where the payment takes no money any more.
#[utoipa::path(
    tag = "payment",
    params(("payment_id" = String, Path, description = "Id of the payment")),
    request_body(content((Choice = "application/json"), (Choice = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Chosen; a page for whoever accepts text/html, else JSON", content(
            (CashierAnswer = "application/json"), (String = "text/html"))),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>
    )
)]
#[post("/pay/sandbox/{payment_id}")]
pub async fn choose(path: web::Path<String>, body: RawBody, request: HttpRequest, api: web::Data<Api>) -> Answer<HttpResponse> {
    let chosen = settle(&api, &path, &request, &body.0).await;
    if !super::accepts(&request, "text/html") {
        return Ok(HttpResponse::Ok().json(chosen?));
    }
    let note = match &chosen {
        Ok(answer) if answer.outcome == Some("paid") => "<p class=\"note good\">Thank you: the payment went through.</p>",
        Ok(_) => "<p class=\"note bad\">The payment failed. The order can still be paid from the shop.</p>",
        Err(problem) if problem.code() == "payment_closed" => "<p class=\"note bad\">This payment takes no money any more.</p>",
        Err(problem) => return Ok(super::refused(problem)),
    };
    let status = if chosen.is_ok() { StatusCode::OK } else { StatusCode::CONFLICT };
    let payment = super::find(&api, &path).await?;
    Ok(super::page(status, &payment, api.shop.clock.now(), note))
}

async fn settle(api: &Api, segment: &str, request: &HttpRequest, bytes: &[u8]) -> Answer<CashierAnswer> {
    let Choice { outcome } = read(request, bytes)?;
    let payment = super::find(api, segment).await?;
    let (cashier, id) = (api.shop.cashier.clone(), payment.id.clone());
    api.ask::<(), PayError>(async move { cashier.choose(&id, outcome).await }).await?;
    let settled = super::find(api, segment).await?;
    let word = match outcome {
        SandboxOutcome::Paid => "paid",
        SandboxOutcome::Failed => "failed",
    };
    Ok(CashierAnswer::new(&settled, api.shop.clock.now(), Some(word)))
}
