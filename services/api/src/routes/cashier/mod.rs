//! `/pay/sandbox/{payment_id}`: the embedded provider's cashier, a page and JSON over the same facts.
//!
//! Authorised by the payment's id alone: 128 random bits that only the buyer knows.

pub mod get;
pub mod post;

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, http::StatusCode, http::header};
use serde::Serialize;
use sluice_kernel::{Money, OrderNo, PaymentId, Timestamp};
use sluice_pay::{Payment, PaymentStatus, SandboxOutcome};
use utoipa::{PartialSchema as _, ToSchema};

use crate::{
    endpoint::{Answer, Api, Describes, Description, Problem, json_content},
    html::{self, escaped},
    responses::words,
};

/// The embedded provider.
const PROVIDER: &str = "sandbox";

/// A payment as the cashier shows it.
#[derive(Serialize, ToSchema)]
pub struct CashierAnswer {
    payment_id: PaymentId,
    order_no: OrderNo,
    amount: Money,
    status: words::PaymentStatus,
    expires_at: Timestamp,
    /// Whole seconds that are left to pay.
    remaining_seconds: u64,
    /// What was chosen by this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<words::CashierOutcome>,
}

impl CashierAnswer {
    fn new(payment: &Payment, now: Timestamp, outcome: Option<SandboxOutcome>) -> Self {
        Self {
            payment_id: payment.id.clone(),
            order_no: payment.order_no,
            amount: payment.amount,
            status: payment.status.into(),
            expires_at: payment.expires_at,
            remaining_seconds: payment.expires_at.since(now).as_secs(),
            outcome: outcome.map(words::CashierOutcome::from),
        }
    }
}

/// JSON for clients, a page for browsers.
pub struct JsonOrPage(HttpResponse);

impl Responder for JsonOrPage {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.0
    }
}

impl Describes for JsonOrPage {
    fn describe(operation: &mut Description) {
        let schema = operation.schema::<CashierAnswer>();
        operation.with_content("application/json", json_content(schema));
        operation.with_content("text/html", json_content(String::schema()));
    }
}

/// The payment, if it is one of this cashier's.
async fn find(api: &Api, id: &PaymentId) -> Answer<Payment> {
    let id = id.clone();
    let payment = api.call(|shop| async move { shop.pay.find(&id).await }).await?;
    if payment.provider == PROVIDER { Ok(payment) } else { Err(Problem::not_found()) }
}

/// True where `Accept` names this very kind: browsers name HTML, clients JSON, and `*/*` neither.
fn accepts(request: &HttpRequest, kind: &str) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|named| named.split(';').next().is_some_and(|named| named.trim().eq_ignore_ascii_case(kind)))
}

fn remaining(payment: &Payment, now: Timestamp) -> String {
    let seconds = payment.expires_at.since(now).as_secs();
    if seconds == 0 { "none".to_owned() } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

/// The page; `note` says what just happened, as markup.
fn page(status: StatusCode, payment: &Payment, now: Timestamp, note: &str) -> HttpResponse {
    let open = payment.status == PaymentStatus::Pending && payment.expires_at > now && note.is_empty();
    let state = match payment.status {
        PaymentStatus::Pending if payment.expires_at > now => "waiting",
        PaymentStatus::Pending => "expired",
        PaymentStatus::Paid => "paid",
        PaymentStatus::Failed => "failed",
        PaymentStatus::Closed => "closed",
    };
    let facts = format!(
        "<p class=\"amount\">{}</p><dl><dt>Order</dt><dd>{}</dd><dt>State</dt><dd>{state}</dd>\
         <dt>Time left</dt><dd>{}</dd><dt>Pay until</dt><dd>{}</dd></dl>",
        escaped(&payment.amount.in_major_units()),
        payment.order_no,
        remaining(payment, now),
        payment.expires_at,
    );
    let form = "<form method=\"post\">\
                <button class=\"pay\" name=\"outcome\" value=\"paid\">Pay</button>\
                <button class=\"fail\" name=\"outcome\" value=\"failed\">Let the payment fail</button></form>";
    let form = if open { form } else { "" };
    let quiet = "<p class=\"quiet\">This is the embedded cashier: no money moves.</p>";
    html::page(status, "Cashier", &format!("{note}{facts}{form}{quiet}"))
}

/// A refusal as a page.
fn refused(problem: &Problem) -> HttpResponse {
    use actix_web::ResponseError as _;
    let text = format!("<p class=\"note bad\">{}</p>", escaped(problem.detail()));
    html::page(problem.status_code(), "Cashier", &text)
}
