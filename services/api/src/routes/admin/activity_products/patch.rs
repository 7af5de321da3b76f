//! PATCH /admin/activity-products/{id}: changes the terms that are sent; needs If-Match. Price, title and the like are
//! changed at the product and the SKU.

use serde::Deserialize;
use sluice_kernel::ProductId;
use sluice_promotion::{Mode, OfferChange};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Api, Id, IfMatch, Json, Route, Staff, Versioned},
    fields::{DecimalText, present},
    responses::activity::StaffOfferAnswer,
    routes::admin::activities::{PayMode, discount, sales_status},
};

pub fn route() -> Route {
    Route::patch("/api/v1/admin/activity-products/{id}", change_activity_product)
        .named("adminActivityProductChange", "Changes a product's terms in its activity")
        .detail("An order that was priced before the change is priced again or refused: the stock gate's instant decides.")
        .answers("Changed")
}

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

async fn change_activity_product(
    staff: Staff,
    IfMatch(from): IfMatch,
    id: Id<ProductId>,
    body: Json<ChangeTerms>,
    api: Api,
) -> Answer<Versioned<StaffOfferAnswer>> {
    let given = body.fields;
    let change = OfferChange {
        mode: given.mode.map(|mode| mode.map(Mode::from)),
        discount: given.discount.as_ref().map(discount).transpose()?,
        sales_status: given.sales_status.map(sales_status).transpose()?,
        per_user_limit: given.per_user_limit,
        deleted: given.deleted,
    };
    let changed = api.call(|shop| async move { shop.promotion.change_offer(staff.store, *id, from, change).await });
    changed.await.map(Versioned::of)
}
