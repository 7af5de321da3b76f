//! PATCH /admin/activity-products/{id}: changes the terms that are sent; needs If-Match. Price, title and the like are
//! changed at the product and the SKU.

use actix_web::{HttpResponse, patch, web};
use serde::Deserialize;
use sluice_promotion::{Mode, OfferChange};
use utoipa::ToSchema;

use crate::{
    auth::Staff,
    body::Json,
    fields::{self, DecimalText, present},
    precondition::{self, IfMatch},
    problem::Answer,
    responses::activity::StaffOfferAnswer,
    routes::{
        admin::activities::{PayMode, discount, sales_status},
        responses::{BodyRefusals, Preconditions, Refusals, StaffOnly},
    },
    state::Api,
};

/// Fields that are left out stay as they are.
#[expect(clippy::option_option, reason = "a change: absent, taken away, or set")]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTerms {
    /// Null leaves it to the activity.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<PayMode>)]
    mode: Option<Option<PayMode>>,
    /// A factor above 0, at most 1, with at most 4 decimal places; a number or text.
    #[schema(value_type = Option<f64>)]
    discount: Option<DecimalText>,
    /// 1 promotion, 2 plain sale: without a discount.
    #[schema(minimum = 1, maximum = 2)]
    sales_status: Option<i64>,
    /// Units a user may take, over all orders; null takes the limit away. Below what a user has taken it leaves no room.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 1_000_000)]
    per_user_limit: Option<Option<i64>>,
    /// True takes it out of its activity, false puts it back.
    deleted: Option<bool>,
}

/// Changes a product's terms in its activity
///
/// An order that was priced before the change is priced again or refused: the stock gate's instant decides.
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the product"),
        ("If-Match" = String, Header, description = "The ETag the change was made from")
    ),
    request_body = ChangeTerms,
    responses(
        (status = 200, description = "Changed", body = StaffOfferAnswer, headers(("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, Preconditions<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[patch("/api/v1/admin/activity-products/{id}")]
pub async fn change_activity_product(
    Staff(caller): Staff,
    path: web::Path<String>,
    if_match: IfMatch,
    body: Json<ChangeTerms>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let given = body.fields;
    let change = OfferChange {
        mode: given.mode.map(|mode| mode.map(Mode::from)),
        discount: given.discount.as_ref().map(discount).transpose()?,
        sales_status: given.sales_status.map(sales_status).transpose()?,
        per_user_limit: given.per_user_limit,
        deleted: given.deleted,
    };
    let promotion = api.shop.promotion.clone();
    let found = api.ask(async move { promotion.offer(caller.store, id).await }).await?;
    let version = if_match.admits(found.version)?;
    let promotion = api.shop.promotion.clone();
    let changed = api.ask(async move { promotion.change_offer(caller.store, id, version, change).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(changed.version)).json(StaffOfferAnswer::from(changed)))
}
