//! Several workers share the work: none of it is done once by each of them.

use std::time::Duration;

use sluice_testkit::{ShopProcess, wait_for};

use crate::floor;
use crate::world::{Profile, Storefront};

/// A worker that died is followed within this time.
const FOLLOWED: Duration = Duration::from_secs(10);

/// What the worker says waits in the outbox.
async fn outbox_seen_by(worker: &ShopProcess) -> u64 {
    let metrics = Storefront { base: worker.base_url() }.nobody().page("/metrics").await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("sluice_outbox_pending "));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

async fn who_sees(workers: &[ShopProcess], rows: u64) -> Vec<usize> {
    let mut seeing = Vec::new();
    for (at, worker) in workers.iter().enumerate() {
        if outbox_seen_by(worker).await == rows {
            seeing.push(at);
        }
    }
    seeing
}

#[tokio::test]
async fn three_workers_do_not_count_the_same_rows_thrice_and_a_dead_one_is_followed() {
    let _floor = floor::among_others().await;
    let mut world = Profile::MariaDb.plan().start().await;
    world.add_worker().await;
    world.add_worker().await;
    // Nobody has more than a fair share: from now on no slice changes hands.
    let shared_out = "SELECT COUNT(*) = 3 AND MAX(slices) = 6 AND SUM(slices) = 16 FROM (SELECT COUNT(*) AS slices FROM outbox_leases \
                      WHERE slice >= 0 AND owner <> '' GROUP BY owner) AS shares";
    let is_shared_out = async || (world.database().sql(shared_out) == ["1"]).then_some(());
    wait_for("three workers share the slices", FOLLOWED, is_shared_out).await;
    // Of a slice that no relay leases: they wait, and whoever measures sees them.
    let plant = || world.database().sql("INSERT INTO outbox (slice, available_at, payload) VALUES (99, 1, '{}')");
    let mut measuring = 0;
    for rows in 1..=4 {
        plant();
        let someone = async || who_sees(&world.workers, rows).await.first().copied();
        measuring = wait_for("a worker measures the outbox", FOLLOWED, someone).await;
        // While the work is shared out anew the former one may show what it saw last, for a moment.
        for (at, worker) in world.workers.iter().enumerate().filter(|(at, _)| *at != measuring) {
            let shows_nothing = async || (outbox_seen_by(worker).await == 0).then_some(());
            wait_for(&format!("worker {at} leaves it to worker {measuring}"), FOLLOWED, shows_nothing).await;
        }
    }
    let mut dead = world.workers.remove(measuring);
    dead.kill9();
    wait_for("another worker measures the outbox", FOLLOWED, async || (who_sees(&world.workers, 4).await.len() == 1).then_some(()))
        .await;
}
