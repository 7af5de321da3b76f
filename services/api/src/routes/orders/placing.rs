//! What the routes that place orders share: who is let in, the fields every order has, and the answer.

use std::sync::Arc;

use serde::Deserialize;
use sluice_app::Shop;
use sluice_order::{Attribution, OrderError, Placed, Recipient};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Body, Caller, Created, Problem, Replayable},
    responses::order::OrderAnswer,
};

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

impl From<RecipientFields> for Recipient {
    fn from(fields: RecipientFields) -> Self {
        let RecipientFields { name, phone, id_card, province, city, district, address } = fields;
        Self { name, phone, id_card, province, city, district, address }
    }
}

impl From<AttributionFields> for Attribution {
    fn from(fields: AttributionFields) -> Self {
        let AttributionFields { rq, cookie_id } = fields;
        Self { rq, cookie_id }
    }
}

/// A permit to place an order now, within the bounds of the user and of the process.
pub fn admit(api: &Api, caller: &Caller) -> Answer<OwnedSemaphorePermit> {
    api.order_limit.check(caller)?;
    begin(api)
}

/// A permit to preview an order now: the user's share is another one, the process has one bound for both.
pub fn admit_preview(api: &Api, caller: &Caller) -> Answer<OwnedSemaphorePermit> {
    api.preview_limit.check(caller)?;
    begin(api)
}

fn begin(api: &Api) -> Answer<OwnedSemaphorePermit> {
    let overloaded = |_| Problem::new("overloaded", "Too many orders are being placed; try again soon.");
    api.placements.clone().try_acquire_owned().map_err(overloaded)
}

/// 201 with the order.
pub type PlacedOrder = Replayable<Created<Body<OrderAnswer>>>;

/// Runs the placement. Its permit is free when the placement has ended, not when the client hung up.
pub async fn place<F>(api: &Api, permit: OwnedSemaphorePermit, placement: impl FnOnce(Arc<Shop>) -> F) -> Answer<PlacedOrder>
where
    F: Future<Output = Result<Placed, OrderError>> + Send + 'static,
{
    let placing = |shop| {
        let placement = placement(shop);
        async move {
            let placed = placement.await;
            drop(permit);
            placed
        }
    };
    let placed = api.call(placing).await?;
    Ok(Replayable {
        replayed: placed.replayed,
        answer: Created {
            location: format!("/api/v1/orders/{}", placed.order.order_no),
            answer: Body(OrderAnswer::new(placed.order, placed.payment)),
        },
    })
}
