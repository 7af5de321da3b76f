//! GET /pay/sandbox/{payment_id}: order, amount, remaining time, and the two buttons.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use sluice_kernel::PaymentId;

use super::{CashierAnswer, JsonOrPage};
use crate::endpoint::{Answer, Api, Id, Route};

pub fn route() -> Route {
    Route::get("/pay/sandbox/{payment_id}", cashier)
        .named("cashierGet", "Shows a payment at the embedded cashier")
        .answers("A page, or JSON for whoever accepts application/json")
}

async fn cashier(id: Id<PaymentId>, request: HttpRequest, api: Api) -> Answer<JsonOrPage> {
    let now = api.shop.clock.now();
    let shown = match super::find(&api, &id).await {
        Ok(payment) if super::accepts(&request, "application/json") => {
            HttpResponse::Ok().json(CashierAnswer::new(&payment, now, None))
        }
        Ok(payment) => super::page(StatusCode::OK, &payment, now, ""),
        Err(problem) if super::accepts(&request, "text/html") => super::refused(&problem),
        Err(problem) => return Err(problem),
    };
    Ok(JsonOrPage(shown))
}
