//! POST /orders: places a cart order (docs/domain.md, S2).

use actix_web::HttpRequest;
use serde::Deserialize;
use sluice_kernel::Quantity;
use sluice_order::{CartRequest, Expected, OrderInput, PlaceCartOrder, RequestedLine};
use utoipa::ToSchema;

use super::placing::{self, AttributionFields, PlacedOrder, RecipientFields};
use crate::endpoint::{Answer, Api, Caller, Customer, Json, Key, Problem, Route};

/// Scope of the idempotency key.
const SCOPE: &str = "POST /orders";

pub fn route() -> Route {
    Route::post("/api/v1/orders", place)
        .named("orderPlace", "Places an order")
        .detail(
            "All lines or none. The same Idempotency-Key and body repeat the first answer, with `Idempotent-Replayed: true`. \
             Refusals: off_shelf, field_required, verify_code_invalid, total_changed, insufficient_stock (the first that applies), \
             cart_already_ordered, request_in_progress, idempotency_key_reused, too_many_lines, invalid_field.",
        )
        .answers("Placed")
        .refuses(&[
            "not_found",
            "off_shelf",
            "total_changed",
            "insufficient_stock",
            "cart_already_ordered",
            "too_many_unpaid",
            "request_in_progress",
            "field_required",
            "verify_code_invalid",
            "too_many_lines",
            "rate_limited",
        ])
}

/// Exactly one of `items` and `from_cart: true`.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"items": [{"sku_id": "1001", "quantity": 2}], "recipient": {"name": "Li Lei", "phone": "13800000000"}}))]
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
    /// The total the buyer was shown, in minor units: another one is refused with `total_changed`.
    #[schema(minimum = 0)]
    expected_total: Option<i64>,
    /// The points the buyer was shown: another sum is refused with `total_changed`.
    #[schema(minimum = 0)]
    expected_points: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    sku_id: String,
    #[schema(value_type = i64, minimum = 1, maximum = 9999)]
    quantity: Quantity,
}

async fn place(customer: Customer, key: Key, body: Json<PlaceOrder>, request: HttpRequest, api: Api) -> Answer<PlacedOrder> {
    let permit = placing::admit(&api, &customer)?;
    let key = key.for_request(SCOPE, &customer, request.path(), &body.value);
    let Customer(caller) = customer;
    let command = PlaceCartOrder { key, request: body.fields.of(caller)? };
    placing::place(&api, permit, |shop| async move { shop.orders.place(command).await }).await
}

impl PlaceOrder {
    pub fn of(self, caller: Caller) -> Answer<CartRequest> {
        Ok(CartRequest {
            store: caller.store,
            user: caller.user,
            input: input(self.items, self.from_cart)?,
            recipient: self.recipient.unwrap_or_default().into(),
            verify_code: self.verify_code,
            store_code: self.store_code,
            attribution: self.attribution.unwrap_or_default().into(),
            referrer: self.referrer,
            expected: Expected { total: self.expected_total, points: self.expected_points },
        })
    }
}

fn input(items: Option<Vec<Line>>, from_cart: Option<bool>) -> Answer<OrderInput> {
    match (items, from_cart.unwrap_or(false)) {
        (None, true) => Ok(OrderInput::FromCart),
        (Some(lines), false) => {
            let requested = lines.into_iter().map(|Line { sku_id, quantity }| RequestedLine { sku: sku_id, quantity });
            Ok(OrderInput::Items(requested.collect()))
        }
        (Some(_), true) => Err(Problem::invalid("/from_cart", "either items or from_cart, not both")),
        (None, false) => Err(Problem::invalid("/items", "send items, or from_cart: true")),
    }
}
