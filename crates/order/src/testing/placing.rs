//! Placements one after the other.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::time::Duration;

use sluice_kernel::SkuId;

use super::fixture::{OTHER_STORE, OrderFixture, REVISION, STORE, new_order, now, number, place};
use crate::{CommitOutcome, IdempotencyKey, Replay, StockRefusal};

/// A key names its first order; another body, user or route is told apart.
pub async fn a_key_names_one_order(fixture: &dyn OrderFixture) {
    let sku = SkuId(11_101);
    fixture.put_sku(STORE, sku, 10, true, REVISION).await;
    let first = new_order(number(11, 0), &[(sku, 1)]);
    assert_eq!(place(fixture, first.clone()).await, CommitOutcome::Committed);
    for (n, fingerprint, same_body) in [(1, [1; 32], true), (2, [9; 32], false)] {
        let mut again = new_order(number(11, n), &[(sku, 1)]);
        again.key = IdempotencyKey { fingerprint, ..first.key.clone() };
        assert_eq!(place(fixture, again.clone()).await, CommitOutcome::Replayed(Replay { order_no: first.order_no, same_body }));
        assert_eq!(fixture.rows_of(again.order_no).await, 0);
    }
    let mut other_user = new_order(number(11, 3), &[(sku, 1)]);
    other_user.key = IdempotencyKey { user: "43".into(), ..first.key.clone() };
    assert_eq!(place(fixture, other_user).await, CommitOutcome::Committed);
    assert_eq!(fixture.figures(STORE, sku).await, (8, 2, 0));

    let orders = fixture.orders();
    let refund = IdempotencyKey { route: "refunds", ..first.key.clone() };
    assert_eq!(orders.find_replay(&refund).await.unwrap(), None);
    for _ in 0..2 {
        orders.remember(&refund, first.order_no, now()).await.unwrap();
    }
    let other_body = IdempotencyKey { fingerprint: [9; 32], ..refund };
    let replay = Replay { order_no: first.order_no, same_body: false };
    assert_eq!(orders.find_replay(&other_body).await.unwrap(), Some(replay));
}

/// One short line refuses all of them, and every short SKU is named.
pub async fn all_lines_or_none(fixture: &dyn OrderFixture) {
    let (plenty, few, none) = (SkuId(11_201), SkuId(11_202), SkuId(11_203));
    for (sku, units) in [(plenty, 10), (few, 2), (none, 0)] {
        fixture.put_sku(STORE, sku, units, true, REVISION).await;
    }
    let refused = place(fixture, new_order(number(12, 0), &[(plenty, 1), (few, 3), (none, 1)])).await;
    assert_eq!(refused, CommitOutcome::Refused(StockRefusal::Short(vec![(few, 2), (none, 0)])));
    assert_eq!(fixture.figures(STORE, plenty).await, (10, 0, 0));
    assert_eq!(place(fixture, new_order(number(12, 1), &[(plenty, 1), (few, 2)])).await, CommitOutcome::Committed);
    assert_eq!(fixture.figures(STORE, plenty).await, (9, 1, 0));
    assert_eq!(fixture.figures(STORE, few).await, (0, 2, 0));
}

/// Off shelf before outdated before short; another store's SKU is not on the shelf.
pub async fn precedence_of_refusals(fixture: &dyn OrderFixture) {
    let (off, changed, short, foreign, unknown) = (SkuId(11_301), SkuId(11_302), SkuId(11_303), SkuId(11_304), SkuId(11_399));
    fixture.put_sku(STORE, off, 10, false, REVISION).await;
    fixture.put_sku(STORE, changed, 10, true, REVISION + 1).await;
    fixture.put_sku(STORE, short, 0, true, REVISION).await;
    fixture.put_sku(OTHER_STORE, foreign, 10, true, REVISION).await;
    let all = new_order(number(13, 0), &[(off, 1), (changed, 1), (short, 1), (foreign, 1), (unknown, 1)]);
    let off_shelf = StockRefusal::OffShelf(vec![off, foreign, unknown]);
    assert_eq!(place(fixture, all).await, CommitOutcome::Refused(off_shelf));
    let outdated = new_order(number(13, 1), &[(changed, 1), (short, 1)]);
    assert_eq!(place(fixture, outdated).await, CommitOutcome::Refused(StockRefusal::Outdated(vec![changed])));
    let too_few = new_order(number(13, 2), &[(short, 1)]);
    assert_eq!(place(fixture, too_few).await, CommitOutcome::Refused(StockRefusal::Short(vec![(short, 0)])));
    assert_eq!(fixture.figures(OTHER_STORE, foreign).await, (10, 0, 0));
}

/// No row, no key, no units: the same key may try again.
pub async fn a_refused_order_leaves_nothing(fixture: &dyn OrderFixture) {
    let sku = SkuId(11_401);
    fixture.put_sku(STORE, sku, 1, true, REVISION).await;
    let refused = new_order(number(14, 0), &[(sku, 2)]);
    let standing = new_order(number(14, 1), &[(sku, 1)]);
    // Alone, and in one batch with an order that stands.
    let short = CommitOutcome::Refused(StockRefusal::Short(vec![(sku, 1)]));
    assert_eq!(place(fixture, refused.clone()).await, short);
    let [writer, _] = fixture.writers();
    let (again, committed) = tokio::join!(writer.commit(refused.clone().into()), writer.commit(standing.into()));
    assert!(matches!(again.unwrap(), CommitOutcome::Refused(StockRefusal::Short(_))));
    assert_eq!(committed.unwrap(), CommitOutcome::Committed);
    assert_eq!(fixture.rows_of(refused.order_no).await, 0);
    assert_eq!(fixture.orders().find_replay(&refused.key).await.unwrap(), None);
    assert_eq!(fixture.orders().find(STORE, refused.order_no).await.unwrap(), None);
    assert_eq!(fixture.figures(STORE, sku).await, (0, 1, 0));

    fixture.put_sku(STORE, SkuId(11_402), 5, true, REVISION).await;
    let mut smaller = new_order(number(14, 2), &[(SkuId(11_402), 1)]);
    smaller.key = refused.key;
    assert_eq!(place(fixture, smaller).await, CommitOutcome::Committed);
}

/// A version of a cart becomes one order, whatever the key; a refusal leaves it free.
pub async fn a_cart_is_ordered_once(fixture: &dyn OrderFixture) {
    let sku = SkuId(11_501);
    fixture.put_sku(STORE, sku, 5, true, REVISION).await;
    let of_cart = |n, quantity, version| {
        let mut order = new_order(number(15, n), &[(sku, quantity)]);
        order.cart_version = Some(version);
        order
    };
    assert!(matches!(place(fixture, of_cart(0, 9, 7)).await, CommitOutcome::Refused(_)));
    assert_eq!(place(fixture, of_cart(1, 1, 7)).await, CommitOutcome::Committed);
    let second_tab = of_cart(2, 1, 7);
    assert_eq!(place(fixture, second_tab.clone()).await, CommitOutcome::CartClaimed);
    assert_eq!(fixture.rows_of(second_tab.order_no).await, 0);
    assert_eq!(fixture.orders().find_replay(&second_tab.key).await.unwrap(), None);
    assert_eq!(place(fixture, of_cart(3, 1, 8)).await, CommitOutcome::Committed);

    let [one, other] = fixture.writers();
    let (a, b, c) = tokio::join!(
        one.commit(of_cart(4, 1, 9).into()),
        other.commit(of_cart(5, 1, 9).into()),
        one.commit(of_cart(6, 1, 9).into())
    );
    let answers = [a.unwrap(), b.unwrap(), c.unwrap()];
    assert_eq!(answers.iter().filter(|answer| **answer == CommitOutcome::Committed).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == CommitOutcome::CartClaimed).count(), 2, "{answers:?}");
    assert_eq!(fixture.figures(STORE, sku).await, (2, 3, 0));
}

/// A code pays for one order. A refusal for want of stock leaves it; a spent or expired one goes before short stock.
pub async fn a_code_is_used_up_by_the_commit_alone(fixture: &dyn OrderFixture) {
    let (sku, sold_out) = (SkuId(11_601), SkuId(11_602));
    fixture.put_sku(STORE, sku, 5, true, REVISION).await;
    fixture.put_sku(STORE, sold_out, 0, true, REVISION).await;
    let (phone, sent_at) = ("13811160000", now());
    fixture.put_code(STORE, phone, sent_at, now().plus(Duration::from_mins(5))).await;
    let with_code = |n, sku, sent_at| {
        let mut order = new_order(number(16, n), &[(sku, 1)]);
        order.uses_code = Some((phone.to_owned(), sent_at));
        order
    };
    let short = CommitOutcome::Refused(StockRefusal::Short(vec![(sold_out, 0)]));
    assert_eq!(place(fixture, with_code(0, sold_out, sent_at)).await, short);
    assert!(!fixture.code_is_used(STORE, phone).await);
    // An older code of the same phone.
    let older = sent_at.minus(Duration::from_mins(1));
    assert_eq!(place(fixture, with_code(1, sku, older)).await, CommitOutcome::CodeSpent);
    assert_eq!(place(fixture, with_code(2, sku, sent_at)).await, CommitOutcome::Committed);
    assert!(fixture.code_is_used(STORE, phone).await);
    let spent = with_code(3, sold_out, sent_at);
    assert_eq!(place(fixture, spent.clone()).await, CommitOutcome::CodeSpent);
    assert_eq!(fixture.rows_of(spent.order_no).await, 0);

    fixture.put_code(STORE, "13811160001", sent_at, now()).await;
    let mut expired = with_code(4, sku, sent_at);
    expired.uses_code = Some(("13811160001".to_owned(), sent_at));
    assert_eq!(place(fixture, expired).await, CommitOutcome::CodeSpent);
    assert_eq!(fixture.figures(STORE, sku).await, (4, 1, 0));
}
