//! The rules of spec.md S1, by their numbers, and the sums as properties.

use std::time::Duration;

use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};
use sluice_kernel::{Classified as _, Currency, Money, Points, Quantity, ValueError};

use crate::{
    ActivityField, ActivityLook, OfferCard, OrderError, PayType, PlaceActivityOrder, Recipient,
    activity_rules::{PartnerPrice, check, check_fields, discounted, discounted_price, most_orders, partner_price, redirect_type},
    fakes::{command, ends_at, look, now, offer, rules_of_store, starts_at},
};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn units(quantity: i64) -> Quantity {
    Quantity::new(quantity).unwrap()
}

fn refusal(command: &PlaceActivityOrder, look: &ActivityLook) -> Option<&'static str> {
    refusal_at(command, look, now())
}

fn refusal_at(command: &PlaceActivityOrder, look: &ActivityLook, at: sluice_kernel::Timestamp) -> Option<&'static str> {
    check(command, look, at, |sealed| sealed.strip_prefix("sealed ").map(str::to_owned)).err().map(|refusal| refusal.code())
}

#[test]
fn rule_1_an_activity_runs_from_its_start_to_its_end_both_included() {
    let (command, look) = (command(PayType::Cash), look(offer(PayType::Cash)));
    let millisecond = Duration::from_millis(1);
    for (at, refused) in [
        (starts_at().minus(millisecond), Some("activity_not_running")),
        (starts_at(), None),
        (ends_at(), None),
        (ends_at().plus(millisecond), Some("activity_not_running")),
    ] {
        assert_eq!(refusal_at(&command, &look, at), refused, "{at}");
    }
}

#[test]
fn rule_1_each_failure_has_a_code_of_its_own_and_the_first_of_several_is_told() {
    // Everything is wrong at once; one after the other is set right.
    let mut command = PlaceActivityOrder { referrer: Some("forged".to_owned()), ..command(PayType::Points) };
    let mut wrong = OfferCard { form: [ActivityField::OwnForm].into(), ..offer(PayType::Cash) };
    let mut found = look(wrong.clone());
    found.window = None;
    found.offer = None;
    assert_eq!(refusal(&command, &found), Some("activity_not_found"));
    found.window = look(wrong.clone()).window;
    assert_eq!(refusal_at(&command, &found, ends_at().plus(Duration::from_secs(1))), Some("activity_not_running"));
    assert_eq!(refusal(&command, &found), Some("product_not_in_activity"));
    wrong.shelf.buyable = false;
    found.offer = Some(wrong.clone().into());
    assert_eq!(refusal(&command, &found), Some("product_not_in_activity"));
    wrong.shelf.buyable = true;
    found.offer = Some(wrong.clone().into());
    assert_eq!(refusal(&command, &found), Some("pay_type_mismatch"));
    wrong.mode = PayType::Points;
    found.offer = Some(wrong.into());
    found.store = rules_of_store(|store| store.points_to_cash_ratio = None);
    assert_eq!(refusal(&command, &found), Some("store_setting_missing"));
    found.store = rules_of_store(|_| {});
    assert_eq!(refusal(&command, &found), Some("referrer_invalid"));
    command.referrer = Some("sealed promoter 7".to_owned());
    assert_eq!(refusal(&command, &found), Some("field_required"));
    command.own_form = Some("blue, please".to_owned());
    assert_eq!(refusal(&command, &found), None);
    let checked = check(&command, &found, now(), |sealed| Some(sealed.to_owned())).unwrap();
    assert_eq!(checked.promoter.as_deref(), Some("sealed promoter 7"));
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
fn rule_2_a_pay_type_that_is_not_the_mode_is_refused() {
    for (pay_type, mode) in [(PayType::Cash, PayType::Points), (PayType::Points, PayType::Cash)] {
        assert_eq!(refusal(&command(pay_type), &look(offer(mode))), Some("pay_type_mismatch"));
        assert_eq!(refusal(&command(mode), &look(offer(mode))), None);
    }
}

#[test]
fn rule_3_a_special_store_asks_by_receiving_way_alone() {
    let nothing = Recipient::default();
    let who = Recipient { name: Some("Ada".to_owned()), phone: Some("13800000000".to_owned()), ..Recipient::default() };
    for way in 0..=4 {
        let offer = OfferCard { receiving_way: way, form: [ActivityField::OwnForm].into(), ..offer(PayType::Cash) };
        assert!(check_fields(&offer, true, &who, None).is_ok(), "{way}");
        let names: Vec<&str> = match check_fields(&offer, true, &nothing, None) {
            Err(OrderError::FieldRequired { missing }) => missing.iter().map(|missing| missing.field).collect(),
            answer => {
                assert!(answer.is_ok());
                Vec::new()
            }
        };
        assert_eq!(names, if way <= 1 { vec!["name", "phone"] } else { vec![] }, "{way}");
    }
}

#[test]
fn rule_3_in_other_stores_the_products_form_decides() {
    let form = [
        (ActivityField::Recipients, vec!["/recipient/name"]),
        (ActivityField::Tel, vec!["/recipient/phone"]),
        (ActivityField::IdCard, vec!["/recipient/id_card"]),
        (ActivityField::TotalAddress, vec!["/recipient/province", "/recipient/city", "/recipient/district"]),
        (ActivityField::Address, vec!["/recipient/address"]),
        (ActivityField::OwnForm, vec!["/own_form"]),
    ];
    for (field, pointers) in form {
        let offer = OfferCard { form: [field].into(), receiving_way: 0, ..offer(PayType::Cash) };
        // White space says nothing.
        let blank = Some(" ".to_owned());
        let recipient = Recipient { name: blank.clone(), ..Recipient::default() };
        let Err(OrderError::FieldRequired { missing }) = check_fields(&offer, false, &recipient, blank.as_ref()) else {
            unreachable!("{field:?} was not asked for")
        };
        assert_eq!(missing.iter().map(|missing| missing.pointer).collect::<Vec<_>>(), pointers);
    }
    let free = OfferCard { form: [].into(), receiving_way: 0, ..offer(PayType::Cash) };
    assert!(check_fields(&free, false, &Recipient::default(), None).is_ok());
}

#[test]
fn rule_4_a_special_store_gives_each_product_once_except_for_two_receiving_ways() {
    for (way, limit) in [(0, Some(1)), (1, Some(1)), (2, Some(1)), (3, None), (4, None)] {
        let offer = OfferCard { receiving_way: way, ..offer(PayType::Points) };
        assert_eq!(most_orders(&offer, true), limit, "{way}");
        assert_eq!(most_orders(&offer, false), None, "{way}");
    }
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
fn rule_6_the_ratio_is_needed_for_points_alone_and_must_be_above_zero() {
    for ratio in [None, Some([0, 100]), Some([1, 0]), Some([-1, 100])] {
        let with = |mode| ActivityLook { store: rules_of_store(|store| store.points_to_cash_ratio = ratio), ..look(offer(mode)) };
        assert_eq!(refusal(&command(PayType::Points), &with(PayType::Points)), Some("store_setting_missing"), "{ratio:?}");
        assert_eq!(refusal(&command(PayType::Cash), &with(PayType::Cash)), None, "{ratio:?}");
    }
}

#[test]
fn rule_8_the_home_page_is_where_the_answer_leads_unless_the_store_says_otherwise() {
    assert_eq!(redirect_type(&rules_of_store(|_| {})), "1");
    assert_eq!(redirect_type(&rules_of_store(|store| store.h5_redirect_type = Some("9".to_owned()))), "9");
}

#[test]
fn a_sum_that_leaves_the_range_is_an_invalid_field_and_never_wraps() {
    assert_eq!(discounted(i64::MAX, Decimal::ONE, units(2)), Err(ValueError::Overflow));
    assert_eq!(discounted(i64::MAX, decimal("0.5"), units(2)), Ok(i64::MAX));
    let mut dear = offer(PayType::Points);
    dear.shelf.points = Points(i64::MAX);
    let command = PlaceActivityOrder { quantity: units(9999), ..command(PayType::Points) };
    assert_eq!(refusal(&command, &look(dear)), Some("invalid_field"));
    // Worth more than can be told, though the points themselves fit.
    let mut worth = offer(PayType::Points);
    worth.shelf.points = Points(i64::MAX / 10_000);
    assert_eq!(refusal(&command, &look(worth.clone())), None);
    let found = ActivityLook { store: rules_of_store(|store| store.points_to_cash_ratio = Some([i64::MAX, 1])), ..look(worth) };
    assert_eq!(refusal(&command, &found), Some("invalid_field"));
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
