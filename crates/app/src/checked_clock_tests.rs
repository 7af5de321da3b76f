use sluice_kernel::ManualClock;

use super::*;

const NOON: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

struct Stage {
    clock: CheckedClock,
    running: Arc<ManualClock>,
    machine: Arc<ManualClock>,
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn stage() -> Stage {
    let (running, machine) = (Arc::new(ManualClock::at(at(NOON))), Arc::new(ManualClock::at(at(NOON))));
    Stage { clock: CheckedClock::over(running.clone(), machine.clone()), running, machine }
}

impl Stage {
    /// A look that took 10 ms, after some seconds; the database is so far ahead of the running clock.
    fn look(&self, after_seconds: u64, ahead: i64) {
        self.running.advance(Duration::from_secs(after_seconds));
        self.machine.advance(Duration::from_secs(after_seconds));
        let asked = self.running.now();
        self.running.advance(Duration::from_millis(10));
        self.machine.advance(Duration::from_millis(10));
        self.clock.take(Look { asked, answered: self.running.now(), database: at(asked.as_millis() + 5 + ahead) });
    }

    fn ahead(&self) -> i64 {
        self.clock.now().as_millis() - self.running.now().as_millis()
    }
}

#[test]
fn a_machine_whose_clock_is_set_moves_no_time_of_the_shop() {
    let stage = stage();
    stage.machine.advance(Duration::from_hours(1));
    assert_eq!(stage.clock.now(), at(NOON));
    assert_eq!(stage.clock.health().state, PartState::Degraded);
    assert_eq!(stage.clock.health().detail, "the machine's clock is 3600000 ms ahead of the database's");
    stage.machine.set(at(NOON - 600_000));
    assert_eq!(stage.clock.now(), at(NOON));
    assert_eq!(stage.clock.health().detail, "the machine's clock is 600000 ms behind the database's");
    stage.machine.set(at(NOON + 3));
    assert_eq!(stage.clock.health().state, PartState::Up);
}

#[test]
fn a_small_difference_is_followed_in_steps_that_order_numbers_bear() {
    let stage = stage();
    for (ahead, expected) in [(8, 0), (1_700, 500), (1_700, 1_000), (1_700, 1_500), (1_700, 1_700), (0, 1_200), (0, 700)] {
        stage.look(3, ahead);
        assert_eq!(stage.ahead(), expected);
    }
}

#[test]
fn a_database_whose_clock_is_an_hour_ahead_for_ten_seconds_is_not_believed() {
    let stage = stage();
    for _ in 0..4 {
        stage.look(3, HOUR);
        assert_eq!(stage.ahead(), 0);
        assert!(!stage.clock.is_settled());
        assert_eq!(stage.clock.health().state, PartState::Degraded);
    }
    stage.look(3, 0);
    assert!(stage.clock.is_settled());
    // A second time begins anew.
    stage.look(3, HOUR);
    stage.look(10, HOUR);
    assert_eq!(stage.ahead(), 0);
}

#[tokio::test]
async fn a_database_whose_clock_was_set_back_for_good_is_believed_after_a_while() {
    let stage = stage();
    for _ in 0..5 {
        stage.look(3, -600_000);
        assert_eq!(stage.ahead(), 0);
    }
    stage.look(3, -600_000);
    assert_eq!(stage.ahead(), -600_000);
    assert!(stage.clock.is_settled());
    // Whoever waits for it is told.
    tokio::time::timeout(Duration::from_secs(1), stage.clock.was_set().notified()).await.unwrap();
}

#[test]
fn a_clock_that_changes_its_mind_is_not_believed() {
    let stage = stage();
    for hours in 1..20 {
        stage.look(3, hours * HOUR);
        assert_eq!(stage.ahead(), 0);
    }
}

#[test]
fn an_answer_that_took_long_says_nothing() {
    let stage = stage();
    let asked = stage.running.now();
    stage.running.advance(Duration::from_secs(20));
    stage.clock.take(Look { asked, answered: stage.running.now(), database: asked });
    assert!(stage.clock.is_settled());
    assert_eq!(stage.ahead(), 0);
}

#[tokio::test]
async fn it_starts_with_the_time_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("t.db").display());
    let database = Database::connect(&sluice_storage_sql::DatabaseSettings::new(url)).await.unwrap();
    let clock = CheckedClock::start(&database).await.unwrap();
    let here = SystemClock.now();
    assert!(clock.now().since(here).max(here.since(clock.now())) < Duration::from_secs(1));
}
