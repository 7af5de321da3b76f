//! PATCH /admin/products/{id}: changes the fields that are sent; needs If-Match.

use serde::Deserialize;
use sluice_catalog::{FormField, ProductChange, ReceivingWay};
use sluice_kernel::ProductId;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Id, IfMatch, Json, Route, Staff, Versioned},
    fields::present,
    responses::{product::StaffProductAnswer, shape},
};

pub fn route() -> Route {
    Route::patch("/api/v1/admin/products/{id}", change_product).named("adminProductChange", "Changes a product").answers("Changed")
}

/// Fields that are left out stay as they are.
#[expect(clippy::option_option, reason = "a change: absent, taken away, or set")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProduct {
    #[schema(max_length = 200)]
    title: Option<String>,
    #[schema(max_items = 20)]
    pictures: Option<Vec<String>>,
    #[schema(max_length = 64)]
    delivery_place: Option<String>,
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 4)]
    receiving_way: Option<ReceivingWay>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    customer_product_id: Option<Option<String>>,
    #[schema(value_type = Option<Vec<shape::FormField>>)]
    order_form_items: Option<Vec<FormField>>,
    listed: Option<bool>,
    deleted: Option<bool>,
}

async fn change_product(
    staff: Staff,
    IfMatch(from): IfMatch,
    id: Id<ProductId>,
    body: Json<ChangeProduct>,
    api: Api,
) -> Answer<Versioned<StaffProductAnswer>> {
    let change = body.fields.into();
    let changed = api.call(|shop| async move { shop.catalog.change_product(staff.store, *id, from, change).await });
    changed.await.map(Versioned::of)
}

impl From<ChangeProduct> for ProductChange {
    fn from(given: ChangeProduct) -> Self {
        Self {
            title: given.title,
            pictures: given.pictures,
            delivery_place: given.delivery_place,
            receiving_way: given.receiving_way,
            customer_product_id: given.customer_product_id,
            order_form_items: given.order_form_items,
            listed: given.listed,
            deleted: given.deleted,
        }
    }
}
