//! PATCH /admin/products/{id}: changes the fields that are sent; needs If-Match.

use actix_web::{HttpResponse, patch, web};
use serde::Deserialize;
use sluice_catalog::{FormField, ProductChange};
use utoipa::ToSchema;

use super::{check_form, check_pictures, receiving_way};
use crate::{
    auth::Staff,
    body::Json,
    fields::{self, present},
    precondition::{self, IfMatch},
    problem::Answer,
    responses::{product::StaffProductAnswer, shape},
    routes::responses::{BodyRefusals, Preconditions, Refusals, StaffOnly},
    state::Api,
};

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
    #[schema(minimum = 0, maximum = 4)]
    receiving_way: Option<i64>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    customer_product_id: Option<Option<String>>,
    #[schema(value_type = Option<Vec<shape::FormField>>)]
    order_form_items: Option<Vec<FormField>>,
    listed: Option<bool>,
    deleted: Option<bool>,
}

/// Changes a product
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the product"),
        ("If-Match" = String, Header, description = "The ETag the change was made from")
    ),
    request_body = ChangeProduct,
    responses(
        (status = 200, description = "Changed", body = StaffProductAnswer, headers(("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, Preconditions<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[patch("/api/v1/admin/products/{id}")]
pub async fn change_product(
    Staff(caller): Staff,
    path: web::Path<String>,
    if_match: IfMatch,
    body: Json<ChangeProduct>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let change = checked(body.fields)?;
    let catalog = api.shop.catalog.clone();
    let present = api.ask(async move { catalog.product(caller.store, id).await }).await?;
    let version = if_match.admits(present.version)?;
    let catalog = api.shop.catalog.clone();
    let changed = api.ask(async move { catalog.change_product(caller.store, id, version, change).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(changed.version)).json(StaffProductAnswer::from(changed)))
}

fn checked(given: ChangeProduct) -> Answer<ProductChange> {
    given.title.as_ref().map_or(Ok(()), |title| fields::text("/title", title, 200))?;
    given.pictures.as_ref().map_or(Ok(()), |pictures| check_pictures(pictures))?;
    given.delivery_place.as_ref().map_or(Ok(()), |place| fields::text("/delivery_place", place, 64))?;
    fields::optional("/customer_product_id", given.customer_product_id.as_ref().and_then(Option::as_ref), 64)?;
    given.order_form_items.as_ref().map_or(Ok(()), |items| check_form(items))?;
    Ok(ProductChange {
        title: given.title,
        pictures: given.pictures,
        delivery_place: given.delivery_place,
        receiving_way: given.receiving_way.map(receiving_way).transpose()?,
        customer_product_id: given.customer_product_id,
        order_form_items: given.order_form_items,
        listed: given.listed,
        deleted: given.deleted,
    })
}
