//! Placed orders as they are read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::time::Duration;

use sluice_kernel::{OrderKind, OrderNo, PageRequest, RefundState, ReservationId, SkuId, Timestamp, UserId, least_id_of};

use super::fixture::{
    OTHER_STORE, OrderFixture, PRICE, REVISION, STORE, activity_order, new_order, now, number, place, placed, plain_transition,
};
use crate::{CancelReason, ChildOrder, CommitOutcome, OrderQuery, OrderSearch, OrderState, OrderStatus, Replay, StockStep};

/// Every field comes back as it was written, from a fixed number of tables; another store sees nothing.
pub async fn a_placed_order_reads_back_whole(fixture: &dyn OrderFixture) {
    let (here, there) = (SkuId(10_101), SkuId(10_102));
    fixture.put_sku(STORE, here, 10, true, REVISION).await;
    fixture.put_sku(STORE, there, 10, true, REVISION).await;
    let mut new = new_order(number(1, 0), &[(here, 2), (there, 1)]);
    new.items[1].delivery_place = "2".into();
    let child = new.terms.children[0].clone();
    new.terms.children.push(ChildOrder { order_no: OrderNo::from_id(number(1, 0) + 2), delivery_place: "2".into(), ..child });
    let read = placed(fixture, new.clone()).await;

    assert_eq!((read.order_no, read.store, &read.user), (new.order_no, new.store, &new.user));
    assert_eq!((read.state, read.cancel_reason), (OrderState::Unpaid, None));
    assert_eq!(read.reservation, ReservationId::first(new.order_no));
    assert_eq!((read.refunded, read.refund_state, read.version), (0, RefundState::None, 0));
    assert_eq!((&read.terms, read.paid_at), (&new.terms, None));
    assert_eq!(read.items.into_iter().map(|item| item.line).collect::<Vec<_>>(), new.items);

    let orders = fixture.orders();
    assert_eq!(orders.find(OTHER_STORE, new.order_no).await.unwrap(), None);
    let unknown = OrderNo::from_id(number(1, 0) + 9);
    assert_eq!(orders.statuses(&[new.order_no, unknown]).await.unwrap(), [(new.order_no, OrderStatus::Unpaid)]);
    assert_eq!(orders.statuses(&[]).await.unwrap(), []);
    let replay = Replay { order_no: new.order_no, same_body: true };
    assert_eq!(orders.find_replay(&new.key).await.unwrap(), Some(replay));
    // main order, two children, two items, two movements, outbox
    assert_eq!(fixture.rows_of(new.order_no).await, 8);
}

/// Newest first, one surplus row, by user and status.
pub async fn a_list_is_paged_and_filtered(fixture: &dyn OrderFixture) {
    let sku = SkuId(10_201);
    fixture.put_sku(STORE, sku, 100, true, REVISION).await;
    let user = UserId::from("lister");
    for n in 0..5 {
        let mut order = new_order(number(2, n), &[(sku, 1)]);
        order.user = user.clone();
        order.key.user = user.clone();
        assert_eq!(place(fixture, order).await, CommitOutcome::Committed);
    }
    let orders = fixture.orders();
    let numbers = async |query: OrderQuery| -> Vec<i64> {
        let listed = orders.list(&query).await.unwrap();
        assert!(
            listed
                .iter()
                .all(|order| order.items.len() == 1 && order.terms.children.len() == 1 && order.terms.recipient.name.is_some())
        );
        listed.iter().map(|order| order.order_no.id()).collect()
    };
    let query = OrderQuery { store: STORE, user: Some(user), status: None, page: PageRequest::first(2) };
    let newest: Vec<i64> = [4, 3, 2].into_iter().map(|n| number(2, n)).collect();
    assert_eq!(numbers(query.clone()).await, newest);
    let after = OrderQuery { page: PageRequest { after: Some(number(2, 3)), ..query.page }, ..query.clone() };
    assert_eq!(numbers(after).await, [2, 1, 0].map(|n| number(2, n)));
    assert_eq!(numbers(OrderQuery { store: OTHER_STORE, ..query.clone() }).await, Vec::<i64>::new());

    let order = orders.find(STORE, OrderNo::from_id(number(2, 1))).await.unwrap().unwrap();
    let cancelled = OrderState::Cancelled { reason: CancelReason::Staff };
    orders.apply(&plain_transition(&order, cancelled, StockStep::Release(order.reservation))).await.unwrap();
    let filtered = OrderQuery { status: Some(OrderStatus::Cancelled), ..query };
    assert_eq!(numbers(filtered.clone()).await, [number(2, 1)]);
    assert!(numbers(OrderQuery { user: None, page: PageRequest::first(100), ..filtered }).await.contains(&number(2, 1)));
}

/// Each filter by itself and with others, newest first, of this store alone; times are those of placing.
pub async fn staff_find_orders_by_each_filter(fixture: &dyn OrderFixture) {
    let (tea, cup) = (SkuId(10_401), SkuId(10_402));
    for sku in [tea, cup] {
        fixture.put_sku(STORE, sku, 100, true, REVISION).await;
    }
    // An hour apart, each with the number that its instant gives.
    let placed_at = |n: u64| now().plus(Duration::from_hours(100 + n));
    let numbered = |n: u64| least_id_of(placed_at(n)) + 5;
    let user = UserId::from("searched");
    for n in 0..4_u64 {
        let mut order = match n {
            0 => new_order(numbered(n), &[(tea, 1), (cup, 1)]),
            1 => new_order(numbered(n), &[(cup, 1)]),
            2 => activity_order(numbered(n), tea, "searched", 1),
            _ => new_order(numbered(n), &[(tea, 1)]),
        };
        order.user = if n == 3 { UserId::from("another") } else { user.clone() };
        order.key.user = order.user.clone();
        order.terms.created_at = placed_at(n);
        order.terms.recipient.phone = Some(if n == 1 { "+49 30 1" } else { "13900000001" }.to_owned());
        assert_eq!(place(fixture, order).await, CommitOutcome::Committed);
    }
    let orders = fixture.orders();
    let order = orders.find(STORE, OrderNo::from_id(numbered(0))).await.unwrap().unwrap();
    let cancelled = OrderState::Cancelled { reason: CancelReason::Staff };
    orders.apply(&plain_transition(&order, cancelled, StockStep::Release(order.reservation))).await.unwrap();

    // Beside the orders of other cases.
    let here = OrderSearch { from: Some(placed_at(0)), ..OrderSearch::default() };
    let page = PageRequest::first(100);
    let find = async |search: OrderSearch| -> Vec<u64> {
        let found = orders.search(STORE, &search, page).await.unwrap();
        assert!(!found.has_more);
        assert_eq!(orders.search(OTHER_STORE, &search, page).await.unwrap().data, []);
        found.data.iter().map(|order| (0..4).find(|n| numbered(*n) == order.order_no.id()).unwrap()).collect()
    };
    let at = |n: u64| Some(placed_at(n));
    let phone = Some("13900000001".to_owned());
    for (search, expected) in [
        (here.clone(), vec![3, 2, 1, 0]),
        (OrderSearch { order_no: Some(order.order_no), ..OrderSearch::default() }, vec![0]),
        (OrderSearch { order_no: Some(order.order_no), status: Some(OrderStatus::Paid), ..OrderSearch::default() }, vec![]),
        (OrderSearch { user: Some(user.clone()), ..OrderSearch::default() }, vec![2, 1, 0]),
        (OrderSearch { phone: phone.clone(), ..OrderSearch::default() }, vec![3, 2, 0]),
        (OrderSearch { phone: Some("1390000000".to_owned()), ..OrderSearch::default() }, vec![]),
        (OrderSearch { phone: Some("%".to_owned()), ..OrderSearch::default() }, vec![]),
        (OrderSearch { sku: Some(tea), ..OrderSearch::default() }, vec![3, 2, 0]),
        (OrderSearch { status: Some(OrderStatus::Cancelled), ..here.clone() }, vec![0]),
        (OrderSearch { kind: Some(OrderKind::Activity), ..here.clone() }, vec![2]),
        (OrderSearch { kind: Some(OrderKind::Cart), ..here.clone() }, vec![3, 1, 0]),
        (OrderSearch { refund_state: Some(RefundState::None), ..here.clone() }, vec![3, 2, 1, 0]),
        (OrderSearch { refund_state: Some(RefundState::Full), ..here.clone() }, vec![]),
        (OrderSearch { from: at(1), until: at(3), ..OrderSearch::default() }, vec![2, 1]),
        (OrderSearch { from: at(3), until: at(1), ..OrderSearch::default() }, vec![]),
        (OrderSearch { from: Some(placed_at(2).plus(Duration::from_millis(1))), ..OrderSearch::default() }, vec![3]),
        (OrderSearch { user: Some(user.clone()), sku: Some(tea), ..OrderSearch::default() }, vec![2, 0]),
        (OrderSearch { phone, user: Some(user), status: Some(OrderStatus::Unpaid), ..OrderSearch::default() }, vec![2]),
        (OrderSearch { sku: Some(cup), kind: Some(OrderKind::Cart), from: at(1), ..OrderSearch::default() }, vec![1]),
        (OrderSearch { until: Some(Timestamp::from_millis(0)), ..OrderSearch::default() }, vec![]),
    ] {
        assert_eq!(find(search.clone()).await, expected, "{search:?}");
    }

    let first = orders.search(STORE, &here, PageRequest::first(3)).await.unwrap();
    assert_eq!((first.data.len(), first.has_more), (3, true));
    let after = PageRequest::parse_cursor(&first.next_cursor.unwrap()).ok();
    let rest = orders.search(STORE, &here, PageRequest { limit: 3, after }).await.unwrap();
    assert_eq!((rest.data.len(), rest.has_more), (1, false));
    assert_eq!((rest.data[0].order_no.id(), rest.data[0].items.len()), (numbered(0), 2));
}

/// Unpaid orders are due at their deadline, again after a look was put off, and never once they are closed.
pub async fn the_deadline_stands_on_the_row(fixture: &dyn OrderFixture) {
    let sku = SkuId(10_301);
    fixture.put_sku(STORE, sku, 100, true, REVISION).await;
    let orders = fixture.orders();
    let deadline = now().plus(Duration::from_mins(1));
    let mut early = new_order(number(3, 0), &[(sku, 1)]);
    early.terms.expires_at = deadline;
    let early = placed(fixture, early).await;
    let due = async |at| orders.due(at, 10).await.unwrap();

    let before = now().plus(Duration::from_millis(59_999));
    assert_eq!(due(before).await, vec![]);
    assert_eq!(orders.overdue(before).await.unwrap(), (0, None));
    assert_eq!(due(deadline).await, [(early.order_no, STORE, deadline)]);
    assert_eq!(orders.overdue(deadline).await.unwrap(), (1, Some(deadline)));

    let later = deadline.plus(Duration::from_secs(30));
    orders.announce_again_at(&[early.order_no], later).await.unwrap();
    assert_eq!(due(deadline).await, vec![]);
    assert_eq!(due(later).await, [(early.order_no, STORE, deadline)]);
    assert_eq!(orders.overdue(deadline).await.unwrap(), (1, Some(deadline)));

    let expired = OrderState::Cancelled { reason: CancelReason::Expired };
    orders.apply(&plain_transition(&early, expired, StockStep::Release(early.reservation))).await.unwrap();
    assert_eq!(due(later).await, vec![]);
    assert_eq!(orders.overdue(deadline).await.unwrap(), (0, None));
    assert_eq!(early.terms.total.amount, PRICE);
}
