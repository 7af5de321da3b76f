//! The checks before the gate, by the numbers of docs/domain.md S1.

use std::time::Duration;

use sluice_kernel::{Classified as _, FormField, PayType, Points, Quantity, Window};

use super::offer::{check, max_orders, redirect_type};
use crate::{
    OfferCard, OfferLookup, PlaceActivityOrder,
    fakes::{command, ends_at, found, now, offer, rules_of_store, starts_at},
};

fn refusal(command: &PlaceActivityOrder, found: &OfferLookup) -> Option<&'static str> {
    refusal_at(command, found, now())
}

fn refusal_at(command: &PlaceActivityOrder, found: &OfferLookup, at: sluice_kernel::Timestamp) -> Option<&'static str> {
    check(command, found, at, |sealed| sealed.strip_prefix("sealed ").map(str::to_owned)).err().map(|refusal| refusal.code())
}

#[test]
fn rule_1_an_activity_runs_from_its_start_to_its_end_both_included() {
    let (command, found) = (command(PayType::Cash), found(offer(PayType::Cash)));
    let millisecond = Duration::from_millis(1);
    for (at, refused) in [
        (starts_at().minus(millisecond), Some("activity_not_running")),
        (starts_at(), None),
        (ends_at(), None),
        (ends_at().plus(millisecond), Some("activity_not_running")),
    ] {
        assert_eq!(refusal_at(&command, &found, at), refused, "{at}");
    }
}

#[test]
fn rule_1_each_failure_has_a_code_of_its_own_and_the_first_of_several_is_told() {
    // Everything is wrong at once; one after the other is set right.
    let mut command = PlaceActivityOrder { referrer: Some("forged".to_owned()), ..command(PayType::Points) };
    let mut wrong = offer(PayType::Cash);
    wrong.shelf.form = [FormField::OwnForm].into();
    let mut found = found(wrong.clone());
    found.window = None;
    found.offer = None;
    assert_eq!(refusal(&command, &found), Some("activity_not_found"));
    found.window = Some(Window { starts_at: starts_at(), ends_at: ends_at() });
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
fn rule_2_a_pay_type_that_is_not_the_mode_is_refused() {
    for (pay_type, mode) in [(PayType::Cash, PayType::Points), (PayType::Points, PayType::Cash)] {
        assert_eq!(refusal(&command(pay_type), &found(offer(mode))), Some("pay_type_mismatch"));
        assert_eq!(refusal(&command(mode), &found(offer(mode))), None);
    }
}

#[test]
fn rule_4_a_special_store_gives_each_product_once_except_for_two_receiving_ways() {
    for (way, limit) in [(0, Some(1)), (1, Some(1)), (2, Some(1)), (3, None), (4, None)] {
        let offer = OfferCard { receiving_way: way, ..offer(PayType::Points) };
        assert_eq!(max_orders(&offer, true), limit, "{way}");
        assert_eq!(max_orders(&offer, false), None, "{way}");
    }
}

#[test]
fn rule_6_the_ratio_is_needed_for_points_alone_and_must_be_above_zero() {
    for ratio in [None, Some([0, 100]), Some([1, 0]), Some([-1, 100])] {
        let with = |mode| OfferLookup { store: rules_of_store(|store| store.points_to_cash_ratio = ratio), ..found(offer(mode)) };
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
fn a_sum_that_leaves_the_range_is_an_invalid_field() {
    let mut dear = offer(PayType::Points);
    dear.shelf.points = Points(i64::MAX);
    let command = PlaceActivityOrder { quantity: Quantity::new(9999).unwrap(), ..command(PayType::Points) };
    assert_eq!(refusal(&command, &found(dear)), Some("invalid_field"));
    // Worth more than can be told, though the points themselves fit.
    let mut worth = offer(PayType::Points);
    worth.shelf.points = Points(i64::MAX / 10_000);
    assert_eq!(refusal(&command, &found(worth.clone())), None);
    let found = OfferLookup { store: rules_of_store(|store| store.points_to_cash_ratio = Some([i64::MAX, 1])), ..found(worth) };
    assert_eq!(refusal(&command, &found), Some("invalid_field"));
}
