//! docs/domain.md S1 rules 2 and 6, and the sums as properties.

use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};
use sluice_kernel::{Currency, Money, PayType, Points, Quantity, ValueError};

use super::discount::{PartnerPrice, discounted, discounted_price, partner_price};
use crate::{OfferCard, fakes::offer};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn units(quantity: i64) -> Quantity {
    Quantity::new(quantity).unwrap()
}

#[test]
fn rule_2_cash_and_points_are_discounted_and_what_is_not_paid_with_is_zero() {
    let cash = OfferCard { discount: decimal("0.8"), ..offer(PayType::Cash) };
    let price = discounted_price(&cash, units(3)).unwrap();
    assert_eq!((price.unit_price, price.unit_points), (Money::new(1990, Currency::CNY), Points(0)));
    assert_eq!((price.total, price.points_total), (Money::new(4776, Currency::CNY), Points(0)));

    let points = OfferCard { mode: PayType::Points, ..cash };
    let price = discounted_price(&points, units(3)).unwrap();
    assert_eq!((price.unit_price, price.unit_points), (Money::zero(Currency::CNY), Points(500)));
    assert_eq!((price.total, price.points_total), (Money::zero(Currency::CNY), Points(1200)));
    assert_eq!(price.profit_total, 450);
}

#[test]
fn rule_2_rounding_is_half_away_from_zero_and_once_per_line() {
    // 0.5 of one unit; of three units 1.5: rounding each unit first would make three.
    assert_eq!(discounted(1, decimal("0.5"), units(1)), Ok(1));
    assert_eq!(discounted(1, decimal("0.5"), units(3)), Ok(2));
    assert_eq!(discounted(1, decimal("0.4999999999"), units(1)), Ok(0));
    assert_eq!(discounted(5, decimal("0.3"), units(1)), Ok(2));
    assert_eq!(discounted(-5, decimal("0.3"), units(1)), Ok(-2));
    assert_eq!(discounted(1990, decimal("1.000"), units(9999)), Ok(1990 * 9999));
}

#[test]
fn rule_6_partners_are_told_what_points_are_worth() {
    let told = |offer: &OfferCard, ratio, quantity| partner_price(offer, ratio, units(quantity)).unwrap();
    let points = OfferCard { discount: decimal("0.8"), ..offer(PayType::Points) };
    // 400 points at 100 points a yuan are 4.00 yuan; the list price counts for nothing.
    assert_eq!(told(&points, Some([1, 100]), 2), PartnerPrice { unit: 400, total: 800 });
    // A third of a fen a unit, 100 fen × 5 ÷ 1500: the total is rounded from what the unit was before rounding.
    let mut odd = points.clone();
    (odd.discount, odd.shelf.points) = (Decimal::ONE, Points(5));
    assert_eq!(told(&odd, Some([1, 1500]), 1), PartnerPrice { unit: 0, total: 0 });
    assert_eq!(told(&odd, Some([1, 1500]), 5), PartnerPrice { unit: 0, total: 2 });
    // A currency without decimals.
    let mut yen = points.clone();
    yen.shelf.price = Money::new(1990, "JPY".parse().unwrap());
    assert_eq!(told(&yen, Some([1, 100]), 2), PartnerPrice { unit: 4, total: 8 });
    // In cash the price as it is listed, whatever points would be worth.
    let cash = OfferCard { discount: decimal("0.8"), ..offer(PayType::Cash) };
    assert_eq!(told(&cash, Some([1, 100]), 3), PartnerPrice { unit: 1990, total: 5970 });
    assert_eq!(told(&cash, None, 3), PartnerPrice { unit: 1990, total: 5970 });
}

#[test]
fn a_sum_that_leaves_the_range_never_wraps() {
    assert_eq!(discounted(i64::MAX, Decimal::ONE, units(2)), Err(ValueError::Overflow));
    assert_eq!(discounted(i64::MAX, decimal("0.5"), units(2)), Ok(i64::MAX));
    let mut profit = offer(PayType::Cash);
    profit.shelf.allotable_profit = i64::MAX;
    assert!(discounted_price(&profit, units(2)).is_err());
}

/// In (0, 1], with up to six digits.
fn discounts() -> impl Strategy<Value = (i64, u32)> {
    (0_u32..=6).prop_flat_map(|scale| (1..=10_i64.pow(scale), Just(scale)))
}

proptest! {
    /// `total` is the whole number t with (t − ½)·d ≤ n < (t + ½)·d: exact rational rounding, half away from zero.
    #[test]
    fn rule_2_a_total_is_the_exact_fraction_rounded_half_away(
        unit in 0_i64..=1_000_000_000_000, (mantissa, scale) in discounts(), quantity in 1_i64..=9999,
    ) {
        let total = i128::from(discounted(unit, Decimal::new(mantissa, scale), units(quantity)).unwrap());
        let (numerator, divisor) = (i128::from(unit) * i128::from(mantissa) * i128::from(quantity), 10_i128.pow(scale));
        prop_assert!((2 * total - 1) * divisor <= 2 * numerator && 2 * numerator < (2 * total + 1) * divisor);
        // Mirrored below zero.
        let below = discounted(-unit, Decimal::new(mantissa, scale), units(quantity)).unwrap();
        prop_assert_eq!(i128::from(below), -total);
    }

    #[test]
    fn rule_2_a_total_is_what_decimals_say_where_they_are_exact(
        unit in 0_i64..=1_000_000_000_000, (mantissa, scale) in discounts(), quantity in 1_i64..=9999,
    ) {
        let discount = Decimal::new(mantissa, scale);
        let exact = Decimal::from(unit) * discount * Decimal::from(quantity);
        let rounded = exact.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        prop_assert_eq!(Decimal::from(discounted(unit, discount, units(quantity)).unwrap()), rounded);
    }

    #[test]
    fn rule_2_whatever_the_numbers_a_total_is_within_its_bounds_or_an_error(
        unit in 0_i64..=i64::MAX, (mantissa, scale) in discounts(), quantity in 1_i64..=9999,
    ) {
        let undiscounted = i128::from(unit) * i128::from(quantity);
        match discounted(unit, Decimal::new(mantissa, scale), units(quantity)) {
            Ok(total) => prop_assert!(total >= 0 && i128::from(total) <= undiscounted),
            Err(error) => {
                prop_assert_eq!(error, ValueError::Overflow);
                let exact = undiscounted * i128::from(mantissa) / 10_i128.pow(scale);
                prop_assert!(exact >= i128::from(i64::MAX), "refused though it fits: {}", exact);
            }
        }
    }

    #[test]
    fn rule_2_more_units_never_cost_less(
        unit in 0_i64..=1_000_000_000_000, (mantissa, scale) in discounts(), quantity in 1_i64..9999,
    ) {
        let discount = Decimal::new(mantissa, scale);
        let total = |quantity| discounted(unit, discount, units(quantity)).unwrap();
        prop_assert!(total(quantity) <= total(quantity + 1));
        prop_assert!(discounted(unit, Decimal::ONE, units(quantity)).unwrap() >= total(quantity));
    }

    /// Unit and total are each rounded from the same exact price.
    #[test]
    fn rule_6_unit_and_total_are_each_the_exact_fraction_rounded_half_away(
        points in 0_i64..=1_000_000_000, (mantissa, scale) in discounts(), quantity in 1_i64..=9999,
        major_units in 1_i64..=1000, of_points in 1_i64..=100_000,
    ) {
        let mut offer = OfferCard { discount: Decimal::new(mantissa, scale), ..offer(PayType::Points) };
        offer.shelf.points = Points(points);
        let told = partner_price(&offer, Some([major_units, of_points]), units(quantity)).unwrap();
        let numerator = i128::from(points) * i128::from(mantissa) * i128::from(major_units) * 100;
        let divisor = 10_i128.pow(scale) * i128::from(of_points);
        for (rounded, numerator) in [(told.unit, numerator), (told.total, numerator * i128::from(quantity))] {
            let rounded = i128::from(rounded);
            prop_assert!((2 * rounded - 1) * divisor <= 2 * numerator && 2 * numerator < (2 * rounded + 1) * divisor);
        }
    }
}
