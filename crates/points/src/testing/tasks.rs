//! The contract suite of [`PointsTasks`]. Numbers are fixed: run it once per database, on a runtime with several threads.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_events::{PaymentSettled, RestockLine, SettledStatus};
use sluice_kernel::{Currency, Money, OrderNo, Points, RefundId, SkuId, UserId};
use tokio::task::JoinSet;

use super::{STORE, at};
use crate::{
    PointsAccount, PointsAnswer, PointsKind, PointsOperation, PointsTask, PointsTasks, RefundKept, StandingTask, TaskName,
    TaskState, points_payment,
};

/// What the suite needs of an adapter.
#[async_trait]
pub trait PointsFixture: Send + Sync {
    fn tasks(&self) -> Arc<dyn PointsTasks>;
    /// The ledger beside the tasks.
    fn ledger(&self) -> Arc<dyn PointsAccount>;
    /// Every settlement that was told of an order so far, in its order.
    async fn settlements(&self, order: OrderNo) -> Vec<PaymentSettled>;
    /// What staff were told of an order so far.
    async fn told_to_staff(&self, order: OrderNo) -> Vec<String>;
}

/// Runs every case of [`PointsTasks`].
pub async fn points_tasks_contract(fixture: &dyn PointsFixture) {
    a_task_is_kept_once_and_leased_to_one(fixture).await;
    a_lease_runs_out_and_a_pause_is_kept(fixture).await;
    an_end_is_final_and_told_once(fixture).await;
    the_own_ledger_settles_in_one_step(fixture).await;
    two_orders_of_one_user_are_decided_one_after_the_other(fixture).await;
    one_order_at_once_moves_points_once(fixture).await;
    a_refund_needs_its_deduction_and_never_exceeds_it(fixture).await;
    refunds_at_once_share_what_is_left(fixture).await;
    a_refused_refund_is_told_to_staff_once_and_leaves_its_points(fixture).await;
    a_kept_task_is_settled_by_the_ledger(fixture).await;
}

fn task(user: &str, kind: PointsKind, name: &str, order: i64, points: i64) -> PointsTask {
    let order_no = (kind != PointsKind::Grant).then(|| OrderNo::from_id(order));
    let operation = PointsOperation {
        store: STORE,
        user: UserId::from(user),
        kind,
        business_id: name.to_owned(),
        points: Points(points),
        order_no,
        reason: "a test".to_owned(),
    };
    PointsTask { operation, currency: Currency::CNY, restock: Vec::new(), traceparent: Some("00-trace".to_owned()) }
}

fn deduct(user: &str, order: i64, points: i64) -> PointsTask {
    task(user, PointsKind::Deduct, &OrderNo::from_id(order).to_string(), order, points)
}

fn refund(user: &str, name: &str, order: i64, points: i64) -> PointsTask {
    let restock = vec![RestockLine { sku_id: SkuId(7), quantity: 2 }];
    PointsTask { restock, ..task(user, PointsKind::Refund, name, order, points) }
}

async fn grant(fixture: &dyn PointsFixture, user: &str, points: i64) {
    let granted = fixture.tasks().settle(&[task(user, PointsKind::Grant, &format!("g-{user}"), 0, points)], at(0)).await.unwrap();
    assert_eq!(granted[0].state, TaskState::Done);
}

async fn balance(fixture: &dyn PointsFixture, user: &str) -> i64 {
    fixture.ledger().balance(STORE, &UserId::from(user)).await.unwrap().0
}

fn states(standing: &[StandingTask]) -> Vec<TaskState> {
    standing.iter().map(|standing| standing.state).collect()
}

fn done() -> PointsAnswer {
    PointsAnswer::Done { balance: None }
}

async fn statuses(fixture: &dyn PointsFixture, order: i64) -> Vec<SettledStatus> {
    fixture.settlements(OrderNo::from_id(order)).await.iter().map(|settled| settled.status).collect()
}

async fn a_task_is_kept_once_and_leased_to_one(fixture: &dyn PointsFixture) {
    let tasks = fixture.tasks();
    let all: Vec<PointsTask> = (1..=6).map(|number| deduct("lender", number, 10)).collect();
    let kept = tasks.keep(&all, at(0)).await.unwrap();
    assert!(kept.iter().all(|standing| standing.new && standing.state == TaskState::Pending && standing.attempts == 0));
    let again = tasks.keep(&[all[0].clone(), all[0].clone(), deduct("lender", 7, 10)], at(1)).await.unwrap();
    assert_eq!(again.iter().map(|standing| standing.new).collect::<Vec<_>>(), [false, false, true]);
    let stats = tasks.stats().await.unwrap();
    assert_eq!((stats.pending, stats.oldest), (7, Some(at(0))));

    // Several at once: each task goes to one of them, and only when it is due.
    assert_eq!(tasks.lease(10, "early", at(-1), at(60)).await.unwrap(), []);
    let mut race = JoinSet::new();
    for number in 0..4 {
        let tasks = fixture.tasks();
        race.spawn(async move {
            let mut mine = Vec::new();
            for round in 0..10 {
                mine.extend(tasks.lease(2, &format!("worker-{number}-{round}"), at(2), at(60)).await.unwrap());
            }
            mine
        });
    }
    let leased: Vec<StandingTask> = race.join_all().await.into_iter().flatten().collect();
    let names: HashSet<TaskName> = leased.iter().map(|standing| standing.task.name()).collect();
    assert_eq!((leased.len(), names.len()), (7, 7), "{leased:?}");
    assert!(leased.iter().all(|standing| standing.attempts == 1));
    let first = leased.iter().find(|standing| standing.task.name() == all[0].name()).unwrap();
    assert_eq!(first.task, all[0], "a task reads back whole");
    end_all(fixture, &names, at(3)).await;
}

async fn end_all(fixture: &dyn PointsFixture, names: &HashSet<TaskName>, now: sluice_kernel::Timestamp) {
    let ends: Vec<(TaskName, PointsAnswer)> = names.iter().map(|name| (name.clone(), done())).collect();
    fixture.tasks().end(&ends, now).await.unwrap();
    assert_eq!(fixture.tasks().stats().await.unwrap().pending, 0);
}

async fn a_lease_runs_out_and_a_pause_is_kept(fixture: &dyn PointsFixture) {
    let tasks = fixture.tasks();
    let one = deduct("pauser", 11, 10);
    tasks.keep(std::slice::from_ref(&one), at(0)).await.unwrap();
    assert_eq!(tasks.lease(5, "dies", at(0), at(30)).await.unwrap().len(), 1);
    assert_eq!(tasks.lease(5, "waits", at(29), at(60)).await.unwrap(), []);
    let taken_over = tasks.lease(5, "follows", at(30), at(60)).await.unwrap();
    assert_eq!(taken_over[0].attempts, 2);
    // Who has lost the lease moves nothing any more.
    tasks.postpone(&[(one.name(), at(31))], "dies").await.unwrap();
    assert_eq!(tasks.lease(5, "next", at(31), at(60)).await.unwrap(), []);
    tasks.postpone(&[(one.name(), at(40))], "follows").await.unwrap();
    assert_eq!(tasks.lease(5, "next", at(39), at(60)).await.unwrap(), []);
    assert_eq!(tasks.lease(5, "next", at(40), at(70)).await.unwrap()[0].attempts, 3);
    end_all(fixture, &HashSet::from([one.name()]), at(41)).await;
    assert_eq!(tasks.lease(5, "late", at(100), at(200)).await.unwrap(), [], "what has ended is due no more");
}

async fn an_end_is_final_and_told_once(fixture: &dyn PointsFixture) {
    let tasks = fixture.tasks();
    let (paid, failed) = (deduct("teller", 21, 40), deduct("teller", 22, 50));
    tasks.keep(&[paid.clone(), failed.clone()], at(0)).await.unwrap();
    let refused = || PointsAnswer::Refused { reason: "r".repeat(300) };
    let mut race = JoinSet::new();
    for _ in 0..10 {
        let tasks = fixture.tasks();
        let ends = [(paid.name(), done()), (failed.name(), refused())];
        race.spawn(async move { tasks.end(&ends, at(5)).await.unwrap() });
    }
    race.join_all().await;
    // Another answer later changes nothing; a name that nobody kept neither.
    tasks.end(&[(paid.name(), refused()), (failed.name(), done())], at(6)).await.unwrap();
    tasks.end(&[(deduct("teller", 23, 1).name(), done())], at(6)).await.unwrap();
    let standing = tasks.keep(&[paid, failed], at(7)).await.unwrap();
    assert_eq!(states(&standing), [TaskState::Done, TaskState::Refused]);

    let order = OrderNo::from_id(21);
    let told = fixture.settlements(order).await;
    let expected = PaymentSettled {
        order_no: order,
        store_id: STORE,
        payment_id: points_payment(order),
        provider: "points".to_owned(),
        status: SettledStatus::Paid,
        amount: Money::zero(Currency::CNY),
        points: Some(Points(40)),
        refund_id: None,
        restock: Vec::new(),
        at: at(5),
    };
    assert_eq!(told, [expected]);
    assert_eq!(statuses(fixture, 22).await, [SettledStatus::Failed]);
    assert_eq!(statuses(fixture, 23).await, []);
}

async fn the_own_ledger_settles_in_one_step(fixture: &dyn PointsFixture) {
    let tasks = fixture.tasks();
    grant(fixture, "settler", 100).await;
    let batch = [deduct("settler", 31, 60), deduct("pauper", 32, 1), deduct("settler", 31, 60), deduct("pauper", 33, 0)];
    let settled = tasks.settle(&batch, at(1)).await.unwrap();
    let (done, refused) = (TaskState::Done, TaskState::Refused);
    assert_eq!(states(&settled), [done, refused, done, done]);
    for _ in 0..3 {
        let again = tasks.settle(&batch, at(2)).await.unwrap();
        assert_eq!((states(&again), again.iter().any(|standing| standing.new)), (states(&settled), false));
    }
    assert_eq!((balance(fixture, "settler").await, tasks.stats().await.unwrap().pending), (40, 0));
    assert_eq!(statuses(fixture, 31).await, [SettledStatus::Paid]);
    assert_eq!(statuses(fixture, 32).await, [SettledStatus::Failed]);
    assert_eq!(statuses(fixture, 33).await, [SettledStatus::Paid], "an order of no points is paid");

    // A failed order stays failed, whatever is granted later.
    grant(fixture, "pauper", 500).await;
    tasks.settle(&batch, at(3)).await.unwrap();
    assert_eq!((balance(fixture, "pauper").await, statuses(fixture, 32).await), (500, vec![SettledStatus::Failed]));
}

async fn two_orders_of_one_user_are_decided_one_after_the_other(fixture: &dyn PointsFixture) {
    grant(fixture, "buyer", 100).await;
    let batch = [deduct("buyer", 41, 70), deduct("buyer", 42, 70), deduct("buyer", 43, 30)];
    let settled = fixture.tasks().settle(&batch, at(1)).await.unwrap();
    assert_eq!(states(&settled), [TaskState::Done, TaskState::Refused, TaskState::Done]);
    assert_eq!(balance(fixture, "buyer").await, 0);
}

async fn one_order_at_once_moves_points_once(fixture: &dyn PointsFixture) {
    grant(fixture, "racer", 1_000).await;
    let mut race = JoinSet::new();
    for _ in 0..20 {
        let tasks = fixture.tasks();
        let batch: Vec<PointsTask> = (0..10).map(|number| deduct("racer", 500 + number, 30)).collect();
        race.spawn(async move { tasks.settle(&batch, at(1)).await.unwrap().len() });
    }
    race.join_all().await;
    assert_eq!(balance(fixture, "racer").await, 700);
    for order in 500..510 {
        assert_eq!(statuses(fixture, order).await, [SettledStatus::Paid]);
    }
}

async fn a_refund_needs_its_deduction_and_never_exceeds_it(fixture: &dyn PointsFixture) {
    let tasks = fixture.tasks();
    grant(fixture, "returner", 100).await;
    assert_eq!(tasks.keep_refund(&refund("returner", "r-0", 61, 10), false, at(0)).await.unwrap(), RefundKept::NotDeducted);
    let poor = deduct("returner", 62, 101);
    assert_eq!(states(&tasks.settle(&[poor], at(0)).await.unwrap()), [TaskState::Refused]);
    assert_eq!(tasks.keep_refund(&refund("returner", "r-1", 62, 101), false, at(0)).await.unwrap(), RefundKept::NotDeducted);

    let paid = PointsTask { currency: "JPY".parse().unwrap(), ..deduct("returner", 63, 60) };
    tasks.settle(&[paid], at(1)).await.unwrap();
    assert_eq!(tasks.keep_refund(&refund("stranger", "r-2", 63, 10), false, at(2)).await.unwrap(), RefundKept::NotDeducted);
    let too_much = tasks.keep_refund(&refund("returner", "r-3", 63, 61), false, at(2)).await.unwrap();
    assert_eq!(too_much, RefundKept::TooMuch { left: Points(60) });

    let whole = refund("returner", "r-4", 63, 60);
    for round in 0..5 {
        let RefundKept::Kept(standing) = tasks.keep_refund(&whole, false, at(3)).await.unwrap() else { panic!("it is kept") };
        let expected = if round == 0 { TaskState::Pending } else { TaskState::Done };
        assert_eq!((standing.state, standing.new), (expected, round == 0));
        assert_eq!(states(&tasks.settle(&[standing.task], at(4)).await.unwrap()), [TaskState::Done]);
    }
    assert_eq!(balance(fixture, "returner").await, 100);
    let nothing_left = tasks.keep_refund(&refund("returner", "r-5", 63, 1), false, at(5)).await.unwrap();
    assert_eq!(nothing_left, RefundKept::TooMuch { left: Points(0) });

    let told = fixture.settlements(OrderNo::from_id(63)).await;
    let returned = told.last().unwrap();
    assert_eq!((told.len(), returned.status, returned.points), (2, SettledStatus::Refunded, Some(Points(60))));
    assert_eq!(returned.refund_id, Some(RefundId::from("r-4")));
    assert_eq!((returned.restock.clone(), returned.amount), (whole.restock, Money::zero("JPY".parse().unwrap())));
}

async fn refunds_at_once_share_what_is_left(fixture: &dyn PointsFixture) {
    grant(fixture, "divider", 100).await;
    fixture.tasks().settle(&[deduct("divider", 71, 100)], at(0)).await.unwrap();
    let mut race = JoinSet::new();
    for number in 0..12 {
        let tasks = fixture.tasks();
        race.spawn(async move {
            let kept = tasks.keep_refund(&refund("divider", &format!("d-{number}"), 71, 30), false, at(1)).await.unwrap();
            if let RefundKept::Kept(standing) = &kept {
                tasks.settle(std::slice::from_ref(&standing.task), at(2)).await.unwrap();
            }
            matches!(kept, RefundKept::Kept(_))
        });
    }
    let kept = race.join_all().await.into_iter().filter(|kept| *kept).count();
    assert_eq!((kept, balance(fixture, "divider").await), (3, 90));
}

async fn a_refused_refund_is_told_to_staff_once_and_leaves_its_points(fixture: &dyn PointsFixture) {
    let tasks = fixture.tasks();
    grant(fixture, "unlucky", 10).await;
    tasks.settle(&[deduct("unlucky", 91, 10)], at(0)).await.unwrap();
    let first = refund("unlucky", "u-1", 91, 10);
    tasks.keep_refund(&first, false, at(1)).await.unwrap();
    let refused = PointsAnswer::Refused { reason: "the account is closed".to_owned() };
    for _ in 0..3 {
        tasks.end(&[(first.name(), refused.clone())], at(2)).await.unwrap();
    }
    let told = fixture.told_to_staff(OrderNo::from_id(91)).await;
    assert!(told.len() == 1 && told[0].contains("u-1") && told[0].contains("the account is closed"), "{told:?}");
    assert_eq!(statuses(fixture, 91).await, [SettledStatus::Paid]);
    let RefundKept::Kept(again) = tasks.keep_refund(&first, false, at(3)).await.unwrap() else { panic!("it stands") };
    assert_eq!((again.state, again.new), (TaskState::Refused, false));
    for (number, further) in ["u-1.2", "u-1.3"].into_iter().enumerate() {
        let mut race = JoinSet::new();
        for _ in 0..5 {
            let (tasks, first) = (fixture.tasks(), first.clone());
            race.spawn(async move { tasks.keep_refund(&first, true, at(3)).await.unwrap() });
        }
        let kept: Vec<RefundKept> = race.join_all().await;
        let named = |kept: &RefundKept| matches!(kept, RefundKept::Kept(next) if next.task.operation.business_id == further);
        assert!(kept.iter().all(named), "several who ask at once share one try: {kept:?}");
        let name = TaskName { kind: PointsKind::Refund, business_id: further.to_owned() };
        let answer = if number == 0 { refused.clone() } else { done() };
        tasks.end(&[(name, answer)], at(4)).await.unwrap();
    }
    let RefundKept::Kept(last) = tasks.keep_refund(&first, true, at(5)).await.unwrap() else { panic!("it stands") };
    assert_eq!((last.task.operation.business_id.as_str(), last.state), ("u-1.3", TaskState::Done));
    assert_eq!(fixture.told_to_staff(OrderNo::from_id(91)).await.len(), 2);
}

/// A shop that goes from a platform to its own ledger leaves no task behind.
async fn a_kept_task_is_settled_by_the_ledger(fixture: &dyn PointsFixture) {
    let tasks = fixture.tasks();
    grant(fixture, "mover", 10).await;
    tasks.keep(&[deduct("mover", 81, 4), deduct("mover", 82, 40)], at(0)).await.unwrap();
    let leased = tasks.lease(10, "settles", at(0).plus(Duration::from_secs(1)), at(30)).await.unwrap();
    let left: Vec<PointsTask> = leased.into_iter().map(|standing| standing.task).collect();
    let mut settled = states(&tasks.settle(&left, at(2)).await.unwrap());
    settled.sort_by_key(|state| *state == TaskState::Refused);
    assert_eq!(settled, [TaskState::Done, TaskState::Refused]);
    assert_eq!((balance(fixture, "mover").await, tasks.stats().await.unwrap().pending), (6, 0));
    assert_eq!(
        (statuses(fixture, 81).await, statuses(fixture, 82).await),
        (vec![SettledStatus::Paid], vec![SettledStatus::Failed])
    );
}
