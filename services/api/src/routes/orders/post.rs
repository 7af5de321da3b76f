//! POST /orders: places a cart order (spec.md, S2).

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use sluice_order::{OrderInput, PlaceCartOrder, RequestedLine};
use utoipa::ToSchema;

use crate::{
    auth::Customer,
    body::Json,
    fields,
    idempotency::Key,
    problem::{Answer, Problem},
    responses::order::OrderAnswer,
    routes::{
        orders::placing::{self, AttributionFields, RecipientFields},
        responses::{BodyRefusals, Conflict, Limited, Refusals},
    },
    state::Api,
    trace,
};

/// Lines an order takes, counted before lines of one SKU are summed (api.md, Limits).
const MOST_LINES: usize = 100;
/// Scope of the idempotency key.
const ROUTE: &str = "POST /orders";

/// Exactly one of `items` and `from_cart: true`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    #[schema(max_items = 100, min_items = 1)]
    items: Option<Vec<Line>>,
    /// Takes the selected lines of the cart.
    from_cart: Option<bool>,
    recipient: Option<RecipientFields>,
    /// The code that was sent to the recipient's phone.
    #[schema(max_length = 16)]
    verify_code: Option<String>,
    #[schema(max_length = 64)]
    store_code: Option<String>,
    attribution: Option<AttributionFields>,
    #[schema(max_length = 512)]
    referrer: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    sku_id: String,
    #[schema(minimum = 1, maximum = 9999)]
    quantity: i64,
}

/// Places an order
///
/// All lines or none. The same Idempotency-Key and body repeat the first answer, with `Idempotent-Replayed: true`.
/// Refusals: off_shelf, field_required, verify_code_invalid, insufficient_stock (the first that applies),
/// cart_already_ordered, request_in_progress, idempotency_key_reused, too_many_lines, invalid_field.
#[utoipa::path(
    tag = "shop",
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters of the client's choice", min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = PlaceOrder,
    responses(
        (status = 201, description = "Placed", body = OrderAnswer, headers(
            ("Location" = String, description = "The order"),
            ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was answered before"))),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>, Limited<'_>
    ),
    security(("bearer" = []))
)]
#[post("/api/v1/orders")]
pub async fn place(
    Customer(caller): Customer,
    key: Key,
    body: Json<PlaceOrder>,
    request: HttpRequest,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let permit = placing::admit(&api, &caller)?;
    let key = key.for_request(ROUTE, &caller, request.path(), &body.value);
    let input = input(body.fields.items, body.fields.from_cart)?;
    let command = PlaceCartOrder {
        store: caller.store,
        user: caller.user,
        key,
        input,
        recipient: body.fields.recipient.unwrap_or_default().into(),
        verify_code: body.fields.verify_code,
        store_code: body.fields.store_code,
        attribution: body.fields.attribution.unwrap_or_default().into(),
        referrer: body.fields.referrer,
        traceparent: trace::parent(),
    };
    placing::check_texts(&command.recipient, &command.attribution)?;
    fields::optional("/verify_code", command.verify_code.as_ref(), 16)?;
    fields::optional("/store_code", command.store_code.as_ref(), 64)?;
    fields::optional("/referrer", command.referrer.as_ref(), 512)?;

    let orders = api.shop.orders.clone();
    placing::answer(&api, permit, async move { orders.place(command).await }).await
}

fn input(items: Option<Vec<Line>>, from_cart: Option<bool>) -> Answer<OrderInput> {
    let lines = match (items, from_cart.unwrap_or(false)) {
        (None, true) => return Ok(OrderInput::FromCart),
        (Some(lines), false) => lines,
        (Some(_), true) => return Err(Problem::invalid("/from_cart", "either items or from_cart, not both")),
        (None, false) => return Err(Problem::invalid("/items", "send items, or from_cart: true")),
    };
    if lines.is_empty() {
        return Err(Problem::invalid("/items", "at least one line"));
    }
    if lines.len() > MOST_LINES {
        return Err(Problem::of_field("too_many_lines", "/items", "at most 100 lines"));
    }
    let mut requested = Vec::with_capacity(lines.len());
    for (index, line) in lines.into_iter().enumerate() {
        fields::short(&format!("/items/{index}/sku_id"), &line.sku_id, 64)?;
        let quantity = fields::quantity(|| format!("/items/{index}/quantity"), line.quantity)?;
        requested.push(RequestedLine { sku: line.sku_id, quantity });
    }
    Ok(OrderInput::Items(requested))
}
