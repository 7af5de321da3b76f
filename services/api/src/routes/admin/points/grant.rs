//! POST /admin/points/grants: gives a user points.

use actix_web::{HttpResponse, post, web};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sluice_kernel::{Points, UserId};
use sluice_member::PointsGrant;
use utoipa::ToSchema;

use crate::{
    auth::{Caller, Staff},
    body::Json,
    fields,
    idempotency::Key,
    problem::{Answer, Problem},
    responses::points::GrantAnswer,
    routes::responses::{BodyRefusals, Conflict, Refusals, StaffOnly},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantPoints {
    #[schema(min_length = 1, max_length = 64)]
    user_id: String,
    #[schema(minimum = 1, maximum = 1_000_000_000_000_i64)]
    points: i64,
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

/// Gives a user points
///
/// The Idempotency-Key names the grant: repeated, it gives nothing more. 409 points_refused where the account takes no
/// points.
#[utoipa::path(
    tag = "staff",
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters of the client's choice", min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = GrantPoints,
    responses(
        (status = 201, description = "Given, with the balance now", body = GrantAnswer, headers(
            ("Idempotent-Replayed" = Option<String>, description = "`true` where the key was answered before"))),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/points/grants")]
pub async fn grant_points(Staff(caller): Staff, key: Key, body: Json<GrantPoints>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let GrantPoints { user_id, points: given, reason } = body.fields;
    fields::text("/user_id", &user_id, 64)?;
    fields::text("/reason", &reason, 200)?;
    if given < 1 {
        return Err(Problem::invalid("/points", "at least 1"));
    }
    let grant = PointsGrant {
        store: caller.store,
        user: UserId(user_id.clone()),
        points: Points(given),
        reason: reason.clone(),
        key: named(&caller, &key.0),
    };
    let points = api.shop.points.clone();
    let granted = api.ask(async move { points.grant(grant).await }).await?;
    let mut response = HttpResponse::Created();
    if granted.replayed {
        response.insert_header(("Idempotent-Replayed", "true"));
    }
    Ok(response.json(GrantAnswer { user_id, points: given, reason, balance: granted.balance.0 }))
}

/// 128 bits that follow from store, user and key: the key's scope.
fn named(caller: &Caller, key: &str) -> String {
    let hash = Sha256::digest(format!("points grant\n{}\n{}\n{key}", caller.store, caller.user));
    hash.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
