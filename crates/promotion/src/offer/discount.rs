//! Discounts: exact decimals, and how a price is rounded.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive as _};

/// A discount factor in (0, 1] with at most four decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discount(Decimal);

impl Discount {
    pub const NONE: Self = Self(Decimal::ONE);
    /// Ten-thousandths in 1: the unit in which it is stored.
    const PARTS: i64 = 10_000;

    pub fn new(factor: Decimal) -> Option<Self> {
        let factor = factor.normalize();
        (factor > Decimal::ZERO && factor <= Decimal::ONE && factor.scale() <= 4).then_some(Self(factor))
    }

    pub fn get(self) -> Decimal {
        self.0
    }

    pub fn from_ten_thousandths(parts: i64) -> Option<Self> {
        Self::new(Decimal::new(parts, 4))
    }

    pub fn ten_thousandths(self) -> i64 {
        (self.0 * Decimal::from(Self::PARTS)).to_i64().unwrap_or(Self::PARTS)
    }

    /// Minor units or points of one unit after the discount: rounded once, half away from zero (docs/domain.md S1 rule 2).
    pub fn of(self, amount: i64) -> i64 {
        let exact = self.0.checked_mul(Decimal::from(amount)).unwrap_or(Decimal::from(amount));
        exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64().unwrap_or(amount)
    }
}

impl FromStr for Discount {
    type Err = NotADiscount;

    /// Digits with a point; nothing is rounded.
    fn from_str(text: &str) -> Result<Self, NotADiscount> {
        let plain = text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let exact = Decimal::from_str_exact(text).ok().filter(|_| plain);
        exact.and_then(Self::new).ok_or(NotADiscount)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("above 0, at most 1, with at most 4 decimal places")]
pub struct NotADiscount;

impl fmt::Display for Discount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discount_is_above_zero_and_at_most_one_with_four_places() {
        for (text, valid) in
            [("0", false), ("-0.5", false), ("0.0001", true), ("0.00001", false), ("0.8", true), ("0.80000", true), ("1", true)]
        {
            assert_eq!(Discount::new(text.parse().unwrap()).is_some(), valid, "{text}");
        }
        assert_eq!(Discount::new("1.0001".parse().unwrap()), None);
        let discount = Discount::new("0.8".parse().unwrap()).unwrap();
        assert_eq!(discount.ten_thousandths(), 8_000);
        assert_eq!(Discount::from_ten_thousandths(8_000), Some(discount));
        assert_eq!(Discount::from_ten_thousandths(0), None);
    }

    #[test]
    fn a_discount_is_read_exactly() {
        assert_eq!("0.8".parse(), Ok(Discount(Decimal::new(8, 1))));
        assert_eq!("1.0000".parse(), Ok(Discount::NONE));
        for text in ["", ".", "0.80001", "1.1", "-0.8", "+0.8", "0_8", "8e-1", "0.8 ", "NaN", "0.79999999999999999999999999999999"]
        {
            assert_eq!(text.parse::<Discount>(), Err(NotADiscount), "{text}");
        }
    }

    #[test]
    fn s1_rule_2_a_unit_is_rounded_half_away_from_zero() {
        let discount = |text: &str| Discount::new(text.parse().unwrap()).unwrap();
        assert_eq!(discount("0.8").of(1_990), 1_592);
        assert_eq!(discount("0.5").of(3), 2);
        assert_eq!(discount("0.25").of(1), 0);
        assert_eq!(discount("0.3333").of(10_000), 3_333);
        assert_eq!(discount("0.9999").of(i64::MAX), 9_222_449_699_651_090_329);
    }
}
