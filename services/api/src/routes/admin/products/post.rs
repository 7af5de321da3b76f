//! POST /admin/products: a product with its SKUs, each with a stock of zero.

use actix_web::{HttpResponse, http::header, post, web};
use serde::Deserialize;
use sluice_catalog::{FormField, NewProduct};
use utoipa::ToSchema;

use super::{SkuFields, check_form, check_pictures, listed, receiving_way};
use crate::{
    auth::Staff,
    body::Json,
    fields, precondition,
    problem::{Answer, Problem},
    responses::{product::StaffProductAnswer, shape},
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

const MOST_SKUS: usize = 100;

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
    #[schema(minimum = 0, maximum = 4)]
    receiving_way: i64,
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

/// Creates a product
#[utoipa::path(
    tag = "staff",
    request_body = CreateProduct,
    responses(
        (status = 201, description = "Created", body = StaffProductAnswer, headers(("Location" = String), ("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/products")]
pub async fn create_product(Staff(caller): Staff, body: Json<CreateProduct>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let CreateProduct { title, pictures, delivery_place, receiving_way: way, customer_product_id, .. } = body.fields;
    let CreateProduct { order_form_items, listed, skus: given, .. } = body.fields;
    fields::text("/title", &title, 200)?;
    check_pictures(&pictures)?;
    fields::text("/delivery_place", &delivery_place, 64)?;
    fields::optional("/customer_product_id", customer_product_id.as_ref(), 64)?;
    check_form(&order_form_items)?;
    if given.len() > MOST_SKUS {
        return Err(Problem::invalid("/skus", format!("at most {MOST_SKUS} SKUs")));
    }
    let receiving_way = receiving_way(way)?;
    let catalog = api.shop.catalog.clone();
    let store = api.ask(async move { catalog.store(caller.store).await }).await?;
    let mut skus = Vec::with_capacity(given.len());
    for (index, sku) in given.into_iter().enumerate() {
        skus.push(sku.checked(&format!("/skus/{index}"), store.currency)?);
    }
    let product = NewProduct {
        id: None,
        title,
        pictures,
        delivery_place,
        receiving_way,
        customer_product_id,
        order_form_items,
        listed,
        offer_only: false,
        skus,
    };
    let catalog = api.shop.catalog.clone();
    let created = api.ask(async move { catalog.create_product(caller.store, product).await }).await?;
    let location = format!("/api/v1/admin/products/{}", created.id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header(precondition::etag(created.version))
        .json(StaffProductAnswer::from(created)))
}
