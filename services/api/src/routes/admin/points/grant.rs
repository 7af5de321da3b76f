//! POST /admin/points/grants: gives a user points.

use serde::Deserialize;
use sluice_kernel::{Points, UserId};
use sluice_points::PointsGrant;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Body, Json, Key, Performed, Replayable, Route, Staff},
    responses::points::GrantAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/points/grants", grant_points)
        .named("adminPointsGrant", "Gives a user points")
        .detail(
            "The Idempotency-Key names the grant: repeated, it gives nothing more. 409 points_refused where the account takes no \
             points.",
        )
        .answers("Given, with the balance now")
        .refuses(&["points_refused", "not_found"])
}

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

async fn grant_points(
    staff: Staff,
    key: Key,
    body: Json<GrantPoints>,
    api: Api,
) -> Answer<Replayable<Performed<Body<GrantAnswer>>>> {
    let GrantPoints { user_id, points, reason } = body.fields;
    let grant = PointsGrant {
        store: staff.store,
        user: UserId(user_id.clone()),
        points: Points(points),
        reason: reason.clone(),
        key: key.id_within(&format!("points grant\n{}\n{}", staff.store, staff.user)),
    };
    let granted = api.call(|shop| async move { shop.points.grant(grant).await }).await?;
    let answer = GrantAnswer { user_id, points, reason, balance: granted.balance.0 };
    Ok(Replayable { replayed: granted.replayed, answer: Performed(Body(answer)) })
}
