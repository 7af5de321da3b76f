//! PATCH /admin/skus/{id}: changes the fields that are sent; needs If-Match.

use actix_web::{HttpResponse, patch, web};
use serde::Deserialize;
use sluice_catalog::SkuChange;
use sluice_kernel::Currency;
use utoipa::ToSchema;

use crate::{
    auth::Staff,
    body::Json,
    fields::{self, Amount},
    precondition::{self, IfMatch},
    problem::Answer,
    responses::{product::StaffSkuAnswer, shape},
    routes::{
        admin::products::amount_in_range,
        responses::{BodyRefusals, Preconditions, Refusals, StaffOnly},
    },
    state::Api,
};

/// Fields that are left out stay as they are. Amounts are minor units, as numbers or as money.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSku {
    #[schema(max_length = 64)]
    code: Option<String>,
    #[schema(max_length = 200)]
    spec: Option<String>,
    #[schema(value_type = Option<shape::Amount>)]
    price: Option<Amount>,
    points: Option<i64>,
    allotable_profit: Option<i64>,
    supplier_price: Option<i64>,
    listed: Option<bool>,
    deleted: Option<bool>,
}

/// Changes a SKU
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the SKU"),
        ("If-Match" = String, Header, description = "The ETag the change was made from")
    ),
    request_body = ChangeSku,
    responses(
        (status = 200, description = "Changed", body = StaffSkuAnswer, headers(("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, Preconditions<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[patch("/api/v1/admin/skus/{id}")]
pub async fn change_sku(
    Staff(caller): Staff,
    path: web::Path<String>,
    if_match: IfMatch,
    body: Json<ChangeSku>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let catalog = api.shop.catalog.clone();
    let present = api.ask(async move { catalog.sku(caller.store, id).await }).await?;
    let version = if_match.admits(present.version)?;
    let change = checked(body.fields, present.price.currency)?;
    let catalog = api.shop.catalog.clone();
    let changed = api.ask(async move { catalog.change_sku(caller.store, id, version, change).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(changed.version)).json(StaffSkuAnswer::from(changed)))
}

fn checked(given: ChangeSku, currency: Currency) -> Answer<SkuChange> {
    given.code.as_ref().map_or(Ok(()), |code| fields::text("/code", code, 64))?;
    fields::optional("/spec", given.spec.as_ref(), 200)?;
    let price = given.price.map(|price| price.within("/price", currency)).transpose()?;
    for (pointer, amount) in [
        ("/price", price),
        ("/points", given.points),
        ("/allotable_profit", given.allotable_profit),
        ("/supplier_price", given.supplier_price),
    ] {
        amount_in_range(pointer, amount.unwrap_or(0))?;
    }
    Ok(SkuChange {
        code: given.code,
        spec: given.spec,
        price,
        points: given.points,
        allotable_profit: given.allotable_profit,
        supplier_price: given.supplier_price,
        listed: given.listed,
        deleted: given.deleted,
    })
}
