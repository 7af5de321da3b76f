//! POST /orders/{order_no}/payment: prepares the payment again while the order is unpaid.

use actix_web::{HttpRequest, HttpResponse, post, web};

use crate::{
    auth::Customer,
    body::{Nothing, OptionalJson},
    fields,
    idempotency::Key,
    problem::Answer,
    responses::order::PaymentAnswer,
    routes::responses::{BodyRefusals, Conflict, Refusals},
    state::Api,
};

/// Scope of the idempotency key.
const ROUTE: &str = "POST /orders/{order_no}/payment";

/// Prepares the payment of an unpaid order again
///
/// One live payment an order: while it lives, the answer is that one. 409 payment_closed where the order takes no money
/// any more.
#[utoipa::path(
    tag = "shop",
    params(
        ("order_no" = String, Path, description = "Number of the order"),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters of the client's choice", min_length = 1, max_length = 255, pattern = "^[!-~]+$")
    ),
    request_body(content = Option<Nothing>, description = "May be left out"),
    responses(
        (status = 200, description = "The payment", body = PaymentAnswer, headers(
            ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was answered before"))),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/orders/{order_no}/payment")]
pub async fn payment(
    Customer(caller): Customer,
    path: web::Path<String>,
    key: Key,
    body: OptionalJson<Nothing>,
    request: HttpRequest,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let Nothing {} = body.fields;
    let order_no = fields::order_no(&path)?;
    let key = key.for_order(ROUTE, &caller, request.path(), &body.value);
    let orders = api.shop.orders.clone();
    let preparing = async move { orders.prepare_payment(caller.store, &caller.user, order_no, key).await };
    let (prepared, replayed) = api.ask(preparing).await?;
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(PaymentAnswer::from(prepared)))
}
