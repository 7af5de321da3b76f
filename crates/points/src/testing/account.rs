//! The contract suite of [`PointsAccount`]: the own ledger and every points platform pass it. Names are fixed: run it
//! once per account.

use std::sync::Arc;

use sluice_kernel::{OrderNo, PageRequest, Points, StoreId, UserId};
use tokio::task::JoinSet;

use super::{OTHER_STORE, STORE};
use crate::{PointsAccount, PointsAnswer, PointsEntry, PointsKind, PointsOperation};

/// Runs every case of [`PointsAccount`].
pub async fn points_account_contract(account: Arc<dyn PointsAccount>) {
    points_move_and_are_told_newest_first(&*account).await;
    an_operation_repeated_a_hundred_times_moves_points_once(&account).await;
    a_refusal_moves_nothing_and_is_final(&*account).await;
    a_name_stands_for_its_points_alone(&*account).await;
    a_batch_is_decided_one_after_the_other(&*account).await;
    no_balance_falls_below_zero_under_concurrent_deductions(&account).await;
    stores_and_users_do_not_touch_each_other(&*account).await;
}

fn operation(user: &str, kind: PointsKind, name: &str, points: i64) -> PointsOperation {
    PointsOperation {
        store: STORE,
        user: UserId::from(user),
        kind,
        business_id: name.to_owned(),
        points: Points(points),
        order_no: (kind != PointsKind::Grant).then(|| OrderNo::from_id(77)),
        reason: format!("because of {name}"),
    }
}

async fn apply(account: &dyn PointsAccount, operation: &PointsOperation) -> PointsAnswer {
    let mut answers = account.apply(std::slice::from_ref(operation)).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0).unwrap()
}

fn done(balance: i64) -> PointsAnswer {
    PointsAnswer::Done { balance: Some(Points(balance)) }
}

async fn grant(account: &dyn PointsAccount, user: &str, points: i64) {
    let granted = apply(account, &operation(user, PointsKind::Grant, &format!("start-{user}"), points)).await;
    assert_eq!(granted, done(points));
}

async fn balance(account: &dyn PointsAccount, user: &str) -> i64 {
    account.balance(STORE, &UserId::from(user)).await.unwrap().0
}

async fn entries(account: &dyn PointsAccount, user: &str, limit: u32, after: Option<i64>) -> Vec<PointsEntry> {
    account.entries(STORE, &UserId::from(user), PageRequest { limit, after }).await.unwrap()
}

async fn points_move_and_are_told_newest_first(account: &dyn PointsAccount) {
    assert_eq!((balance(account, "saver").await, entries(account, "saver", 20, None).await), (0, Vec::new()));
    grant(account, "saver", 100).await;
    assert_eq!(apply(account, &operation("saver", PointsKind::Deduct, "saver-1", 30)).await, done(70));
    assert_eq!(apply(account, &operation("saver", PointsKind::Refund, "saver-1", 30)).await, done(100));
    assert_eq!(apply(account, &operation("saver", PointsKind::Deduct, "saver-2", 0)).await, done(100));
    assert_eq!(balance(account, "saver").await, 100);

    let told = entries(account, "saver", 2, None).await;
    assert_eq!(told.len(), 3, "one more than asked says that there is more");
    let older = entries(account, "saver", 20, Some(told[1].id)).await;
    let all: Vec<&PointsEntry> = told[..2].iter().chain(&older).collect();
    let figures: Vec<(PointsKind, i64, i64)> =
        all.iter().map(|entry| (entry.kind, entry.points.0, entry.balance_after.0)).collect();
    let (grant, deduct, refund) = (PointsKind::Grant, PointsKind::Deduct, PointsKind::Refund);
    assert_eq!(figures, [(deduct, 0, 100), (refund, 30, 100), (deduct, -30, 70), (grant, 100, 100)]);
    assert_eq!((all[2].business_id.as_str(), all[2].reason.as_str()), ("saver-1", "because of saver-1"));
    assert_eq!((all[2].order_no, all[3].order_no), (Some(OrderNo::from_id(77)), None));
}

async fn an_operation_repeated_a_hundred_times_moves_points_once(account: &Arc<dyn PointsAccount>) {
    grant(&**account, "double-tapper", 1_000).await;
    let mut race = JoinSet::new();
    for _ in 0..100 {
        let account = Arc::clone(account);
        race.spawn(async move { apply(&*account, &operation("double-tapper", PointsKind::Deduct, "tapped", 30)).await });
    }
    assert!(race.join_all().await.iter().all(|answer| *answer == done(970)));
    assert_eq!(balance(&**account, "double-tapper").await, 970);
    assert_eq!(entries(&**account, "double-tapper", 20, None).await.len(), 2);

    // The same for an account that is opened by it.
    let mut race = JoinSet::new();
    for _ in 0..20 {
        let account = Arc::clone(account);
        race.spawn(async move { apply(&*account, &operation("newcomer", PointsKind::Grant, "welcome", 5)).await });
    }
    assert!(race.join_all().await.iter().all(|answer| *answer == done(5)));
    assert_eq!(balance(&**account, "newcomer").await, 5);
}

async fn a_refusal_moves_nothing_and_is_final(account: &dyn PointsAccount) {
    let wanted = operation("hopeful", PointsKind::Deduct, "too-much", 50);
    assert!(matches!(apply(account, &wanted).await, PointsAnswer::Refused { .. }));
    grant(account, "hopeful", 49).await;
    let more = operation("hopeful", PointsKind::Deduct, "still-too-much", 50);
    assert!(matches!(apply(account, &more).await, PointsAnswer::Refused { .. }));
    assert_eq!(apply(account, &operation("hopeful", PointsKind::Grant, "one-more", 51)).await, done(100));
    // The order has failed by now: points that came later do not pay it.
    assert!(matches!(apply(account, &wanted).await, PointsAnswer::Refused { .. }));
    assert_eq!((balance(account, "hopeful").await, entries(account, "hopeful", 20, None).await.len()), (100, 2));
}

async fn a_name_stands_for_its_points_alone(account: &dyn PointsAccount) {
    grant(account, "forger", 100).await;
    assert_eq!(apply(account, &operation("forger", PointsKind::Deduct, "forged", 10)).await, done(90));
    for points in [11, 9] {
        let other = apply(account, &operation("forger", PointsKind::Deduct, "forged", points)).await;
        assert!(matches!(other, PointsAnswer::Refused { .. }), "{other:?}");
    }
    let negative = apply(account, &operation("forger", PointsKind::Deduct, "negative", -10)).await;
    assert!(matches!(negative, PointsAnswer::Refused { .. }), "{negative:?}");
    assert_eq!(balance(account, "forger").await, 90);
}

async fn a_batch_is_decided_one_after_the_other(account: &dyn PointsAccount) {
    grant(account, "collector", 50).await;
    let deduct = |name: &str, points| operation("collector", PointsKind::Deduct, name, points);
    let batch = [deduct("both-1", 30), deduct("both-2", 30), operation("late-riser", PointsKind::Deduct, "both-3", 1)];
    let answers = account.apply(&batch).await;
    let done: Vec<bool> = answers.iter().map(|answer| matches!(answer, Ok(PointsAnswer::Done { .. }))).collect();
    let paid = done[..2].iter().filter(|done| **done).count();
    assert_eq!((paid, done.len(), done[2]), (1, 3, false), "{answers:?}");
    assert_eq!(balance(account, "collector").await, 20);

    let twice = [deduct("twin", 5), deduct("twin", 5)];
    let answers = account.apply(&twice).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(PointsAnswer::Done { .. }))), "{answers:?}");
    assert_eq!(balance(account, "collector").await, 15);
    assert!(account.apply(&[]).await.is_empty());
}

async fn no_balance_falls_below_zero_under_concurrent_deductions(account: &Arc<dyn PointsAccount>) {
    grant(&**account, "crowd", 100).await;
    let mut race = JoinSet::new();
    for number in 0..40 {
        let account = Arc::clone(account);
        race.spawn(async move { apply(&*account, &operation("crowd", PointsKind::Deduct, &format!("crowd-{number}"), 10)).await });
    }
    let answers = race.join_all().await;
    let paid = answers.iter().filter(|answer| matches!(answer, PointsAnswer::Done { .. })).count();
    assert_eq!((paid, balance(&**account, "crowd").await), (10, 0), "{answers:?}");
    let told = entries(&**account, "crowd", 100, None).await;
    assert_eq!(told.iter().map(|entry| entry.points.0).sum::<i64>(), 0);
    assert!(told.iter().all(|entry| entry.balance_after >= Points(0)), "{told:?}");
}

async fn stores_and_users_do_not_touch_each_other(account: &dyn PointsAccount) {
    grant(account, "traveller", 10).await;
    let read = async |store: StoreId, user: &str| account.balance(store, &UserId::from(user)).await.unwrap().0;
    assert_eq!((read(OTHER_STORE, "traveller").await, read(STORE, "Traveller").await), (0, 0));
    let elsewhere = PointsOperation { store: OTHER_STORE, ..operation("traveller", PointsKind::Deduct, "abroad", 1) };
    assert!(matches!(apply(account, &elsewhere).await, PointsAnswer::Refused { .. }));
    assert_eq!(account.entries(OTHER_STORE, &UserId::from("traveller"), PageRequest::first(20)).await.unwrap(), []);
}
