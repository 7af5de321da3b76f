//! Whether an activity order may be placed: the checks before the gate, in the order in which they refuse (docs/domain.md S1).

use sluice_kernel::{ActivityId, InvalidField, PayType, ProductId, Timestamp, ValueError, Window};

use super::{
    discount::{DiscountedPrice, PartnerPrice, discounted_price, partner_price},
    parse_id,
    pricing::check_expected,
    required_fields::check_activity_fields,
};
use crate::{OfferCard, OfferLookup, OrderError, PlaceActivityOrder, StoreRules};

/// `redirect_type` where the store has set none (rule 8): the home page.
const HOME_PAGE: &str = "1";

/// What the request names: `None` where the activity cannot exist.
pub fn named(command: &PlaceActivityOrder) -> Option<(ActivityId, Option<ProductId>)> {
    parse_id::<ActivityId>(&command.activity).map(|activity| (activity, parse_id::<ProductId>(&command.product)))
}

/// An order that nothing but the gate can refuse any more.
#[derive(Debug)]
pub struct Checked<'a> {
    pub offer: &'a OfferCard,
    pub window: Window,
    /// Whom the sealed referrer named.
    pub promoter: Option<String>,
    pub partner: PartnerPrice,
    pub price: DiscountedPrice,
}

/// Every check before the gate, in the order in which they refuse (docs/api.md); limit and stock come after them, at the gate.
/// `open` opens a sealed referrer.
pub fn check<'a>(
    command: &PlaceActivityOrder,
    found: &'a OfferLookup,
    now: Timestamp,
    open: impl FnOnce(&str) -> Option<String>,
) -> Result<Checked<'a>, OrderError> {
    let window = found.window.ok_or(OrderError::ActivityNotFound)?;
    if !window.holds(now) {
        return Err(OrderError::ActivityNotRunning);
    }
    let offer = found.offer.as_deref().filter(|offer| offer.shelf.buyable).ok_or(OrderError::ProductNotInActivity)?;
    if command.pay_type != offer.mode {
        return Err(OrderError::PayTypeMismatch);
    }
    let ratio = found.store.points_to_cash_ratio.filter(|[major_units, points]| *major_units > 0 && *points > 0);
    if offer.mode == PayType::Points && ratio.is_none() {
        return Err(OrderError::StoreSettingMissing);
    }
    let promoter = match command.referrer.as_deref() {
        Some(sealed) => Some(open(sealed).ok_or(OrderError::ReferrerInvalid)?),
        None => None,
    };
    check_activity_fields(offer, found.store.special, &command.recipient, command.own_form.as_ref())?;
    let too_large = |error: ValueError| InvalidField::new("quantity", error.to_string());
    let price = discounted_price(offer, command.quantity).map_err(too_large)?;
    check_expected(command.expected, price.total, price.points_total)?;
    let partner = partner_price(offer, ratio, command.quantity).map_err(too_large)?;
    Ok(Checked { offer, window, promoter, partner, price })
}

/// Rule 4: in a special store a user has each product of an activity once, except with receiving way 3 or 4.
pub fn max_orders(offer: &OfferCard, special: bool) -> Option<i64> {
    (special && !matches!(offer.receiving_way, 3 | 4)).then_some(1)
}

/// Rule 8.
pub fn redirect_type(store: &StoreRules) -> String {
    store.h5_redirect_type.clone().unwrap_or_else(|| HOME_PAGE.to_owned())
}
