//! POST /admin/orders/{order_no}/refunds: gives money back, all of it or a part, and units to stock if asked to.

use actix_web::HttpRequest;
use serde::Deserialize;
use sluice_kernel::{Amount, OrderNo, Quantity};
use sluice_order::{RefundRequest, RestockChoice};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Body, Created, Id, Json, Key, Problem, Replayable, Route, Staff},
    fields,
    responses::order::RefundAnswer,
};

/// Scope of the idempotency key.
const SCOPE: &str = "POST /admin/orders/{order_no}/refunds";

pub fn route() -> Route {
    Route::post("/api/v1/admin/orders/{order_no}/refunds", refund)
        .named("adminOrderRefund", "Refunds an order")
        .detail(
            "An order that was paid in points is refunded whole: leave `amount` out. 409 order_not_refundable where no money was \
             kept or all of it went back, 409 refund_refused where the payment provider says no; the key may then try again.",
        )
        .answers("Asked for; done at once or soon")
        .refuses(&["order_not_refundable", "refund_refused", "request_in_progress"])
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"amount": 1999, "reason": "broken", "restock": true}))]
#[serde(deny_unknown_fields)]
pub struct AskRefund {
    /// Minor units as a number, or money; left out: all that is left.
    amount: Option<Amount>,
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
    /// Returns all units that were not returned yet.
    restock: Option<bool>,
    /// Returns these units; instead of `restock`.
    #[schema(max_items = 100)]
    restock_items: Option<Vec<RestockItem>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestockItem {
    sku_id: String,
    #[schema(value_type = i64, minimum = 1, maximum = 9999)]
    quantity: Quantity,
}

async fn refund(
    staff: Staff,
    key: Key,
    id: Id<OrderNo>,
    body: Json<AskRefund>,
    request: HttpRequest,
    api: Api,
) -> Answer<Replayable<Created<Body<RefundAnswer>>>> {
    let key = key.for_order(SCOPE, &staff, request.path(), &body.value);
    let AskRefund { amount, reason, restock, restock_items } = body.fields;
    let ask = RefundRequest {
        store: staff.store,
        order_no: *id,
        key,
        amount,
        reason: reason.clone(),
        restock: choice(restock, restock_items)?,
    };
    let asked = api.call(|shop| async move { shop.orders.refund(ask).await }).await?;
    Ok(Replayable {
        replayed: asked.replayed,
        answer: Created { location: request.path().to_owned(), answer: Body(RefundAnswer::asked(asked, reason)) },
    })
}

fn choice(restock: Option<bool>, items: Option<Vec<RestockItem>>) -> Answer<RestockChoice> {
    let items = match (restock, items) {
        (None | Some(false), None) => return Ok(RestockChoice::Nothing),
        (Some(true), None) => return Ok(RestockChoice::Everything),
        (Some(true), Some(_)) => return Err(Problem::invalid("/restock_items", "either restock or restock_items, not both")),
        (None | Some(false), Some(items)) => items,
    };
    let mut lines = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let unknown = |_| Problem::invalid(format!("/restock_items/{index}/sku_id"), "not in this order");
        lines.push((fields::id(&item.sku_id).map_err(unknown)?, item.quantity));
    }
    Ok(RestockChoice::Lines(lines))
}
