//! Orders of activities: what they keep, the window, the user's limit and points (docs/domain.md S1 rules 1, 4, 7 and 9).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::time::Duration;

use sluice_kernel::{
    CampaignId, Currency, Money, OrderKind, PageRequest, PayType, PaymentId, Points, ReservationId, SkuId, UserId,
};
use tokio::task::JoinSet;

use super::fixture::{OrderFixture, REVISION, STORE, activity_order, new_order, now, number, place, placed, plain_transition};
use crate::{
    Applied, CancelReason, CommitOutcome, NewOrder, Order, OrderQuery, OrderState, OrderStatus, StockRefusal, StockStep, Transition,
};

const LIMIT_REACHED: CommitOutcome = CommitOutcome::Refused(StockRefusal::LimitReached);
const OUTSIDE: CommitOutcome = CommitOutcome::Refused(StockRefusal::OutsideWindow);

/// The same order under a limit.
fn limited(mut order: NewOrder, most_orders: Option<i64>, most_units: Option<i64>) -> NewOrder {
    let part = order.terms.activity.as_mut().unwrap();
    (part.most_orders, part.most_units) = (most_orders, most_units);
    order
}

/// The same order, paid in points.
fn in_points(mut order: NewOrder) -> NewOrder {
    order.terms.activity.as_mut().unwrap().pay_type = PayType::Points;
    (order.terms.total, order.terms.points_total) = (Money::zero(Currency::CNY), Points(800));
    order.items[0].line_total = order.terms.total;
    order
}

fn cancelled(order: &Order) -> Transition {
    plain_transition(order, OrderState::Cancelled { reason: CancelReason::User }, StockStep::Release(order.reservation))
}

fn failed(order: &Order) -> Transition {
    plain_transition(order, OrderState::Failed, StockStep::Release(order.reservation))
}

fn paid(order: &Order) -> Transition {
    let to = OrderState::Paid { payment: PaymentId::from("payment-1") };
    Transition { paid_at: Some(now()), ..plain_transition(order, to, StockStep::Sell(order.reservation)) }
}

async fn apply(fixture: &dyn OrderFixture, transition: Transition) -> Applied {
    fixture.orders().apply(&transition).await.unwrap()
}

async fn again(fixture: &dyn OrderFixture, order: &Order) -> Order {
    fixture.orders().find(STORE, order.order_no).await.unwrap().unwrap()
}

/// Every field of both kinds and both pay types comes back as it was written, alone and in one list.
pub async fn an_activity_order_reads_back_whole(fixture: &dyn OrderFixture) {
    let sku = SkuId(14_101);
    fixture.put_sku(STORE, sku, 100, true, REVISION).await;
    let user = "keeper";
    let cash = activity_order(number(41, 0), sku, user, 2);
    let mut bare = in_points(activity_order(number(41, 1), sku, user, 1));
    let part = bare.terms.activity.as_mut().unwrap();
    (part.campaign_id, part.own_form, part.promoter, part.customer_product_id) = (None, None, None, None);
    (part.receiving_way, part.most_orders, part.most_units) = (4, Some(3), Some(9));
    let mut cart = new_order(number(41, 2), &[(sku, 1)]);
    cart.user = UserId::from(user);
    cart.key.user = cart.user.clone();

    for (new, state) in [(&cash, OrderState::Unpaid), (&bare, OrderState::Confirming), (&cart, OrderState::Unpaid)] {
        let read = placed(fixture, new.clone()).await;
        assert_eq!((read.state.clone(), &read.terms), (state, &new.terms));
        assert_eq!(read.activity_fact(), new.activity_fact());
        assert_eq!(read.items.into_iter().map(|item| item.line).collect::<Vec<_>>(), new.items);
    }
    assert_eq!(cash.terms.activity.as_ref().unwrap().campaign_id, Some(CampaignId(9)));
    // main order, child, item, what the activity adds, movement, outbox
    assert_eq!(fixture.rows_of(cash.order_no).await, 6);

    let page = PageRequest::first(10);
    let listed =
        fixture.orders().list(&OrderQuery { store: STORE, user: Some(cash.user.clone()), status: None, page }).await.unwrap();
    let expected = [&cart, &bare, &cash].map(|order| (order.terms.kind, order.terms.activity.clone()));
    assert_eq!(listed.into_iter().map(|order| (order.terms.kind, order.terms.activity)).collect::<Vec<_>>(), expected);
    let confirming = OrderQuery { store: STORE, user: None, status: Some(OrderStatus::Confirming), page: PageRequest::first(1) };
    assert_eq!(fixture.orders().list(&confirming).await.unwrap()[0].order_no, bare.order_no);
    // It waits for the points account, not for a deadline.
    let due = fixture.orders().due(now().plus(Duration::from_hours(1)), 1_000).await.unwrap();
    assert!(due.iter().any(|(order, _, _)| *order == cash.order_no) && due.iter().all(|(order, _, _)| *order != bare.order_no));
}

/// The commit's own clock decides, both ends included; whoever is refused leaves nothing.
pub async fn the_window_is_asked_at_the_commit(fixture: &dyn OrderFixture) {
    let sku = SkuId(14_201);
    fixture.put_sku(STORE, sku, 10, true, REVISION).await;
    let window = activity_order(number(42, 0), sku, "42", 1).terms.activity.unwrap().window;
    let (clock, millisecond) = (fixture.clock(), Duration::from_millis(1));
    let instants = [
        (window.starts_at.minus(millisecond), OUTSIDE),
        (window.starts_at, CommitOutcome::Committed),
        (window.ends_at, CommitOutcome::Committed),
        (window.ends_at.plus(millisecond), OUTSIDE),
    ];
    for (n, (at, expected)) in (0..).zip(instants) {
        clock.set(at);
        let mut order = activity_order(number(42, n), sku, "42", 1);
        order.terms.expires_at = at.plus(Duration::from_mins(15));
        assert_eq!(place(fixture, order.clone()).await, expected, "{at}");
        assert_eq!(fixture.rows_of(order.order_no).await > 0, expected == CommitOutcome::Committed);
    }
    clock.set(now());
    assert_eq!(fixture.figures(STORE, sku).await, (8, 2, 0));
}

/// Off shelf, outdated, outside the window, limit, short: the first that applies.
pub async fn precedence_of_activity_refusals(fixture: &dyn OrderFixture) {
    let (off, sku) = (SkuId(14_301), SkuId(14_302));
    fixture.put_sku(STORE, off, 10, false, REVISION).await;
    fixture.put_sku(STORE, sku, 2, true, REVISION).await;
    let clock = fixture.clock();
    assert_eq!(place(fixture, activity_order(number(43, 0), sku, "42", 2)).await, CommitOutcome::Committed);
    // A limit that nothing bounded before knows what went before.
    let mut order = limited(activity_order(number(43, 1), off, "42", 1), Some(1), None);
    order.items[0].revision = REVISION - 1;
    clock.set(now().plus(Duration::from_hours(24)));
    assert_eq!(place(fixture, order.clone()).await, CommitOutcome::Refused(StockRefusal::OffShelf(vec![off])));
    order.items[0].sku_id = sku;
    assert_eq!(place(fixture, order.clone()).await, CommitOutcome::Refused(StockRefusal::Outdated(vec![sku])));
    order.items[0].revision = REVISION;
    assert_eq!(place(fixture, order.clone()).await, OUTSIDE);
    clock.set(now());
    assert_eq!(place(fixture, order.clone()).await, LIMIT_REACHED);
    order.terms.activity.as_mut().unwrap().most_orders = Some(2);
    assert_eq!(place(fixture, order.clone()).await, CommitOutcome::Refused(StockRefusal::Short(vec![(sku, 0)])));
    assert_eq!(fixture.rows_of(order.order_no).await, 0);
}

/// Orders and units of a user are bounded apart; short stock takes nothing of the limit.
pub async fn a_limit_is_taken_with_the_stock(fixture: &dyn OrderFixture) {
    let sku = SkuId(14_401);
    fixture.put_sku(STORE, sku, 10, true, REVISION).await;
    let order = |n, user: &str, units, orders, most| limited(activity_order(number(44, n), sku, user, units), orders, most);
    let short = CommitOutcome::Refused(StockRefusal::Short(vec![(sku, 10)]));
    assert_eq!(place(fixture, order(0, "a", 11, Some(1), None)).await, short);
    assert_eq!(place(fixture, order(1, "a", 3, Some(1), None)).await, CommitOutcome::Committed);
    assert_eq!(place(fixture, order(2, "a", 1, Some(1), None)).await, LIMIT_REACHED);
    assert_eq!(place(fixture, order(3, "b", 2, None, Some(3))).await, CommitOutcome::Committed);
    assert_eq!(place(fixture, order(4, "b", 2, None, Some(3))).await, LIMIT_REACHED);
    assert_eq!(place(fixture, order(5, "b", 1, None, Some(3))).await, CommitOutcome::Committed);
    assert_eq!(place(fixture, order(6, "b", 1, None, Some(3))).await, LIMIT_REACHED);
    // A key that stands under the limit is not refused by the limit it took itself.
    let again = NewOrder { key: order(1, "a", 3, Some(1), None).key, ..order(7, "a", 3, Some(1), None) };
    assert!(matches!(place(fixture, again).await, CommitOutcome::Replayed(replay) if replay.same_body));
    assert_eq!(fixture.figures(STORE, sku).await, (4, 6, 0));
}

/// A cancelled and a failed order give the limit back, once; a paid one keeps it, also when it is refunded.
pub async fn a_limit_comes_back_once(fixture: &dyn OrderFixture) {
    let sku = SkuId(14_501);
    fixture.put_sku(STORE, sku, 100, true, REVISION).await;
    let once = |n, user: &str| limited(activity_order(number(45, n), sku, user, 2), Some(1), None);
    let order = placed(fixture, once(0, "a")).await;
    assert_eq!(apply(fixture, cancelled(&order)).await, Applied::Done);
    assert_eq!(apply(fixture, cancelled(&order)).await, Applied::Lost);
    let order = placed(fixture, in_points(once(1, "a"))).await;
    assert_eq!(place(fixture, once(2, "a")).await, LIMIT_REACHED, "the second cancellation freed nothing");
    assert_eq!(apply(fixture, failed(&order)).await, Applied::Done);
    assert_eq!(apply(fixture, failed(&order)).await, Applied::Lost);
    let order = placed(fixture, once(3, "a")).await;
    assert_eq!(apply(fixture, paid(&order)).await, Applied::Done);
    assert_eq!(place(fixture, once(4, "a")).await, LIMIT_REACHED);
    let order = again(fixture, &order).await;
    let refunded = OrderState::Refunded { payment: PaymentId::from("payment-1") };
    assert_eq!(apply(fixture, plain_transition(&order, refunded, StockStep::None)).await, Applied::Done);
    assert_eq!(place(fixture, once(5, "a")).await, LIMIT_REACHED);
    assert_eq!(fixture.figures(STORE, sku).await, (98, 0, 2));
}

/// Sixty users tap sixteen times each, through two writers, on ten units with a limit of one: ten orders of ten users.
pub async fn taps_of_many_users_leave_one_order_each(fixture: &dyn OrderFixture) {
    let sku = SkuId(14_601);
    fixture.put_sku(STORE, sku, 10, true, REVISION).await;
    let writers = fixture.writers();
    let mut race = JoinSet::new();
    for n in 0..960_i64 {
        let user = format!("crowd-{}", n % 60);
        let order = limited(activity_order(number(46, n), sku, &user, 1), None, Some(1));
        let writer = writers[usize::from(n % 2 == 0)].clone();
        race.spawn(async move { (user, order.order_no, writer.commit(order.into()).await.unwrap()) });
    }
    let answers = race.join_all().await;
    let committed: Vec<_> = answers.iter().filter(|(_, _, answer)| *answer == CommitOutcome::Committed).collect();
    let mut winners: Vec<&str> = committed.iter().map(|(user, _, _)| user.as_str()).collect();
    winners.sort_unstable();
    winners.dedup();
    assert_eq!((committed.len(), winners.len()), (10, 10));
    for (_, _, answer) in &answers {
        let refused = *answer == LIMIT_REACHED || *answer == CommitOutcome::Refused(StockRefusal::Short(vec![(sku, 0)]));
        assert!(refused || *answer == CommitOutcome::Committed, "{answer:?}");
    }
    assert_eq!(fixture.figures(STORE, sku).await, (0, 10, 0));

    // A cancelled order frees a unit and its user's limit.
    let (user, order_no, _) = committed[0];
    let order = fixture.orders().find(STORE, *order_no).await.unwrap().unwrap();
    assert_eq!(apply(fixture, cancelled(&order)).await, Applied::Done);
    let again = limited(activity_order(number(46, 1_000), sku, user, 1), None, Some(1));
    assert_eq!(place(fixture, again).await, CommitOutcome::Committed);
    assert_eq!(fixture.figures(STORE, sku).await, (0, 10, 0));
}

/// Late money needs room under the limit its order was placed under, whatever the window says.
pub async fn late_money_takes_the_limit_anew(fixture: &dyn OrderFixture) {
    let sku = SkuId(14_701);
    fixture.put_sku(STORE, sku, 10, true, REVISION).await;
    let once = |n| limited(activity_order(number(47, n), sku, "late", 1), Some(1), None);
    let order = placed(fixture, once(0)).await;
    assert_eq!(apply(fixture, cancelled(&order)).await, Applied::Done);
    let other = placed(fixture, once(1)).await;
    fixture.clock().set(now().plus(Duration::from_hours(24)));
    let late = async || {
        let order = again(fixture, &order).await;
        let reservation = ReservationId { attempt: order.reservation.attempt + 1, ..order.reservation };
        let stock = StockStep::LateSell { reservation, epoch: None, terms: order.late_terms() };
        Transition { stock, ..paid(&order) }
    };
    assert_eq!(apply(fixture, late().await).await, Applied::Short);
    assert_eq!(again(fixture, &order).await.status(), OrderStatus::Cancelled);
    assert_eq!(apply(fixture, cancelled(&other)).await, Applied::Done);
    assert_eq!(apply(fixture, late().await).await, Applied::Done);
    fixture.clock().set(now());
    assert_eq!(place(fixture, once(2)).await, LIMIT_REACHED);
    assert_eq!(fixture.figures(STORE, sku).await, (9, 0, 1));
}

/// The points account's two answers at once, a hundred times: one of them wins.
pub async fn deducted_and_refused_points_race(fixture: &dyn OrderFixture) {
    let sku = SkuId(14_801);
    fixture.put_sku(STORE, sku, 1_000, true, REVISION).await;
    let mut sold = 0;
    for n in 0..100 {
        let order = placed(fixture, in_points(activity_order(number(48, n), sku, "42", 1))).await;
        assert_eq!((order.terms.kind, order.status()), (OrderKind::Activity, OrderStatus::Confirming));
        let race = [paid(&order), failed(&order)].map(|transition| {
            let orders = fixture.orders();
            tokio::spawn(async move { orders.apply(&transition).await.unwrap() })
        });
        let [money, refusal] = race;
        let outcomes = [money.await.unwrap(), refusal.await.unwrap()];
        assert!(outcomes.contains(&Applied::Done) && outcomes.contains(&Applied::Lost), "{outcomes:?}");
        let won = outcomes[0] == Applied::Done;
        assert_eq!(again(fixture, &order).await.status(), if won { OrderStatus::Paid } else { OrderStatus::Failed });
        sold += i64::from(won);
    }
    assert_eq!(fixture.figures(STORE, sku).await, (1_000 - sold, 0, sold));
}
