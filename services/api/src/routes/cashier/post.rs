//! POST /pay/sandbox/{payment_id}: the buyer's choice, as JSON or from the page's form. The cashier settles by a signed
//! callback, as a real provider would.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::Deserialize;
use sluice_kernel::PaymentId;
use sluice_pay::SandboxOutcome;
use utoipa::ToSchema;

use super::{CashierAnswer, JsonOrPage};
use crate::{
    endpoint::{self, Answer, Api, Describes, Description, Id, Problem, RawBody, Route, json_content},
    responses::words,
};

pub fn route() -> Route {
    Route::post("/pay/sandbox/{payment_id}", choose)
        .named("cashierChoose", "Pays, or lets the payment fail")
        .detail("409 payment_closed where the payment takes no money any more.")
        .answers("Chosen; a page for whoever accepts text/html, else JSON")
        .refuses(&["malformed_json", "unknown_field", "invalid_field", "unsupported_media_type", "payment_closed"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    #[schema(value_type = words::CashierOutcome)]
    outcome: SandboxOutcome,
}

impl Describes for Choice {
    fn describe(operation: &mut Description) {
        let content = json_content(operation.schema::<Self>());
        let form = ("application/x-www-form-urlencoded", content.clone());
        operation.takes(true, None, vec![("application/json", content), form]);
    }
}

fn read(request: &HttpRequest, bytes: &[u8]) -> Answer<Choice> {
    match endpoint::media_type(request).as_deref() {
        Some("application/x-www-form-urlencoded") => {
            let text = std::str::from_utf8(bytes).map_err(|_| Problem::new("malformed_request", "The form is not readable."))?;
            let form = web::Query::<Choice>::from_query(text);
            form.map(web::Query::into_inner).map_err(|_| Problem::invalid("/outcome", "paid or failed, and nothing else"))
        }
        Some("application/json") => endpoint::parse(bytes).map(|(choice, _)| choice),
        _ => Err(Problem::new("unsupported_media_type", "Send application/json or a form.")),
    }
}

async fn choose(id: Id<PaymentId>, body: RawBody<Choice>, request: HttpRequest, api: Api) -> Answer<JsonOrPage> {
    let chosen = settle(&api, &id, read(&request, &body.bytes)).await;
    if !super::accepts(&request, "text/html") {
        return Ok(JsonOrPage(HttpResponse::Ok().json(chosen?)));
    }
    let note = match &chosen {
        Ok(answer) if answer.outcome == Some(SandboxOutcome::Paid.into()) => {
            "<p class=\"note good\">Thank you: the payment went through.</p>"
        }
        Ok(_) => "<p class=\"note bad\">The payment failed. The order can still be paid from the shop.</p>",
        Err(problem) if problem.code() == "payment_closed" => "<p class=\"note bad\">This payment takes no money any more.</p>",
        Err(problem) => return Ok(JsonOrPage(super::refused(problem))),
    };
    let status = if chosen.is_ok() { StatusCode::OK } else { StatusCode::CONFLICT };
    let payment = super::find(&api, &id).await?;
    Ok(JsonOrPage(super::page(status, &payment, api.shop.clock.now(), note)))
}

async fn settle(api: &Api, id: &PaymentId, choice: Answer<Choice>) -> Answer<CashierAnswer> {
    let Choice { outcome } = choice?;
    let payment = super::find(api, id).await?;
    api.call(|shop| async move { shop.cashier.choose(&payment.id, outcome).await }).await?;
    let settled = super::find(api, id).await?;
    Ok(CashierAnswer::new(&settled, api.shop.clock.now(), Some(outcome)))
}
