//! POST /orders: places a cart order (spec.md, S2).

use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use serde::Deserialize;
use sluice_order::{Attribution, OrderInput, PlaceCartOrder, Recipient, RequestedLine};
use utoipa::ToSchema;

use crate::{
    answers::order::OrderAnswer,
    auth::Customer,
    body::Json,
    fields,
    idempotency::Key,
    problem::{Answer, Problem},
    routes::responses::{BodyRefusals, Conflict, Limited, Refusals},
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

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecipientFields {
    #[schema(max_length = 64)]
    name: Option<String>,
    #[schema(max_length = 32)]
    phone: Option<String>,
    #[schema(max_length = 32)]
    id_card: Option<String>,
    #[schema(max_length = 64)]
    province: Option<String>,
    #[schema(max_length = 64)]
    city: Option<String>,
    #[schema(max_length = 64)]
    district: Option<String>,
    #[schema(max_length = 200)]
    address: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttributionFields {
    #[schema(max_length = 128)]
    rq: Option<String>,
    #[schema(max_length = 128)]
    cookie_id: Option<String>,
}

/// Places an order
///
/// All lines or none. The same Idempotency-Key and body repeat the first answer, with `Idempotent-Replayed: true`.
/// Refusals: off_shelf, field_required, verify_code_invalid, insufficient_stock (the first that applies),
/// cart_already_ordered, request_in_progress, idempotency_key_reused, too_many_lines, invalid_field.
#[utoipa::path(
    tag = "shop",
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters of the client's choice")),
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
    api.order_limit.check(&caller)?;
    let overloaded = |_| Problem::new("overloaded", "Too many orders are being placed; try again soon.");
    let permit = api.placements.clone().try_acquire_owned().map_err(overloaded)?;
    let key = key.for_request(ROUTE, &caller, request.path(), &body.value);
    let input = input(body.fields.items, body.fields.from_cart)?;
    let fields = body.fields.recipient.unwrap_or_default();
    let attribution = body.fields.attribution.unwrap_or_default();
    let command = PlaceCartOrder {
        store: caller.store,
        user: caller.user,
        key,
        input,
        recipient: Recipient {
            name: fields.name,
            phone: fields.phone,
            id_card: fields.id_card,
            province: fields.province,
            city: fields.city,
            district: fields.district,
            address: fields.address,
        },
        verify_code: body.fields.verify_code,
        store_code: body.fields.store_code,
        attribution: Attribution { rq: attribution.rq, cookie_id: attribution.cookie_id },
        referrer: body.fields.referrer,
        traceparent: trace::parent(),
    };
    check_texts(&command)?;

    let orders = api.shop.orders.clone();
    let placing = async move {
        let placed = orders.place(command).await;
        // The place is free when the placement has ended, not when the client hung up.
        drop(permit);
        placed
    };
    let placed = api.ask(placing).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/api/v1/orders/{}", placed.order.order_no)));
    if placed.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(OrderAnswer::new(placed.order, placed.payment)))
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

fn check_texts(command: &PlaceCartOrder) -> Answer<()> {
    let recipient = &command.recipient;
    fields::optional("/recipient/name", recipient.name.as_ref(), 64)?;
    fields::optional("/recipient/phone", recipient.phone.as_ref(), 32)?;
    fields::optional("/recipient/id_card", recipient.id_card.as_ref(), 32)?;
    fields::optional("/recipient/province", recipient.province.as_ref(), 64)?;
    fields::optional("/recipient/city", recipient.city.as_ref(), 64)?;
    fields::optional("/recipient/district", recipient.district.as_ref(), 64)?;
    fields::optional("/recipient/address", recipient.address.as_ref(), 200)?;
    fields::optional("/attribution/rq", command.attribution.rq.as_ref(), 128)?;
    fields::optional("/attribution/cookie_id", command.attribution.cookie_id.as_ref(), 128)?;
    fields::optional("/verify_code", command.verify_code.as_ref(), 16)?;
    fields::optional("/store_code", command.store_code.as_ref(), 64)?;
    fields::optional("/referrer", command.referrer.as_ref(), 512)
}
