//! POST /admin/orders/{order_no}/refunds: gives money back, all of it or a part, and units to stock if asked to.

use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use serde::Deserialize;
use sluice_order::{RefundAsk, RestockChoice};
use utoipa::ToSchema;

use crate::{
    auth::Staff,
    body::Json,
    fields::{self, Amount},
    idempotency::Key,
    problem::{Answer, Problem},
    responses::{order::RefundAnswer, shape},
    routes::responses::{BodyRefusals, Conflict, Refusals, StaffOnly},
    state::Api,
    trace,
};

/// Scope of the idempotency key.
const ROUTE: &str = "POST /admin/orders/{order_no}/refunds";
const MOST_ITEMS: usize = 100;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskRefund {
    /// Minor units as a number, or money; left out: all that is left.
    #[schema(value_type = Option<shape::Amount>)]
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
    #[schema(minimum = 1, maximum = 9999)]
    quantity: i64,
}

/// Refunds an order
///
/// An order that was paid in points is refunded whole: leave `amount` out. 409 order_not_refundable where no money was kept or all of it went back,
/// 409 refund_refused where the payment provider says no; the key may then try again.
#[utoipa::path(
    tag = "staff",
    params(
        ("order_no" = String, Path, description = "Number of the order"),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters of the client's choice", min_length = 1, max_length = 255, pattern = "^[!-~]+$")
    ),
    request_body = AskRefund,
    responses(
        (status = 201, description = "Asked for; done at once or soon", body = RefundAnswer, headers(
            ("Location" = String, description = "The order's refunds"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was answered before"))),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/orders/{order_no}/refunds")]
pub async fn refund(
    Staff(caller): Staff,
    path: web::Path<String>,
    key: Key,
    body: Json<AskRefund>,
    request: HttpRequest,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let order_no = fields::order_no(&path)?;
    let key = key.for_order(ROUTE, &caller, request.path(), &body.value);
    let AskRefund { amount, reason, restock, restock_items } = body.fields;
    fields::text("/reason", &reason, 200)?;
    let restock = choice(restock, restock_items)?;
    let orders = api.shop.orders.clone();
    let total = api.ask(async move { orders.find(caller.store, None, order_no).await }).await?.order.total;
    let ask = RefundAsk {
        store: caller.store,
        order_no,
        key,
        amount: amount.map(|amount| amount.within("/amount", total.currency)).transpose()?,
        reason: reason.clone(),
        restock,
        traceparent: trace::parent(),
    };
    let orders = api.shop.orders.clone();
    let asked = api.ask(async move { orders.refund(ask).await }).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, request.path()));
    if asked.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(RefundAnswer::asked(asked, total, reason)))
}

fn choice(restock: Option<bool>, items: Option<Vec<RestockItem>>) -> Answer<RestockChoice> {
    let items = match (restock, items) {
        (None | Some(false), None) => return Ok(RestockChoice::Nothing),
        (Some(true), None) => return Ok(RestockChoice::Everything),
        (Some(true), Some(_)) => return Err(Problem::invalid("/restock_items", "either restock or restock_items, not both")),
        (None | Some(false), Some(items)) => items,
    };
    if items.len() > MOST_ITEMS {
        return Err(Problem::invalid("/restock_items", format!("at most {MOST_ITEMS}")));
    }
    let mut lines = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let unknown = |_| Problem::invalid(format!("/restock_items/{index}/sku_id"), "not in this order");
        let sku = fields::id(&item.sku_id).map_err(unknown)?;
        let quantity = fields::quantity(|| format!("/restock_items/{index}/quantity"), item.quantity)?;
        lines.push((sku, quantity.get()));
    }
    Ok(RestockChoice::Lines(lines))
}
