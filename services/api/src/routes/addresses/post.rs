//! POST /addresses

use actix_web::{HttpResponse, http::header, post, web};

use super::AddressFields;
use crate::{
    auth::Customer,
    body::Json,
    problem::Answer,
    responses::member::AddressAnswer,
    routes::responses::{BodyRefusals, Refusals},
    state::Api,
};

/// Adds an address
#[utoipa::path(
    tag = "member",
    request_body = AddressFields,
    responses((status = 201, description = "Added", body = AddressAnswer), Refusals<'_>, BodyRefusals<'_>),
    security(("bearer" = []))
)]
#[post("/api/v1/addresses")]
pub async fn add_address(Customer(caller): Customer, body: Json<AddressFields>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let entry = body.fields.checked()?;
    let member = api.shop.member.clone();
    let added = api.ask(async move { member.add_address(caller.store, &caller.user, entry).await }).await?;
    let location = format!("/api/v1/addresses/{}", added.id.0);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(AddressAnswer::from(added)))
}
