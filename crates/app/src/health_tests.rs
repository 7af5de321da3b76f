use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::*;

fn well() -> PartHealth {
    PartHealth { name: "part", state: PartState::Up, detail: "well".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_part_is_tried_once_a_second_however_often_it_is_asked() {
    let tried = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tried);
    let part = Part::new("part", PartState::Down, move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { well() }.boxed()
    });
    for _ in 0..50 {
        assert_eq!(part.ask().await, well());
    }
    assert_eq!(tried.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_part_holds_up_nobody_and_is_tried_by_one_trial_alone() {
    let tried = Arc::new(AtomicUsize::new(0));
    let thawed = Arc::new(Semaphore::new(0));
    let (counted, frozen) = (Arc::clone(&tried), Arc::clone(&thawed));
    let part = Part::new("part", PartState::Down, move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let frozen = Arc::clone(&frozen);
        async move {
            frozen.acquire().await.unwrap().forget();
            well()
        }
        .boxed()
    });
    for _ in 0..3 {
        let asked = tokio::time::Instant::now();
        let health = part.ask().await;
        assert_eq!(health.state, PartState::Down);
        assert!(health.detail.contains("no answer"), "{}", health.detail);
        assert!(asked.elapsed() <= PATIENCE + Duration::from_millis(100), "answered after {:?}", asked.elapsed());
    }
    assert_eq!(tried.load(Ordering::SeqCst), 1, "what is frozen is not asked again and again");
    thawed.add_permits(2);
    assert_eq!(part.ask().await, well());
}

#[tokio::test]
async fn a_trial_that_breaks_is_told_of() {
    let part = Part::new("part", PartState::Degraded, || async { panic!("a defect in the trial") }.boxed());
    let health = part.ask().await;
    assert_eq!((health.name, health.state), ("part", PartState::Degraded));
}
