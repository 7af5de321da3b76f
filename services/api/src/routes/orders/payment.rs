//! POST /orders/{order_no}/payment: prepares the payment again while the order is unpaid.

use actix_web::HttpRequest;
use sluice_kernel::OrderNo;

use crate::{
    endpoint::{Answer, Api, Body, Customer, Id, Key, NoFields, Replayable, Route},
    responses::order::PaymentAnswer,
};

/// Scope of the idempotency key.
const SCOPE: &str = "POST /orders/{order_no}/payment";

pub fn route() -> Route {
    Route::post("/api/v1/orders/{order_no}/payment", payment)
        .named("orderPaymentPrepare", "Prepares the payment of an unpaid order again")
        .detail(
            "One live payment an order: while it lives, the answer is that one. 409 payment_closed where the order takes no money \
             any more.",
        )
        .answers("The payment")
        .refuses(&["payment_closed", "request_in_progress"])
}

async fn payment(
    customer: Customer,
    key: Key,
    id: Id<OrderNo>,
    body: NoFields,
    request: HttpRequest,
    api: Api,
) -> Answer<Replayable<Body<PaymentAnswer>>> {
    let key = key.for_order(SCOPE, &customer, request.path(), &body.value);
    let prepared = api.call(|shop| async move { shop.orders.prepare_payment(customer.store, &customer.user, *id, key).await });
    let (prepared, replayed) = prepared.await?;
    Ok(Replayable { replayed, answer: Body::of(prepared) })
}
