//! What an activity order keeps beside every order's rows, and the terms its units are taken under.

use sluice_inventory::{SaleWindow, Terms, UserLimit};
use sluice_kernel::{ActivityId, CampaignId, Currency, Money, Points, ProductId, Quantity, Window};
use sluice_order::{ActivityPart, NewOrder, ReserveTerms};

use crate::{
    error::{StoreError, StoreResult},
    multi_row::MultiRow,
    stored::Stored,
    table::order_activities::Model,
};

/// One row an activity order.
pub(super) static PARTS: MultiRow<Model> = MultiRow::insert();

/// An activity order's row; `None` for an order of another kind.
pub(super) fn part_row(order: &NewOrder) -> Option<Model> {
    let (part, item) = order.terms.activity.as_ref().zip(order.items.first())?;
    Some(Model {
        order_no: Stored(order.order_no),
        store_id: order.store.0,
        activity_id: part.activity_id.0,
        product_id: part.product_id.0,
        sku_id: item.sku_id.0,
        campaign_id: part.campaign_id.map(|campaign| campaign.0),
        pay_type: Stored(part.pay_type),
        discount: part.discount.normalize().to_string(),
        price: part.price.amount,
        points_price: part.points_price.0,
        quantity: part.quantity.get(),
        receiving_way: part.receiving_way.into(),
        own_form: part.own_form.clone(),
        promoter: part.promoter.clone(),
        customer_product_id: part.customer_product_id.as_deref().map(str::to_owned),
        partner_unit_price: part.partner_unit_price,
        partner_total: part.partner_total,
        starts_at: Stored(part.window.starts_at),
        ends_at: Stored(part.window.ends_at),
        most_orders: part.most_orders,
        most_units: part.most_units,
    })
}

/// What an order keeps, its amounts in the order's currency.
pub(super) fn read_part(row: Model, currency: Currency) -> StoreResult<ActivityPart> {
    Ok(ActivityPart {
        activity_id: ActivityId(row.activity_id),
        product_id: ProductId(row.product_id),
        campaign_id: row.campaign_id.map(CampaignId),
        pay_type: row.pay_type.0,
        discount: row.discount.parse().map_err(|_| StoreError::Corrupt("order_activities.discount"))?,
        price: Money::new(row.price, currency),
        points_price: Points(row.points_price),
        quantity: Quantity::new(row.quantity).map_err(|_| StoreError::Corrupt("order_activities.quantity"))?,
        receiving_way: u8::try_from(row.receiving_way).map_err(|_| StoreError::Corrupt("order_activities.receiving_way"))?,
        own_form: row.own_form,
        promoter: row.promoter,
        customer_product_id: row.customer_product_id.map(Into::into),
        partner_unit_price: row.partner_unit_price,
        partner_total: row.partner_total,
        window: Window { starts_at: row.starts_at.0, ends_at: row.ends_at.0 },
        most_orders: row.most_orders,
        most_units: row.most_units,
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
