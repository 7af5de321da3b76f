use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// Fails, is full, or is done, as the script says for each turn; counts its turns.
struct Scripted {
    turns: Arc<AtomicU32>,
    script: fn(u32) -> Result<Turn, &'static str>,
}

#[async_trait]
impl Sweep for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok((self.script)(self.turns.fetch_add(1, Ordering::SeqCst) + 1)?)
    }
}

/// Turns taken in `time`, by a sweeper that looks every ten seconds.
async fn turns_in(time: Duration, hint: Option<Arc<Notify>>, script: fn(u32) -> Result<Turn, &'static str>) -> u32 {
    let (turns, stop) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
    let rhythm = Rhythm { every: Duration::from_secs(10), hint };
    let running = tokio::spawn(sweep(Scripted { turns: turns.clone(), script }, rhythm, stop.clone()));
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
        fn name(&self) -> &'static str {
            "hangs"
        }

        async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
            std::future::pending().await
        }
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(sweep(Hangs, Rhythm::every(Duration::from_secs(1)), stop.clone()));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
}
