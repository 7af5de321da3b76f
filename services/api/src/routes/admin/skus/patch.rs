//! PATCH /admin/skus/{id}: changes the fields that are sent; needs If-Match.

use serde::Deserialize;
use sluice_catalog::SkuChange;
use sluice_kernel::{Amount, SkuId};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Id, IfMatch, Json, Route, Staff, Versioned},
    responses::product::StaffSkuAnswer,
};

pub fn route() -> Route {
    Route::patch("/api/v1/admin/skus/{id}", change_sku).named("adminSkuChange", "Changes a SKU").answers("Changed")
}

/// Fields that are left out stay as they are. Amounts are minor units, as numbers or as money.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeSku {
    #[schema(max_length = 64)]
    code: Option<String>,
    #[schema(max_length = 200)]
    spec: Option<String>,
    price: Option<Amount>,
    points: Option<i64>,
    allotable_profit: Option<i64>,
    supplier_price: Option<i64>,
    listed: Option<bool>,
    deleted: Option<bool>,
}

async fn change_sku(
    staff: Staff,
    IfMatch(from): IfMatch,
    id: Id<SkuId>,
    body: Json<ChangeSku>,
    api: Api,
) -> Answer<Versioned<StaffSkuAnswer>> {
    let change = body.fields.into();
    let changed = api.call(|shop| async move { shop.catalog.change_sku(staff.store, *id, from, change).await });
    changed.await.map(Versioned::of)
}

impl From<ChangeSku> for SkuChange {
    fn from(given: ChangeSku) -> Self {
        let ChangeSku { code, spec, price, points, allotable_profit, supplier_price, listed, deleted } = given;
        Self { code, spec, price, points, allotable_profit, supplier_price, listed, deleted }
    }
}
