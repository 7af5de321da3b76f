//! PUT /addresses/{id}: replaces an address as a whole.

use actix_web::{HttpResponse, put, web};
use sluice_member::AddressId;

use super::AddressFields;
use crate::{
    auth::Customer,
    body::Json,
    fields,
    problem::Answer,
    responses::member::AddressAnswer,
    routes::responses::{BodyRefusals, Refusals},
    state::Api,
};

/// Replaces an address
#[utoipa::path(
    tag = "member",
    params(("id" = String, Path, description = "Id of the address")),
    request_body = AddressFields,
    responses((status = 200, description = "Replaced", body = AddressAnswer), Refusals<'_>, BodyRefusals<'_>),
    security(("bearer" = []))
)]
#[put("/api/v1/addresses/{id}")]
pub async fn replace_address(
    Customer(caller): Customer,
    path: web::Path<String>,
    body: Json<AddressFields>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = AddressId(fields::id(&path)?);
    let entry = body.fields.checked()?;
    let member = api.shop.member.clone();
    let replaced = api.ask(async move { member.replace_address(caller.store, &caller.user, id, entry).await }).await?;
    Ok(HttpResponse::Ok().json(AddressAnswer::from(replaced)))
}
