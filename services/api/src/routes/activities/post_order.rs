//! POST /activities/{id}/orders: places an order of a discount promotion (docs/domain.md, S1).

use actix_web::HttpRequest;
use serde::Deserialize;
use sluice_kernel::Quantity;
use sluice_order::{Expected, PayType, PlaceActivityOrder};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Customer, Id, Json, Key, Route},
    routes::orders::placing::{self, AttributionFields, PlacedOrder, RecipientFields},
};

/// Scope of the idempotency key.
const SCOPE: &str = "POST /activities/{id}/orders";

pub fn route() -> Route {
    Route::post("/api/v1/activities/{id}/orders", place_in_activity)
        .named("activityOrderPlace", "Places an order of an activity")
        .detail(
            "Paid in cash it waits for its payment like any order. Paid in points it begins as `confirming` and becomes `paid` or \
             `failed` when the points account has answered; follow it at `/orders/{order_no}/events`. The same Idempotency-Key \
             and body repeat the first answer, with `Idempotent-Replayed: true`. Refusals, the first that applies: \
             activity_not_found, activity_not_running, product_not_in_activity, pay_type_mismatch, store_setting_missing, \
             referrer_invalid, field_required, total_changed, redemption_limit_reached, insufficient_stock.",
        )
        .answers("Placed")
        .refuses(&[
            "not_found",
            "activity_not_found",
            "activity_not_running",
            "product_not_in_activity",
            "pay_type_mismatch",
            "store_setting_missing",
            "total_changed",
            "redemption_limit_reached",
            "insufficient_stock",
            "too_many_unpaid",
            "request_in_progress",
            "referrer_invalid",
            "field_required",
            "rate_limited",
        ])
}

/// One product of the activity.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceActivity {
    #[schema(max_length = 64)]
    product_id: String,
    #[schema(value_type = i64, minimum = 1, maximum = 9999)]
    quantity: Quantity,
    pay_type: PaidWith,
    recipient: Option<RecipientFields>,
    /// A free-form remark.
    #[schema(max_length = 500)]
    own_form: Option<String>,
    attribution: Option<AttributionFields>,
    /// The sealed parameter that names the promoter.
    #[schema(max_length = 512)]
    referrer: Option<String>,
    /// The total the buyer was shown, in minor units: another one is refused with `total_changed`.
    #[schema(minimum = 0)]
    expected_total: Option<i64>,
    /// The points the buyer was shown: another sum is refused with `total_changed`.
    #[schema(minimum = 0)]
    expected_points: Option<i64>,
}

/// Must be the mode that applies to the product.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaidWith {
    Cash,
    Points,
}

impl From<PaidWith> for PayType {
    fn from(with: PaidWith) -> Self {
        match with {
            PaidWith::Cash => Self::Cash,
            PaidWith::Points => Self::Points,
        }
    }
}

async fn place_in_activity(
    customer: Customer,
    key: Key,
    id: Id<String>,
    body: Json<PlaceActivity>,
    request: HttpRequest,
    api: Api,
) -> Answer<PlacedOrder> {
    let permit = placing::admit(&api, &customer)?;
    let key = key.for_request(SCOPE, &customer, request.path(), &body.value);
    let Customer(caller) = customer;
    let PlaceActivity {
        product_id,
        quantity,
        pay_type,
        recipient,
        own_form,
        attribution,
        referrer,
        expected_total,
        expected_points,
    } = body.fields;
    let command = PlaceActivityOrder {
        store: caller.store,
        user: caller.user,
        key,
        activity: id.0,
        product: product_id,
        quantity,
        pay_type: pay_type.into(),
        recipient: recipient.unwrap_or_default().into(),
        own_form,
        attribution: attribution.unwrap_or_default().into(),
        referrer,
        expected: Expected { total: expected_total, points: expected_points },
    };
    placing::place(&api, permit, |shop| async move { shop.orders.place_activity(command).await }).await
}
