use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use sluice_kernel::{ManualClock, Points, PortError, SequenceIds, Timestamp};

use super::*;
use crate::{PointsEntry, TaskName};

const STORE: StoreId = StoreId(1);

fn start() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

/// Tasks in memory: enough for one service.
#[derive(Default)]
struct Tasks(Mutex<HashMap<TaskName, Row>>);

struct Row {
    standing: StandingTask,
    due: Timestamp,
    answer: Option<PointsAnswer>,
}

impl Tasks {
    fn rows(&self) -> std::sync::MutexGuard<'_, HashMap<TaskName, Row>> {
        self.0.lock().unwrap()
    }

    fn pending(&self) -> usize {
        self.rows().values().filter(|row| row.answer.is_none()).count()
    }
}

#[async_trait]
impl PointsTasks for Tasks {
    async fn keep(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>> {
        let mut rows = self.rows();
        let mut kept = Vec::new();
        for task in tasks {
            let new = !rows.contains_key(&task.name());
            let standing = StandingTask { task: task.clone(), state: TaskState::Pending, attempts: 0, new: false };
            let row = rows.entry(task.name()).or_insert(Row { standing, due: now, answer: None });
            kept.push(StandingTask { new, ..row.standing.clone() });
        }
        Ok(kept)
    }

    async fn keep_refund(&self, task: &PointsTask, _: bool, now: Timestamp) -> PortResult<RefundKept> {
        let mut kept = self.keep(std::slice::from_ref(task), now).await?;
        Ok(RefundKept::Kept(kept.remove(0)))
    }

    async fn settle(&self, _: &[PointsTask], _: Timestamp) -> PortResult<Vec<StandingTask>> {
        panic!("only the own ledger settles")
    }

    async fn lease(&self, limit: u32, _: &str, now: Timestamp, until: Timestamp) -> PortResult<Vec<StandingTask>> {
        let mut rows = self.rows();
        let due = rows.values_mut().filter(|row| row.answer.is_none() && row.due <= now);
        let leased = due.take(usize::try_from(limit).unwrap()).map(|row| {
            row.due = until;
            row.standing.attempts += 1;
            row.standing.clone()
        });
        Ok(leased.collect())
    }

    async fn end(&self, ends: &[(TaskName, PointsAnswer)], _: Timestamp) -> PortResult<()> {
        let mut rows = self.rows();
        for (name, answer) in ends {
            let row = rows.get_mut(name).unwrap();
            row.answer.get_or_insert_with(|| answer.clone());
            row.standing.state = TaskState::Done;
        }
        Ok(())
    }

    async fn postpone(&self, tasks: &[(TaskName, Timestamp)], _: &str) -> PortResult<()> {
        let mut rows = self.rows();
        for (name, at) in tasks {
            rows.get_mut(name).unwrap().due = *at;
        }
        Ok(())
    }

    async fn stats(&self) -> PortResult<PointsStats> {
        Ok(PointsStats { pending: u64::try_from(self.pending()).unwrap(), oldest: None })
    }
}

/// A platform whose calls take a while; some names hang, and all fail while it is away.
#[derive(Default)]
struct Platform {
    asked: Mutex<Vec<String>>,
    running: AtomicUsize,
    most: AtomicUsize,
    away: AtomicBool,
}

#[async_trait]
impl PointsAccount for Platform {
    async fn apply(&self, operations: &[PointsOperation]) -> Vec<PortResult<PointsAnswer>> {
        let name = &operations[0].business_id;
        self.asked.lock().unwrap().push(name.clone());
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let slow = name.ends_with("slow");
        tokio::time::sleep(Duration::from_millis(if slow { 5_000 } else { 10 })).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        if slow || self.away.load(Ordering::SeqCst) {
            return vec![Err(PortError::unavailable("the points platform", "scripted"))];
        }
        vec![Ok(PointsAnswer::Done { balance: None })]
    }

    async fn balance(&self, _: StoreId, _: &UserId) -> PortResult<Points> {
        Ok(Points(0))
    }

    async fn entries(&self, _: StoreId, _: &UserId, _: PageRequest) -> PortResult<Vec<PointsEntry>> {
        Ok(Vec::new())
    }
}

struct World {
    service: PointsAccounts,
    tasks: Arc<Tasks>,
    platform: Arc<Platform>,
    clock: Arc<ManualClock>,
}

fn world(concurrency: usize) -> World {
    let (tasks, platform, clock) = (Arc::<Tasks>::default(), Arc::<Platform>::default(), Arc::new(ManualClock::at(start())));
    let route = PointsRoute::Platform(PlatformPace::new(concurrency, Duration::from_secs(5)));
    let ids = Arc::new(SequenceIds::starting_at(1));
    let service = PointsAccounts::new(platform.clone(), tasks.clone(), route, clock.clone(), ids, Arc::default());
    World { service, tasks, platform, clock }
}

fn task(name: &str) -> PointsTask {
    PointsTask {
        operation: PointsOperation {
            store: STORE,
            user: UserId::from("42"),
            kind: PointsKind::Deduct,
            business_id: name.to_owned(),
            points: Points(1),
            order_no: None,
            reason: String::new(),
        },
        currency: Currency::CNY,
        restock: Vec::new(),
        traceparent: None,
    }
}

impl World {
    async fn keep(&self, names: impl IntoIterator<Item = String>) {
        let tasks: Vec<PointsTask> = names.into_iter().map(|name| task(&name)).collect();
        self.tasks.keep(&tasks, self.clock.now()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_bounded_and_a_slow_one_does_not_hold_the_others() {
    let world = world(8);
    world.keep((0..400).map(|number| format!("{number}{}", if number < 3 { "-slow" } else { "" }))).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(world.service.run_due(1_000).await.unwrap(), 400);
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    assert_eq!((world.platform.most.load(Ordering::SeqCst), world.tasks.pending()), (8, 3));
}

#[tokio::test(start_paused = true)]
async fn what_becomes_due_during_a_slow_call_does_not_wait_for_it() {
    let world = Arc::new(world(8));
    world.keep(["slow".to_owned()]).await;
    let running = tokio::spawn({
        let world = world.clone();
        async move { world.service.run_due(100).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.keep(["late".to_owned()]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.tasks.pending(), 1, "only the slow one is left");
    assert_eq!(running.await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_away_is_asked_again_with_growing_pauses_until_it_answers() {
    let world = world(8);
    world.platform.away.store(true, Ordering::SeqCst);
    world.keep(["7".to_owned()]).await;
    let mut asked_at = Vec::new();
    for _ in 0..1_200 {
        if world.service.run_due(10).await.unwrap() > 0 {
            asked_at.push(world.clock.now().since(start()).as_millis());
        }
        world.clock.advance(Duration::from_millis(50));
    }
    let pauses: Vec<u128> = asked_at.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    world.platform.away.store(false, Ordering::SeqCst);
    world.clock.advance(Duration::from_secs(15));
    assert_eq!(world.service.run_due(10).await.unwrap(), 1);
    assert_eq!((world.tasks.pending(), world.service.run_due(10).await.unwrap()), (0, 0));
    let asked = world.platform.asked.lock().unwrap();
    assert!(asked.iter().all(|name| name == "7"), "always the same operation: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_grant_is_bounded_and_its_key_stands_for_it_alone() {
    let world = world(8);
    let grant = |points, reason: &str| PointsGrant {
        store: STORE,
        user: UserId::from("42"),
        points: Points(points),
        reason: reason.to_owned(),
        key: "k".to_owned(),
    };
    let to = |user: &str| PointsGrant { user: UserId::from(user), ..grant(1, "x") };
    for (refused, pointer) in [
        (grant(0, "x"), "/points"),
        (grant(-1, "x"), "/points"),
        (grant(1_000_000_000_001, "x"), "/points"),
        (grant(1, " "), "/reason"),
        (grant(1, &"x".repeat(201)), "/reason"),
        (grant(1, "x\u{7}"), "/reason"),
        (to(""), "/user_id"),
        (to(&"4".repeat(65)), "/user_id"),
        (to("4\n2"), "/user_id"),
        (PointsGrant { key: "k".repeat(61), ..grant(1, "x") }, "/key"),
    ] {
        match world.service.grant(refused).await {
            Err(PointsError::InvalidField(invalid)) => assert_eq!(invalid.pointer, pointer),
            other => panic!("{pointer}: {other:?}"),
        }
    }
    assert_eq!(world.tasks.pending(), 0);
    assert!(!world.service.grant(grant(5, "birthday")).await.unwrap().replayed);
    assert!(world.service.grant(grant(5, "birthday")).await.unwrap().replayed);
    assert!(matches!(world.service.grant(grant(6, "birthday")).await, Err(PointsError::KeyReused)));
    assert_eq!(world.platform.asked.lock().unwrap().len(), 1);
}
