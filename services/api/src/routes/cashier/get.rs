//! GET /pay/sandbox/{payment_id}: order, amount, remaining time, and the two buttons.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, web};

use super::CashierAnswer;
use crate::{problem::Answer, routes::responses::Refusals, state::Api};

/// Shows a payment at the embedded cashier
#[utoipa::path(
    tag = "payment",
    params(("payment_id" = String, Path, description = "Id of the payment")),
    responses(
        (status = 200, description = "A page for whoever accepts text/html, else JSON", content(
            (CashierAnswer = "application/json"), (String = "text/html"))),
        Refusals<'_>
    )
)]
#[get("/pay/sandbox/{payment_id}")]
pub async fn cashier(path: web::Path<String>, request: HttpRequest, api: web::Data<Api>) -> Answer<HttpResponse> {
    let now = api.shop.clock.now();
    let found = super::find(&api, &path).await;
    if !super::wants_page(&request) {
        return Ok(HttpResponse::Ok().json(CashierAnswer::new(&found?, now, None)));
    }
    Ok(match found {
        Ok(payment) => super::page(StatusCode::OK, &payment, now, ""),
        Err(problem) => super::refused(&problem),
    })
}
