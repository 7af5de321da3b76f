//! The stock gate's suite: terms of an activity (docs/domain.md S1 rules 1 and 4), one call after the other.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::time::Duration;

use sluice_events::RestockLine;
use sluice_kernel::{ReservationId, SkuId, Timestamp, UserId};

use super::gate::{GateFixture, LISTED, PLAIN, STORE, figures, is_reserved, line, now, order, parts};
use crate::{GateAnswer, Listing, ReserveLine, SaleWindow, Settled, Short, StockGate, Terms, UserLimit};

/// What a user takes, and the most orders and units that are allowed.
pub(super) fn limited(user: &str, line: ReserveLine, most_orders: Option<i64>, most_units: Option<i64>) -> Terms {
    let user = UserId(user.to_owned());
    let limit = UserLimit { sku: line.sku, user, units: line.quantity, most_orders, most_units };
    Terms { window: None, limit: Some(limit) }
}

async fn reserve(gate: &dyn StockGate, id: ReservationId, line: ReserveLine, terms: &Terms) -> GateAnswer {
    gate.reserve(STORE, id, &[line], terms, now()).await.unwrap()
}

/// What users have taken of a SKU: name, orders, units.
pub(super) async fn taken(gate: &dyn StockGate, sku: SkuId) -> Vec<(String, i64, i64)> {
    let all = gate.taken(STORE).await.unwrap().into_iter();
    all.filter(|taken| taken.sku == sku).map(|taken| (taken.user.0, taken.orders, taken.units)).collect()
}

fn counts(user: &str, orders: i64, units: i64) -> (String, i64, i64) {
    (user.to_owned(), orders, units)
}

/// Rule 1: the first and the last instant belong to the window, a millisecond more does not.
pub async fn the_window_includes_both_ends(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(93_001);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    if let Some(present) = fixture.clock_of_gate() {
        return the_gates_clock_decides(&*gate, sku, present).await;
    }
    let (from, until) = (now(), now().plus(Duration::from_mins(1)));
    let terms = Terms { window: Some(SaleWindow { from, until }), limit: None };
    let millisecond = Duration::from_millis(1);
    let at = async |number, moment: Timestamp| gate.reserve(STORE, order(number), &[line(sku, 1)], &terms, moment).await.unwrap();

    assert_eq!(at(3_001, from.minus(millisecond)).await, GateAnswer::OutsideWindow);
    assert_eq!(at(3_001, until.plus(millisecond)).await, GateAnswer::OutsideWindow);
    assert_eq!(figures(&*gate, sku).await, parts(10, 0, 0));
    for (number, moment) in [(3_001, from), (3_002, until)] {
        assert!(is_reserved(&at(number, moment).await));
    }
    // What was held in time stays held.
    assert!(is_reserved(&at(3_001, until.plus(millisecond)).await));
    assert_eq!(figures(&*gate, sku).await, parts(8, 2, 0));
}

/// A caller whose clock is wrong neither opens nor closes a window at a gate that has a clock of its own.
async fn the_gates_clock_decides(gate: &dyn StockGate, sku: SkuId, present: Timestamp) {
    let hour = Duration::from_hours(1);
    let (before, after) = (present.minus(hour), present.plus(hour));
    let windows = [(before.minus(hour), before, false), (before, after, true), (after, after.plus(hour), false)];
    for (number, (from, until, open)) in (3_001..).zip(windows) {
        let terms = Terms { window: Some(SaleWindow { from, until }), limit: None };
        for caller in [from.plus(Duration::from_mins(1)), before.minus(hour * 24), after.plus(hour * 24)] {
            let answer = gate.reserve(STORE, order(number), &[line(sku, 1)], &terms, caller).await.unwrap();
            assert_eq!(is_reserved(&answer), open, "{answer:?} at {caller}");
            assert!(open || answer == GateAnswer::OutsideWindow);
        }
    }
    assert_eq!(figures(gate, sku).await, parts(9, 1, 0));
}

/// Rule 4: by orders, by units, by both; each user and each SKU for itself.
pub async fn limits_bound_orders_and_units(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (sku, other) = (SkuId(93_101), SkuId(93_102));
    fixture.put_sku(STORE, sku, 100, LISTED).await;
    fixture.put_sku(STORE, other, 100, LISTED).await;
    let mut number = 3_100;
    let mut ask = async |user: &str, sku, units, most_orders, most_units| {
        number += 1;
        let line = line(sku, units);
        reserve(&*gate, order(number), line, &limited(user, line, most_orders, most_units)).await
    };

    // One order, whatever its quantity.
    assert!(is_reserved(&ask("ann", sku, 7, Some(1), None).await));
    assert_eq!(ask("ann", sku, 1, Some(1), None).await, GateAnswer::LimitReached);
    assert!(is_reserved(&ask("bob", sku, 1, Some(1), None).await));
    assert!(is_reserved(&ask("ann", other, 1, Some(1), None).await));
    // Five units, in as many orders as it takes.
    assert_eq!(ask("cat", sku, 6, None, Some(5)).await, GateAnswer::LimitReached);
    assert!(is_reserved(&ask("cat", sku, 3, None, Some(5)).await));
    assert_eq!(ask("cat", sku, 3, None, Some(5)).await, GateAnswer::LimitReached);
    assert!(is_reserved(&ask("cat", sku, 2, None, Some(5)).await));
    assert_eq!(ask("cat", sku, 1, None, Some(5)).await, GateAnswer::LimitReached);
    // Whichever is full first.
    assert!(is_reserved(&ask("dan", sku, 1, Some(2), Some(9)).await));
    assert_eq!(ask("dan", sku, 9, Some(2), Some(9)).await, GateAnswer::LimitReached);
    assert!(is_reserved(&ask("dan", sku, 1, Some(2), Some(9)).await));
    assert_eq!(ask("dan", sku, 1, Some(2), Some(9)).await, GateAnswer::LimitReached);
    // A user whose name begins like another's is another user.
    assert!(is_reserved(&ask("da", sku, 1, Some(1), None).await));
    assert_eq!(figures(&*gate, sku).await, parts(84, 16, 0));
    let expected = [counts("ann", 1, 7), counts("bob", 1, 1), counts("cat", 2, 5), counts("da", 1, 1), counts("dan", 2, 2)];
    assert_eq!(taken(&*gate, sku).await, expected);
    assert_eq!(taken(&*gate, other).await, [counts("ann", 1, 1)]);
}

/// A limit that is set after a user's first order knows of that order.
pub async fn usage_counts_where_nothing_bounds_it(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(93_201);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let two = line(sku, 2);
    assert!(is_reserved(&reserve(&*gate, order(3_201), two, &limited("ann", two, None, None)).await));
    assert_eq!(reserve(&*gate, order(3_202), two, &limited("ann", two, Some(1), None)).await, GateAnswer::LimitReached);
    assert_eq!(reserve(&*gate, order(3_202), two, &limited("ann", two, None, Some(3))).await, GateAnswer::LimitReached);
    assert!(is_reserved(&reserve(&*gate, order(3_202), two, &limited("ann", two, Some(2), Some(4))).await));
    assert_eq!(figures(&*gate, sku).await, parts(6, 4, 0));
}

/// Off shelf, outdated, outside the window, limit reached, short: the first of those that hold.
pub async fn precedence_of_terms(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(93_301);
    fixture.put_sku(STORE, sku, 1, LISTED).await;
    let first = line(sku, 1);
    assert!(is_reserved(&reserve(&*gate, order(3_301), first, &limited("ann", first, None, None)).await));
    gate.set_listing(STORE, sku, Listing { buyable: false, revision: 2 }).await.unwrap();

    let over = Some(SaleWindow { from: now().minus(Duration::from_secs(2)), until: now().minus(Duration::from_secs(1)) });
    let mut terms = Terms { window: over, ..limited("ann", first, Some(1), None) };
    assert_eq!(reserve(&*gate, order(3_302), first, &terms).await, GateAnswer::OffShelf(vec![sku]));
    gate.set_listing(STORE, sku, Listing { buyable: true, revision: 3 }).await.unwrap();
    assert_eq!(reserve(&*gate, order(3_302), first, &terms).await, GateAnswer::Outdated(vec![sku]));
    let present = ReserveLine { revision: Some(3), ..first };
    assert_eq!(reserve(&*gate, order(3_302), present, &terms).await, GateAnswer::OutsideWindow);
    terms.window = None;
    assert_eq!(reserve(&*gate, order(3_302), present, &terms).await, GateAnswer::LimitReached);
    let bob = limited("bob", first, Some(1), None);
    assert_eq!(reserve(&*gate, order(3_302), present, &bob).await, GateAnswer::Short(vec![Short { sku, usable: 0 }]));
    assert_eq!(figures(&*gate, sku).await, parts(0, 1, 0));
}

/// A limit is stock too: neither is taken without the other.
pub async fn refusals_take_neither_stock_nor_limit(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (sku, beside) = (SkuId(93_401), SkuId(93_402));
    fixture.put_sku(STORE, sku, 3, LISTED).await;
    fixture.put_sku(STORE, beside, 3, LISTED).await;
    let (one, four) = (line(sku, 1), line(sku, 4));
    let ann = limited("ann", one, Some(1), Some(4));

    let short = reserve(&*gate, order(3_401), four, &limited("ann", four, Some(1), Some(4))).await;
    assert_eq!(short, GateAnswer::Short(vec![Short { sku, usable: 3 }]));
    let lines = [line(beside, 4), one];
    let short = gate.reserve(STORE, order(3_402), &lines, &ann, now()).await.unwrap();
    assert_eq!(short, GateAnswer::Short(vec![Short { sku: beside, usable: 3 }]));
    let over = now().minus(Duration::from_secs(1));
    let late = Terms { window: Some(SaleWindow { from: over, until: over }), ..ann.clone() };
    let after = gate.reserve(STORE, order(3_402), &[one], &late, now()).await.unwrap();
    assert_eq!(after, GateAnswer::OutsideWindow);
    assert_eq!(figures(&*gate, sku).await, parts(3, 0, 0));
    assert_eq!(taken(&*gate, sku).await, []);
    assert!(is_reserved(&gate.reserve(STORE, order(3_402), &[line(beside, 1), one], &ann, now()).await.unwrap()));

    let refused = gate.reserve(STORE, order(3_403), &[line(beside, 1), one], &ann, now()).await.unwrap();
    assert_eq!(refused, GateAnswer::LimitReached);
    assert_eq!(figures(&*gate, sku).await, parts(2, 1, 0));
    assert_eq!(figures(&*gate, beside).await, parts(2, 1, 0));
    assert_eq!(taken(&*gate, sku).await, [counts("ann", 1, 1)]);
    assert_eq!(taken(&*gate, beside).await, []);
}

/// Asked again, a reservation is held and counts once; another attempt of the same order counts again.
pub async fn a_held_reservation_takes_its_limit_once(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(93_501);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let one = line(sku, 1);
    let terms = limited("ann", one, Some(2), Some(2));
    for _ in 0..3 {
        assert!(is_reserved(&reserve(&*gate, order(3_501), one, &terms).await));
    }
    let second = ReservationId { attempt: 2, ..order(3_501) };
    assert!(is_reserved(&reserve(&*gate, second, one, &terms).await));
    assert_eq!(reserve(&*gate, order(3_502), one, &terms).await, GateAnswer::LimitReached);
    // The limit is full, and what is held stays held.
    assert!(is_reserved(&reserve(&*gate, order(3_501), one, &terms).await));
    assert_eq!(figures(&*gate, sku).await, parts(8, 2, 0));
    assert_eq!(taken(&*gate, sku).await, [counts("ann", 2, 2)]);
}

/// Promise P5: a cancelled order gives its limit back, and only its own, however often it is released.
pub async fn a_release_frees_the_limit_once(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(93_601);
    fixture.put_sku(STORE, sku, 20, LISTED).await;
    let (two, three) = (line(sku, 2), line(sku, 3));
    let ask = async |number, line| reserve(&*gate, order(number), line, &limited("ann", line, Some(2), Some(5))).await;
    assert!(is_reserved(&ask(3_601, two).await));
    assert!(is_reserved(&ask(3_602, three).await));
    assert_eq!(gate.release(STORE, order(3_601), now()).await.unwrap(), Settled::Done);
    for _ in 0..2 {
        assert_eq!(gate.release(STORE, order(3_601), now()).await.unwrap(), Settled::Already);
        assert_eq!(taken(&*gate, sku).await, [counts("ann", 1, 3)]);
    }
    assert_eq!(ask(3_601, two).await, GateAnswer::Gone);
    assert_eq!(ask(3_603, three).await, GateAnswer::LimitReached);
    assert!(is_reserved(&ask(3_603, two).await));
    assert_eq!(ask(3_604, line(sku, 1)).await, GateAnswer::LimitReached);
    assert_eq!(gate.release(STORE, order(3_602), now()).await.unwrap(), Settled::Done);
    assert!(is_reserved(&ask(3_604, three).await));
    assert_eq!(figures(&*gate, sku).await, parts(15, 5, 0));
    assert_eq!(taken(&*gate, sku).await, [counts("ann", 2, 5)]);
    for number in [3_603, 3_604] {
        assert_eq!(gate.release(STORE, order(number), now()).await.unwrap(), Settled::Done);
    }
    assert_eq!(taken(&*gate, sku).await, []);
}

/// What was bought stays counted: after the sale, a refused release, and a refund with restock.
pub async fn sold_units_stay_counted(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(93_701);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let one = line(sku, 1);
    let terms = limited("ann", one, Some(1), None);
    let refused = async || assert_eq!(reserve(&*gate, order(3_702), one, &terms).await, GateAnswer::LimitReached);
    assert!(is_reserved(&reserve(&*gate, order(3_701), one, &terms).await));
    for settled in [Settled::Done, Settled::Already] {
        assert_eq!(gate.sell(STORE, order(3_701), now()).await.unwrap(), settled);
        refused().await;
    }
    assert_eq!(gate.release(STORE, order(3_701), now()).await.unwrap(), Settled::Refused);
    refused().await;
    let back = [RestockLine { sku_id: sku, quantity: 1 }];
    assert_eq!(gate.restock(STORE, "refund-3701", &back, now()).await.unwrap(), Settled::Done);
    refused().await;
    assert_eq!(figures(&*gate, sku).await, parts(10, 0, 0));
    assert_eq!(taken(&*gate, sku).await, [counts("ann", 1, 1)]);
}

/// A reserve that arrives after its release takes no limit, and leaves an order without terms its units.
pub async fn a_tombstone_keeps_the_limit_free(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(93_801);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let one = line(sku, 1);
    let terms = limited("ann", one, Some(1), Some(1));
    gate.release(STORE, order(3_801), now()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(reserve(&*gate, order(3_801), one, &terms).await, GateAnswer::Gone);
    }
    assert_eq!(gate.release(STORE, order(3_801), now()).await.unwrap(), Settled::Unknown);
    assert!(is_reserved(&reserve(&*gate, order(3_802), one, &terms).await));
    // An order without terms neither asks nor counts.
    assert!(is_reserved(&reserve(&*gate, order(3_803), one, &PLAIN).await));
    assert_eq!(gate.release(STORE, order(3_803), now()).await.unwrap(), Settled::Done);
    assert_eq!(reserve(&*gate, order(3_804), one, &terms).await, GateAnswer::LimitReached);
    assert_eq!(figures(&*gate, sku).await, parts(9, 1, 0));
}
