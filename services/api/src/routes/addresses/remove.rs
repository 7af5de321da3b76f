//! DELETE /addresses/{id}

use actix_web::{HttpResponse, delete, web};
use sluice_member::AddressId;

use crate::{auth::Customer, fields, problem::Answer, routes::responses::Refusals, state::Api};

/// Removes an address
#[utoipa::path(
    tag = "member",
    params(("id" = String, Path, description = "Id of the address")),
    responses((status = 204, description = "Removed"), Refusals<'_>),
    security(("bearer" = []))
)]
#[delete("/api/v1/addresses/{id}")]
pub async fn remove_address(Customer(caller): Customer, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = AddressId(fields::id(&path)?);
    let member = api.shop.member.clone();
    api.ask(async move { member.remove_address(caller.store, &caller.user, id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
