//! Placed orders as they are read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::time::Duration;

use sluice_kernel::{OrderNo, PageRequest, RefundState, ReservationId, SkuId, UserId};

use super::fixture::{OTHER_STORE, OrderFixture, PRICE, REVISION, STORE, new_order, now, number, place, placed, plain_transition};
use crate::{CancelReason, ChildOrder, CommitOutcome, OrderQuery, OrderState, OrderStatus, Replay, StockStep};

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
