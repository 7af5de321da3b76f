//! POST /admin/products: a product with its SKUs, each with a stock of zero.

use serde::Deserialize;
use sluice_catalog::{FormField, NewProduct, NewSku, ReceivingWay};
use utoipa::ToSchema;

use super::{SkuFields, listed};
use crate::{
    endpoint::{Answer, Api, Created, Json, Route, Staff, Versioned},
    responses::{product::StaffProductAnswer, shape},
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/products", create_product).named("adminProductCreate", "Creates a product").refuses(&["not_found"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProduct {
    #[schema(max_length = 200)]
    title: String,
    #[serde(default)]
    #[schema(max_items = 20)]
    pictures: Vec<String>,
    #[schema(max_length = 64)]
    delivery_place: String,
    /// 0 physical, 1 to 4 virtual.
    #[serde(default)]
    #[schema(value_type = i64, minimum = 0, maximum = 4)]
    receiving_way: ReceivingWay,
    #[schema(max_length = 64)]
    customer_product_id: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<shape::FormField>)]
    order_form_items: Vec<FormField>,
    #[serde(default = "listed")]
    #[schema(default = true)]
    listed: bool,
    #[serde(default)]
    #[schema(max_items = 100)]
    skus: Vec<SkuFields>,
}

async fn create_product(staff: Staff, body: Json<CreateProduct>, api: Api) -> Answer<Created<Versioned<StaffProductAnswer>>> {
    let new = body.fields.into();
    let created = api.call(|shop| async move { shop.catalog.create_product(staff.store, new).await }).await?;
    Ok(Created { location: format!("/api/v1/admin/products/{}", created.id), answer: Versioned::of(created) })
}

impl From<CreateProduct> for NewProduct {
    fn from(given: CreateProduct) -> Self {
        Self {
            id: None,
            title: given.title,
            pictures: given.pictures,
            delivery_place: given.delivery_place,
            receiving_way: given.receiving_way,
            customer_product_id: given.customer_product_id,
            order_form_items: given.order_form_items,
            listed: given.listed,
            offer_only: false,
            skus: given.skus.into_iter().map(NewSku::from).collect(),
        }
    }
}
