use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

use super::*;

/// Fails, is full, or is done, as the script says for each turn; counts its turns.
struct Scripted {
    turns: Arc<AtomicU32>,
    script: fn(u32) -> Result<Turn, &'static str>,
}

#[async_trait]
impl Sweep for Scripted {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok((self.script)(self.turns.fetch_add(1, Ordering::SeqCst) + 1)?)
    }
}

/// Turns taken in `time`, by a sweeper that looks every ten seconds.
async fn turns_in(time: Duration, hint: Option<Arc<Notify>>, script: fn(u32) -> Result<Turn, &'static str>) -> u32 {
    let (turns, stop) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
    let sweep = Scripted { turns: turns.clone(), script };
    let sweeper = Sweeper::everywhere("scripted", Duration::from_secs(10), &hint.unwrap_or_default(), sweep);
    let running = tokio::spawn(sweeper.run(stop.clone()));
    tokio::time::sleep(time).await;
    stop.cancel();
    running.await.unwrap();
    turns.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn it_looks_in_its_rhythm_and_goes_on_at_once_after_a_full_turn() {
    assert_eq!(turns_in(Duration::from_secs(25), None, |_| Ok(Turn::Done)).await, 3);
    let full_at_first = |turn| Ok(if turn < 5 { Turn::More } else { Turn::Done });
    assert_eq!(turns_in(Duration::from_secs(1), None, full_at_first).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_nothing() {
    let fails = |turn| if turn < 3 { Err("away") } else { Ok(Turn::Done) };
    assert_eq!(turns_in(Duration::from_secs(45), None, fails).await, 5);
}

#[tokio::test(start_paused = true)]
async fn a_hint_wakes_it() {
    let hint = Arc::new(Notify::new());
    let ring = hint.clone();
    let ringing = tokio::spawn(async move {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            ring.notify_one();
        }
    });
    assert_eq!(turns_in(Duration::from_secs(9), Some(hint), |_| Ok(Turn::Done)).await, 4);
    ringing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_hangs_does_not_hold_the_stop_for_ever() {
    struct Hangs;
    #[async_trait]
    impl Sweep for Hangs {
        async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
            std::future::pending().await
        }
    }
    let stop = CancellationToken::new();
    let sweeper = Sweeper::everywhere("hangs", Duration::from_secs(1), &Arc::default(), Hangs);
    let running = tokio::spawn(sweeper.run(stop.clone()));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
}

/// A sweeper that is a duty, with the shares of its process.
fn duty_sweep(turns: &Arc<AtomicU32>, shares: &Shares, stop: &CancellationToken) -> tokio::task::JoinHandle<()> {
    let sweep = Scripted { turns: turns.clone(), script: |_| Ok(Turn::Done) };
    tokio::spawn(Sweeper::in_one_worker("scripted", Duration::from_secs(1), shares, sweep).run(stop.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_duty_that_falls_to_another_worker_is_not_done_here() {
    let (turns, shares, stop) = (Arc::new(AtomicU32::new(0)), Shares::default(), CancellationToken::new());
    let running = duty_sweep(&turns, &shares, &stop);
    let taken = || turns.load(Ordering::SeqCst);
    let all: Vec<u16> = (0..sluice_events::SLICES).collect();
    let mine = sluice_events::slice_of("scripted");
    let others: Vec<u16> = all.iter().copied().filter(|slice| *slice != mine).collect();
    let second = Duration::from_secs(1);

    tokio::time::sleep(5 * second).await;
    assert_eq!(taken(), 0, "before any lease is held");
    shares.hold(&others, Instant::now() + 60 * second);
    tokio::time::sleep(5 * second).await;
    assert_eq!(taken(), 0, "while another worker holds it");
    shares.hold(&all, Instant::now() + 3 * second);
    tokio::time::sleep(second / 2).await;
    assert_eq!(taken(), 1, "as soon as it falls to this one");
    tokio::time::sleep(20 * second).await;
    assert_eq!(taken(), 3, "a lease that is not renewed, as in a process that was frozen, ends the turns");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_worker_shows_what_it_measured_after_another_one_took_over() {
    struct Shows(Arc<AtomicU32>);
    #[async_trait]
    impl Sweep for Shows {
        async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
            self.0.store(1, Ordering::SeqCst);
            Ok(Turn::Done)
        }

        fn hand_over(&mut self) {
            self.0.store(0, Ordering::SeqCst);
        }
    }
    let (shown, shares, stop) = (Arc::new(AtomicU32::new(0)), Shares::default(), CancellationToken::new());
    let sweeper = Sweeper::in_one_worker("scripted", Duration::from_hours(1), &shares, Shows(shown.clone()));
    let running = tokio::spawn(sweeper.run(stop.clone()));
    let moment = Duration::from_millis(1);
    shares.hold(&[sluice_events::slice_of("scripted")], Instant::now() + Duration::from_hours(2));
    tokio::time::sleep(moment).await;
    assert_eq!(shown.load(Ordering::SeqCst), 1);
    shares.hold(&[], Instant::now() + Duration::from_hours(2));
    tokio::time::sleep(moment).await;
    assert_eq!(shown.load(Ordering::SeqCst), 0, "long before the next turn");
    stop.cancel();
    running.await.unwrap();
}
