//! What an activity order costs, and what partners are told it is worth (docs/domain.md S1 rules 2 and 6).
//!
//! All sums are exact fractions of whole numbers, rounded once, half away from zero; what leaves the range is an error.

use rust_decimal::Decimal;
use sluice_kernel::{Money, PayType, Points, Quantity, ValueError};

use crate::OfferCard;

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
