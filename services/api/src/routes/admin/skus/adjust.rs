//! POST /admin/skus/{id}/stock-adjustments: receives or writes off units.

use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sluice_inventory::AdjustmentId;
use sluice_kernel::SkuId;
use utoipa::ToSchema;

use crate::{
    auth::{Caller, Staff},
    body::Json,
    fields,
    idempotency::Key,
    problem::Answer,
    responses::stock::StockAnswer,
    routes::responses::{BodyRefusals, Conflict, Refusals, StaffOnly},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustStock {
    /// Units: positive received, negative written off; not 0.
    delta: i64,
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Receives or writes off units
///
/// The Idempotency-Key names the adjustment: repeated, it changes nothing. 409 insufficient_stock where more units are
/// written off than are usable; the key may then try again.
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the SKU"),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters of the client's choice")
    ),
    request_body = AdjustStock,
    responses(
        (status = 201, description = "The stock after it", body = StockAnswer, headers(
            ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was answered before"))),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/skus/{id}/stock-adjustments")]
pub async fn adjust_stock(
    Staff(caller): Staff,
    path: web::Path<String>,
    key: Key,
    body: Json<AdjustStock>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let sku = fields::id(&path)?;
    let AdjustStock { delta, reason } = body.fields;
    fields::text("/reason", &reason, 200)?;
    let id = named(&caller, sku, &key.0);
    let inventory = api.shop.inventory.clone();
    let adjusted = api.ask(async move { inventory.adjust(caller.store, sku, id, delta, reason).await }).await?;
    let mut response = HttpResponse::Created();
    if adjusted.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(StockAnswer::from(adjusted.stock)))
}

/// 128 bits that follow from store, user, SKU and key.
fn named(caller: &Caller, sku: SkuId, key: &str) -> AdjustmentId {
    let hash = Sha256::digest(format!("{}\n{}\n{sku}\n{key}", caller.store, caller.user));
    AdjustmentId(hash.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}
