//! What staff may write of an offer. A place is named as it stands in the request.

use sluice_kernel::check;

use crate::{OfferChange, OfferGoods, OfferTerms};

const MAX_PER_USER: i64 = 1_000_000;
const MAX_PICTURES: usize = 20;

pub(crate) fn check_terms(terms: &OfferTerms) -> check::Result {
    check_limit(terms.per_user_limit)
}

pub(crate) fn check_terms_change(change: &OfferChange) -> check::Result {
    check_limit(change.per_user_limit.flatten())
}

fn check_limit(per_user: Option<i64>) -> check::Result {
    per_user.map_or(Ok(()), |limit| check::number("per_user_limit", limit, 1..=MAX_PER_USER))
}

/// The catalog's rules for a product and its one SKU, of which an offer alone must not leave `customer_product_id` empty.
pub(crate) fn check_goods(goods: &OfferGoods) -> check::Result {
    check::text("title", &goods.title, 200)?;
    check::entries("pictures", goods.pictures.len(), MAX_PICTURES)?;
    goods.pictures.iter().enumerate().try_for_each(|(index, picture)| check::text(("pictures", index), picture, 500))?;
    check::text("delivery_place", &goods.delivery_place, 64)?;
    goods.customer_product_id.as_deref().map_or(Ok(()), |id| check::text("customer_product_id", id, 64))?;
    check::distinct("order_form_items", &goods.form)?;
    check::text("code", &goods.code, 64)?;
    check::short_text("spec", &goods.spec, 200)?;
    check::amount("price", goods.price.minor_units)?;
    check::amount("points", goods.points)?;
    check::amount("allotable_profit", goods.allotable_profit)?;
    check::amount("supplier_price", goods.supplier_price)
}
