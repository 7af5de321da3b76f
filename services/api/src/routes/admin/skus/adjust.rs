//! POST /admin/skus/{id}/stock-adjustments: receives or writes off units.

use serde::Deserialize;
use sluice_inventory::AdjustmentId;
use sluice_kernel::SkuId;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Body, Id, Json, Key, Performed, Replayable, Route, Staff},
    responses::stock::StockAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/skus/{id}/stock-adjustments", adjust_stock)
        .named("adminStockAdjust", "Receives or writes off units")
        .detail(
            "The Idempotency-Key names the adjustment: repeated, it changes nothing. 409 insufficient_stock where more units are \
             written off than are usable; the key may then try again.",
        )
        .answers("The stock after it")
        .refuses(&["insufficient_stock"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustStock {
    /// Units: positive received, negative written off; not 0.
    delta: i64,
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

async fn adjust_stock(
    staff: Staff,
    key: Key,
    id: Id<SkuId>,
    body: Json<AdjustStock>,
    api: Api,
) -> Answer<Replayable<Performed<Body<StockAnswer>>>> {
    let AdjustStock { delta, reason } = body.fields;
    let adjustment = AdjustmentId(key.id_within(&format!("{}\n{}\n{}", staff.store, staff.user, *id)));
    let adjusted = api.call(|shop| async move { shop.inventory.adjust(staff.store, *id, adjustment, delta, reason).await });
    let adjusted = adjusted.await?;
    Ok(Replayable { replayed: adjusted.replayed, answer: Performed(Body::of(adjusted.stock)) })
}
