//! What staff may write of an offer.

use crate::{
    OfferGoods, OfferTerms, PromotionError,
    fields::{check_length, check_text, invalid},
};

const MAX_PER_USER: i64 = 1_000_000;

pub(crate) fn check_terms(terms: &OfferTerms) -> Result<(), PromotionError> {
    if terms.per_user_limit.is_some_and(|limit| !(1..=MAX_PER_USER).contains(&limit)) {
        return Err(invalid("per_user_limit", format!("from 1 to {MAX_PER_USER} units, or none")));
    }
    Ok(())
}

pub(crate) fn check_goods(goods: &OfferGoods) -> Result<(), PromotionError> {
    check_text("title", &goods.title, 200)?;
    check_text("delivery_place", &goods.delivery_place, 64)?;
    check_text("code", &goods.code, 64)?;
    check_length("spec", &goods.spec, 200)?;
    goods.customer_product_id.as_deref().map_or(Ok(()), |id| check_text("customer_product_id", id, 64))?;
    if goods.pictures.len() > 20 {
        return Err(invalid("pictures", "at most 20 pictures"));
    }
    goods.pictures.iter().try_for_each(|picture| check_text("pictures", picture, 500))?;
    if goods.receiving_way > 4 {
        return Err(invalid("receiving_way", "from 0 to 4"));
    }
    for (field, amount) in [
        ("price", goods.price),
        ("points", goods.points),
        ("allotable_profit", goods.allotable_profit),
        ("supplier_price", goods.supplier_price),
    ] {
        if !(0..=MAX_AMOUNT).contains(&amount) {
            return Err(invalid(field, format!("from 0 to {MAX_AMOUNT}")));
        }
    }
    Ok(())
}

/// A trillion, as in the catalog.
const MAX_AMOUNT: i64 = 1_000_000_000_000;
