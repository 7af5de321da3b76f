//! The rules of an activity order as plain functions: what it costs, what partners are told it is worth, which fields
//! it needs, how often a user may have it, and the checks in the order in which they refuse (spec.md S1 rules 1–4 and 6).
//!
//! All sums are exact fractions of whole numbers, rounded once, half away from zero; what leaves the range is an error.

use rust_decimal::Decimal;
use sluice_kernel::{ActivityId, Money, Points, ProductId, Quantity, Timestamp, ValueError};

use crate::{
    ActivityField, ActivityLook, ActivityWindow, MissingField, OfferCard, OrderError, PayType, PlaceActivityOrder, Recipient,
    StoreRules, rules::given,
};

/// `redirect_type` where the store has set none (rule 8): the home page.
const HOME_PAGE: &str = "1";

/// An id as the client wrote it. It is opaque to the client: what cannot be ours names nothing.
fn known<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|id| id.to_string() == text)
}

/// What the request names: `None` where the activity cannot exist.
pub fn named(command: &PlaceActivityOrder) -> Option<(ActivityId, Option<ProductId>)> {
    known::<ActivityId>(&command.activity).map(|activity| (activity, known::<ProductId>(&command.product)))
}

/// An order that nothing but the gate can refuse any more.
#[derive(Debug)]
pub struct Checked<'a> {
    pub offer: &'a OfferCard,
    pub window: ActivityWindow,
    /// Whom the sealed referrer named.
    pub promoter: Option<String>,
    pub partner: PartnerPrice,
    pub price: DiscountedPrice,
}

/// Every check before the gate, in the order in which they refuse (api.md); limit and stock come after them, at the gate.
/// `open` opens a sealed referrer.
pub fn check<'a>(
    command: &PlaceActivityOrder,
    look: &'a ActivityLook,
    now: Timestamp,
    open: impl FnOnce(&str) -> Option<String>,
) -> Result<Checked<'a>, OrderError> {
    let window = look.window.ok_or(OrderError::ActivityNotFound)?;
    if !window.holds(now) {
        return Err(OrderError::ActivityNotRunning);
    }
    let offer = look.offer.as_deref().filter(|offer| offer.shelf.buyable).ok_or(OrderError::ProductNotInActivity)?;
    if command.pay_type != offer.mode {
        return Err(OrderError::PayTypeMismatch);
    }
    let ratio = look.store.points_to_cash_ratio.filter(|[major_units, points]| *major_units > 0 && *points > 0);
    if offer.mode == PayType::Points && ratio.is_none() {
        return Err(OrderError::StoreSettingMissing);
    }
    let promoter = match command.referrer.as_deref() {
        Some(sealed) => Some(open(sealed).ok_or(OrderError::ReferrerInvalid)?),
        None => None,
    };
    check_fields(offer, look.store.special, &command.recipient, command.own_form.as_ref())?;
    let too_large = |error: ValueError| crate::rules::invalid("/quantity", &error.to_string());
    let price = discounted_price(offer, command.quantity).map_err(too_large)?;
    let partner = partner_price(offer, ratio, command.quantity).map_err(too_large)?;
    Ok(Checked { offer, window, promoter, partner, price })
}

/// Rule 3: what a special store asks by receiving way, any other store by the product's form.
pub fn check_fields(offer: &OfferCard, special: bool, recipient: &Recipient, own_form: Option<&String>) -> Result<(), OrderError> {
    let by_way: &[ActivityField] = match offer.receiving_way {
        0 | 1 => &[ActivityField::Recipients, ActivityField::Tel],
        _ => &[],
    };
    let required = if special { by_way } else { offer.form.as_ref() };
    let mut missing = Vec::new();
    for field in required {
        let wanted: &[(&'static str, &'static str, Option<&String>)] = match field {
            ActivityField::Recipients => &[("/recipient/name", "name", recipient.name.as_ref())],
            ActivityField::Tel => &[("/recipient/phone", "phone", recipient.phone.as_ref())],
            ActivityField::IdCard => &[("/recipient/id_card", "id_card", recipient.id_card.as_ref())],
            ActivityField::TotalAddress => &[
                ("/recipient/province", "province", recipient.province.as_ref()),
                ("/recipient/city", "city", recipient.city.as_ref()),
                ("/recipient/district", "district", recipient.district.as_ref()),
            ],
            ActivityField::Address => &[("/recipient/address", "address", recipient.address.as_ref())],
            ActivityField::OwnForm => &[("/own_form", "own_form", own_form)],
        };
        let absent = wanted.iter().filter(|(_, _, text)| !given(*text));
        missing.extend(absent.map(|(pointer, field, _)| MissingField { pointer, field, product: offer.shelf.product_id }));
    }
    if missing.is_empty() { Ok(()) } else { Err(OrderError::FieldRequired { missing }) }
}

/// Rule 4: in a special store a user has each product of an activity once, except with receiving way 3 or 4.
pub fn most_orders(offer: &OfferCard, special: bool) -> Option<i64> {
    (special && !matches!(offer.receiving_way, 3 | 4)).then_some(1)
}

/// Rule 8.
pub fn redirect_type(store: &StoreRules) -> String {
    store.h5_redirect_type.clone().unwrap_or_else(|| HOME_PAGE.to_owned())
}

/// Prices of one offer before the discount, and what the order comes to (rule 2). What is not paid with is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscountedPrice {
    pub unit_price: Money,
    pub unit_points: Points,
    pub total: Money,
    pub points_total: Points,
    /// Not discounted: what promoters may share of the whole order.
    pub profit_total: i64,
}

pub fn discounted_price(offer: &OfferCard, quantity: Quantity) -> Result<DiscountedPrice, ValueError> {
    let currency = offer.shelf.price.currency;
    let profit_total = offer.shelf.allotable_profit.checked_mul(quantity.get()).ok_or(ValueError::Overflow)?;
    let (price, points) = (offer.shelf.price, offer.shelf.points);
    Ok(match offer.mode {
        PayType::Cash => DiscountedPrice {
            unit_price: price,
            unit_points: Points(0),
            total: Money::new(discounted(price.amount, offer.discount, quantity)?, currency),
            points_total: Points(0),
            profit_total,
        },
        PayType::Points => DiscountedPrice {
            unit_price: Money::zero(currency),
            unit_points: points,
            total: Money::zero(currency),
            points_total: Points(discounted(points.0, offer.discount, quantity)?),
            profit_total,
        },
    })
}

/// Rule 2: unit × discount × quantity, rounded once.
pub fn discounted(unit: i64, discount: Decimal, quantity: Quantity) -> Result<i64, ValueError> {
    Fraction::whole(unit).times(discount)?.times_whole(quantity.get())?.rounded()
}

/// What partner systems are told, in minor units (rule 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartnerPrice {
    pub unit: i64,
    /// Of the unit as it was before rounding, × quantity: rounded by itself.
    pub total: i64,
}

/// Rule 6: price + points × discount × a ÷ b × 10^exponent, where the mode that does not apply counts for nothing.
pub fn partner_price(offer: &OfferCard, ratio: Option<[i64; 2]>, quantity: Quantity) -> Result<PartnerPrice, ValueError> {
    let unit = match (offer.mode, ratio) {
        (PayType::Points, Some([major_units, points])) => {
            let minor_units = 10_i64.checked_pow(offer.shelf.price.currency.exponent()).ok_or(ValueError::Overflow)?;
            let worth = Fraction::whole(offer.shelf.points.0).times(offer.discount)?;
            worth.times_whole(major_units)?.times_whole(minor_units)?.divided_by(points)?
        }
        (PayType::Points, None) => Fraction::whole(0),
        (PayType::Cash, _) => Fraction::whole(offer.shelf.price.amount),
    };
    Ok(PartnerPrice { unit: unit.rounded()?, total: unit.times_whole(quantity.get())?.rounded()? })
}

/// An exact fraction; its divisor is above zero.
#[derive(Debug, Clone, Copy)]
struct Fraction {
    numerator: i128,
    divisor: i128,
}

impl Fraction {
    fn whole(number: i64) -> Self {
        Self { numerator: i128::from(number), divisor: 1 }
    }

    fn of(numerator: Option<i128>, divisor: Option<i128>) -> Result<Self, ValueError> {
        let (numerator, divisor) = numerator.zip(divisor).ok_or(ValueError::Overflow)?;
        let shared = shared_divisor(numerator, divisor);
        Ok(Self { numerator: numerator / shared, divisor: divisor / shared })
    }

    fn times_whole(self, factor: i64) -> Result<Self, ValueError> {
        Self::of(self.numerator.checked_mul(i128::from(factor)), Some(self.divisor))
    }

    fn times(self, factor: Decimal) -> Result<Self, ValueError> {
        let factor = factor.normalize();
        let scale = 10_i128.checked_pow(factor.scale()).ok_or(ValueError::Overflow)?;
        Self::of(self.numerator.checked_mul(factor.mantissa()), self.divisor.checked_mul(scale))
    }

    /// `divisor` is above zero.
    fn divided_by(self, divisor: i64) -> Result<Self, ValueError> {
        Self::of(Some(self.numerator), self.divisor.checked_mul(i128::from(divisor.max(1))))
    }

    /// To a whole number, half away from zero.
    fn rounded(self) -> Result<i64, ValueError> {
        let (whole, rest) = (self.numerator / self.divisor, self.numerator % self.divisor);
        let away = if rest.unsigned_abs() >= self.divisor.unsigned_abs().div_ceil(2) { self.numerator.signum() } else { 0 };
        i64::try_from(whole + away).map_err(|_| ValueError::Overflow)
    }
}

/// The greatest number that divides both; keeps fractions short.
fn shared_divisor(one: i128, other: i128) -> i128 {
    let (mut one, mut other) = (one, other);
    while other != 0 {
        (one, other) = (other, one.checked_rem(other).unwrap_or(0));
    }
    one.checked_abs().unwrap_or(1).max(1)
}
