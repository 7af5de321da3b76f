use std::collections::HashMap;

use sluice_kernel::{Currency, Money, OrderNo, Points, StoreId, Timestamp, UserId};
use sluice_order::{Attribution, CommitOutcome, IdempotencyKey, NewOrder, OrderKind, OrderTerms, Recipient, Replay};

use super::{super::scope::key_scope, *};

fn order(number: i64, key: &str) -> NewOrder {
    let (store, user) = (StoreId(1), UserId::from("42"));
    let at = Timestamp::from_millis(1_000);
    NewOrder {
        order_no: OrderNo::from_id(number),
        store,
        user: user.clone(),
        terms: OrderTerms {
            kind: OrderKind::Cart,
            total: Money::zero(Currency::CNY),
            points_total: Points(0),
            profit_total: 0,
            created_at: at,
            expires_at: at,
            recipient: Recipient::default(),
            store_code: None,
            attribution: Attribution::default(),
            referrer: None,
            redirect_type: "2".to_owned(),
            activity: None,
            children: vec![],
        },
        items: vec![],
        key: IdempotencyKey { route: "orders", store, user, key: key.to_owned(), fingerprint: [7; 32] },
        cart_version: None,
        uses_code: None,
        first_payment: None,
        reserved_in_epoch: None,
        traceparent: None,
    }
}

fn looked_up(orders: &[NewOrder], owned: &[(&str, i64)]) -> Option<Vec<Verdict>> {
    let placements: Vec<Placement> = orders.iter().map(|order| Placement::of(Arc::new(order.clone())).unwrap()).collect();
    let batch: Vec<&Placement> = placements.iter().collect();
    let owner = |number| Owner { order_no: OrderNo::from_id(number), fingerprint: [7; 32] };
    let owners: HashMap<Scope, Owner> = owned.iter().map(|(key, number)| (key_scope(&order(0, key).key), owner(*number))).collect();
    found(&batch, &owners)
}

/// The COMMIT never took effect: all of the batch is to be tried again.
#[test]
fn a_lost_commit_that_left_no_key_did_not_happen() {
    assert_eq!(looked_up(&[order(1, "a"), order(2, "b")], &[]), None);
    // Keys of others do not say that ours was committed.
    assert_eq!(looked_up(&[order(1, "a")], &[("a", 9)]), None);
}

#[test]
fn a_lost_commit_that_left_its_keys_did_happen() {
    let replay = Replay { order_no: OrderNo::from_id(9), same_body: true };
    let orders = [order(1, "a"), order(2, "b"), order(3, "c"), order(4, "a")];
    let verdicts = looked_up(&orders, &[("a", 1), ("c", 9)]);
    let expected = vec![
        Verdict::Answered(CommitOutcome::Committed),
        // Refused before the commit; nothing of it was kept.
        Verdict::PutOff,
        Verdict::Answered(CommitOutcome::Replayed(replay)),
        // Shares the first one's key.
        Verdict::PutOff,
    ];
    assert_eq!(verdicts, Some(expected));
}
