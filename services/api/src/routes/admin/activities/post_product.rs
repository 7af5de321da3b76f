//! POST /admin/activities/{id}/products: a product with one SKU that this activity alone sells, with a stock of zero.

use serde::Deserialize;
use sluice_catalog::{FormField, ReceivingWay};
use sluice_kernel::{ActivityId, Amount};
use sluice_promotion::{Mode, NewOffer, OfferField, OfferGoods, OfferTerms};
use utoipa::ToSchema;

use super::{PayMode, discount, sales_status};
use crate::{
    endpoint::{Answer, Api, Created, Id, Json, Problem, Route, Staff, Versioned},
    fields::DecimalText,
    responses::{activity::StaffOfferAnswer, shape},
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/activities/{id}/products", add_product)
        .named("adminActivityProductAdd", "Adds a product to an activity")
        .detail(
            "Makes the product, its SKU and a stock of zero. Units come by POST /admin/skus/{id}/stock-adjustments with a reason.",
        )
        .answers("Added")
}

/// Amounts are minor units of the store's currency, as numbers or as money.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddProduct {
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
    /// recipients, tel, id_card, total_address, address and own_form.
    #[serde(default)]
    #[schema(value_type = Vec<shape::FormField>)]
    order_form_items: Vec<FormField>,
    #[schema(max_length = 64)]
    code: String,
    /// For instance "red / 64 GB".
    #[serde(default)]
    #[schema(max_length = 200)]
    spec: String,
    /// Before the discount.
    price: Amount,
    /// Before the discount.
    #[serde(default)]
    points: i64,
    /// What promoters may share, per unit, in minor units.
    #[serde(default)]
    allotable_profit: i64,
    /// Per unit, in minor units.
    #[serde(default)]
    supplier_price: i64,
    /// The activity's unless set.
    mode: Option<PayMode>,
    /// A factor above 0, at most 1, with at most 4 decimal places; a number or text.
    discount: DecimalText,
    /// 1 promotion, 2 plain sale: without a discount.
    #[serde(default = "promotion")]
    #[schema(minimum = 1, maximum = 2, default = 1)]
    sales_status: i64,
    /// Units a user may take, over all orders.
    #[schema(minimum = 1, maximum = 1_000_000)]
    per_user_limit: Option<i64>,
}

fn promotion() -> i64 {
    1
}

async fn add_product(
    staff: Staff,
    id: Id<ActivityId>,
    body: Json<AddProduct>,
    api: Api,
) -> Answer<Created<Versioned<StaffOfferAnswer>>> {
    let offer = offer(body.fields)?;
    let added = api.call(|shop| async move { shop.promotion.add_offer(staff.store, *id, offer).await }).await?;
    Ok(Created { location: format!("/api/v1/admin/activity-products/{}", added.product_id), answer: Versioned::of(added) })
}

fn offer(given: AddProduct) -> Answer<NewOffer> {
    let terms = OfferTerms {
        mode: given.mode.map(Mode::from),
        discount: discount(&given.discount)?,
        sales_status: sales_status(given.sales_status)?,
        per_user_limit: given.per_user_limit,
        deleted: false,
    };
    let form = given.order_form_items.iter().enumerate().map(|(index, field)| form_field(index, *field));
    let goods = OfferGoods {
        receiving_way: given.receiving_way,
        form: form.collect::<Answer<_>>()?,
        title: given.title,
        pictures: given.pictures,
        delivery_place: given.delivery_place,
        customer_product_id: given.customer_product_id,
        code: given.code,
        spec: given.spec,
        price: given.price,
        points: given.points,
        allotable_profit: given.allotable_profit,
        supplier_price: given.supplier_price,
    };
    Ok(NewOffer { id: None, goods, terms })
}

/// An order of an activity carries no verification code, and names the parts of an address by themselves.
fn form_field(index: usize, field: FormField) -> Answer<OfferField> {
    match field {
        FormField::Recipients => Ok(OfferField::Recipients),
        FormField::Tel => Ok(OfferField::Tel),
        FormField::IdCard => Ok(OfferField::IdCard),
        FormField::TotalAddress => Ok(OfferField::TotalAddress),
        FormField::Address => Ok(OfferField::Address),
        FormField::OwnForm => Ok(OfferField::OwnForm),
        FormField::VerifyCode | FormField::ReceivingInfo => {
            Err(Problem::invalid(format!("/order_form_items/{index}"), "not a field of activity orders"))
        }
    }
}
