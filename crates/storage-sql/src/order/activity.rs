//! What an activity order keeps beside every order's rows, and the terms its units are taken under.

use sea_orm::{QueryResult, Value};
use sluice_inventory::{SaleWindow, Terms, UserLimit};
use sluice_kernel::{ActivityId, CampaignId, Currency, Money, Points, ProductId, Quantity, Timestamp, Window};
use sluice_order::{ActivityPart, NewOrder, ReserveTerms};

use super::codes::{pay_type_code, pay_type_of};
use crate::{
    error::{StoreError, StoreResult},
    multi_row::{MultiRow, column},
};

/// One row an activity order.
pub(super) static PARTS: MultiRow = MultiRow::insert(
    "INSERT INTO order_activities (order_no, store_id, activity_id, product_id, sku_id, campaign_id, pay_type, discount, price, \
     points_price, quantity, receiving_way, own_form, promoter, customer_product_id, partner_unit_price, partner_total, starts_at, \
     ends_at, most_orders, most_units) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    21,
);
pub(super) const PART: &str = "SELECT order_no, activity_id, product_id, campaign_id, pay_type, discount, price, points_price, \
                               quantity, receiving_way, own_form, promoter, customer_product_id, partner_unit_price, partner_total, \
                               starts_at, ends_at, most_orders, most_units FROM order_activities WHERE order_no IN";

/// The values of an activity order's row; `None` for an order of another kind.
pub(super) fn part_row(order: &NewOrder) -> Option<[Value; 21]> {
    let (part, item) = order.terms.activity.as_ref().zip(order.items.first())?;
    Some([
        order.order_no.id().into(),
        order.store.0.into(),
        part.activity_id.0.into(),
        part.product_id.0.into(),
        item.sku_id.0.into(),
        part.campaign_id.map(|campaign| campaign.0).into(),
        pay_type_code(part.pay_type).into(),
        part.discount.normalize().to_string().into(),
        part.price.amount.into(),
        part.points_price.0.into(),
        part.quantity.get().into(),
        i16::from(part.receiving_way).into(),
        part.own_form.clone().into(),
        part.promoter.clone().into(),
        part.customer_product_id.as_deref().map(str::to_owned).into(),
        part.partner_unit_price.into(),
        part.partner_total.into(),
        part.window.starts_at.as_millis().into(),
        part.window.ends_at.as_millis().into(),
        part.most_orders.into(),
        part.most_units.into(),
    ])
}

/// What an order keeps, its amounts in the order's currency.
pub(super) fn read_part(row: &QueryResult, currency: Currency) -> StoreResult<ActivityPart> {
    Ok(ActivityPart {
        activity_id: ActivityId(column(row, 1)?),
        product_id: ProductId(column(row, 2)?),
        campaign_id: column::<Option<i64>>(row, 3)?.map(CampaignId),
        pay_type: pay_type_of(column(row, 4)?)?,
        discount: column::<String>(row, 5)?.parse().map_err(|_| StoreError::Corrupt("order_activities.discount"))?,
        price: Money::new(column(row, 6)?, currency),
        points_price: Points(column(row, 7)?),
        quantity: Quantity::new(column(row, 8)?).map_err(|_| StoreError::Corrupt("order_activities.quantity"))?,
        receiving_way: u8::try_from(column::<i16>(row, 9)?).map_err(|_| StoreError::Corrupt("order_activities.receiving_way"))?,
        own_form: column(row, 10)?,
        promoter: column(row, 11)?,
        customer_product_id: column::<Option<String>>(row, 12)?.map(Into::into),
        partner_unit_price: column(row, 13)?,
        partner_total: column(row, 14)?,
        window: Window { starts_at: Timestamp::from_millis(column(row, 15)?), ends_at: Timestamp::from_millis(column(row, 16)?) },
        most_orders: column(row, 17)?,
        most_units: column(row, 18)?,
    })
}

/// An order's terms as the stock asks for them; an order of no activity has none. Usage is counted where nothing bounds
/// it, too.
pub(super) fn stock_terms(terms: Option<ReserveTerms>) -> Terms {
    let Some(ReserveTerms { window, sku, user, units, most_orders, most_units }) = terms else { return Terms::default() };
    Terms {
        window: window.map(|window| SaleWindow { from: window.starts_at, until: window.ends_at }),
        limit: Some(UserLimit { sku, user, units, most_orders, most_units }),
    }
}
