//! GET /pay/sandbox/{payment_id}: order, amount, remaining time, and the two buttons.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, web};

use super::CashierAnswer;
use crate::{problem::Answer, routes::responses::Refusals, state::Api};

/// Shows a payment at the embedded cashier
#[utoipa::path(
    tag = "payment",
    params(("payment_id" = String, Path, description = "Id of the payment")),
    responses(
        (status = 200, description = "A page, or JSON for whoever accepts application/json", content(
            (CashierAnswer = "application/json"), (String = "text/html"))),
        Refusals<'_>
    )
)]
#[get("/pay/sandbox/{payment_id}")]
pub async fn cashier(path: web::Path<String>, request: HttpRequest, api: web::Data<Api>) -> Answer<HttpResponse> {
    let now = api.shop.clock.now();
    match super::find(&api, &path).await {
        Ok(payment) if super::accepts(&request, "application/json") => {
            Ok(HttpResponse::Ok().json(CashierAnswer::new(&payment, now, None)))
        }
        Ok(payment) => Ok(super::page(StatusCode::OK, &payment, now, "")),
        Err(problem) if super::accepts(&request, "text/html") => Ok(super::refused(&problem)),
        Err(problem) => Err(problem),
    }
}
