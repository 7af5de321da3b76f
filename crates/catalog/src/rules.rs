//! What staff may write of stores, products and SKUs. A place is named as it stands in the request.

use sluice_kernel::{FormField, InvalidField, check};

use crate::{NewProduct, NewSku, ProductChange, ProductSearch, SkuChange, StoreSettings};

/// SKUs of a product that were not deleted: a product is always read with all of them.
const MAX_SKUS: usize = 100;
const MAX_PICTURES: usize = 20;

/// Words of a search, and ids of one; what stands in a query is called by its place there.
const MAX_WORDS: usize = 8;
const MAX_SEARCH: usize = 100;
const MAX_IDS: usize = 100;

pub(crate) fn check_search(search: &ProductSearch) -> check::Result {
    let ProductSearch { text, ids } = search;
    let text_is_sound = text.as_ref().map_or(Ok(()), |text| {
        check::text("q", text, MAX_SEARCH)?;
        check::entries("q", search.words().count(), MAX_WORDS)
    });
    let sound = text_is_sound.and_then(|()| ids.as_ref().map_or(Ok(()), |ids| check::entries("ids", ids.len(), MAX_IDS)));
    sound.map_err(|invalid| invalid.within("query"))
}

pub(crate) fn check_settings(settings: &StoreSettings) -> check::Result {
    if settings.points_to_cash_ratio.is_some_and(|[cash, points]| cash <= 0 || points <= 0) {
        return Err(InvalidField::new("points_to_cash_ratio", "both numbers are above zero"));
    }
    settings.h5_redirect_type.as_deref().map_or(Ok(()), |kind| check::text("h5_redirect_type", kind, 16))
}

pub(crate) fn check_new_product(product: &NewProduct) -> check::Result {
    check_title(&product.title)?;
    check_pictures(&product.pictures)?;
    check_delivery_place(&product.delivery_place)?;
    product.customer_product_id.as_deref().map_or(Ok(()), check_customer_product_id)?;
    check_form(&product.order_form_items)?;
    if product.offer_only && product.skus.len() != 1 {
        return Err(one_sku_alone());
    }
    check_sku_count(product.skus.len())?;
    for (index, sku) in product.skus.iter().enumerate() {
        check_new_sku(sku).map_err(|invalid| invalid.within(("skus", index)))?;
    }
    Ok(())
}

pub(crate) fn check_product_change(change: &ProductChange) -> check::Result {
    change.title.as_deref().map_or(Ok(()), check_title)?;
    change.pictures.as_deref().map_or(Ok(()), check_pictures)?;
    change.delivery_place.as_deref().map_or(Ok(()), check_delivery_place)?;
    change.customer_product_id.iter().flatten().try_for_each(|id| check_customer_product_id(id))?;
    change.order_form_items.as_deref().map_or(Ok(()), check_form)
}

pub(crate) fn check_new_sku(sku: &NewSku) -> check::Result {
    check_code(&sku.code)?;
    check_spec(&sku.spec)?;
    check::amount("price", sku.price.minor_units)?;
    check::amount("points", sku.points)?;
    check::amount("allotable_profit", sku.allotable_profit)?;
    check::amount("supplier_price", sku.supplier_price)
}

pub(crate) fn check_sku_change(change: &SkuChange) -> check::Result {
    change.code.as_deref().map_or(Ok(()), check_code)?;
    change.spec.as_deref().map_or(Ok(()), check_spec)?;
    change.price.map_or(Ok(()), |price| check::amount("price", price.minor_units))?;
    change.points.map_or(Ok(()), |points| check::amount("points", points))?;
    change.allotable_profit.map_or(Ok(()), |profit| check::amount("allotable_profit", profit))?;
    change.supplier_price.map_or(Ok(()), |price| check::amount("supplier_price", price))
}

pub(crate) fn check_sku_count(skus: usize) -> check::Result {
    check::entries("skus", skus, MAX_SKUS)
}

/// See [`crate::Product::offer_only`].
pub(crate) fn one_sku_alone() -> InvalidField {
    InvalidField::new("skus", "a product of an activity has exactly one SKU")
}

fn check_title(title: &str) -> check::Result {
    check::text("title", title, 200)
}

fn check_delivery_place(place: &str) -> check::Result {
    check::text("delivery_place", place, 64)
}

fn check_pictures(pictures: &[String]) -> check::Result {
    check::entries("pictures", pictures.len(), MAX_PICTURES)?;
    pictures.iter().enumerate().try_for_each(|(index, picture)| check::text(("pictures", index), picture, 500))
}

fn check_customer_product_id(id: &str) -> check::Result {
    check::short_text("customer_product_id", id, 64)
}

fn check_form(items: &[FormField]) -> check::Result {
    check::distinct("order_form_items", items)
}

fn check_code(code: &str) -> check::Result {
    check::text("code", code, 64)
}

fn check_spec(spec: &str) -> check::Result {
    check::short_text("spec", spec, 200)
}
