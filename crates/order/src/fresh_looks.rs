//! One look for all who doubt at the same moment.
//!
//! A refusal that a cached look gives is confirmed by a fresh one. When a crowd taps before the opening that would be one
//! read of the database a tap; here they share. Contract: the look that is answered began after it was asked for, so a
//! change that somebody knows of is always seen.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use sluice_kernel::{ActivityId, Classified as _, PortError, PortResult, ProductId, StoreId};

use crate::ActivityLook;

type Key = (StoreId, ActivityId, ProductId);
type Outcome = Result<ActivityLook, Arc<PortError>>;

#[derive(Default)]
pub struct FreshLooks(Mutex<HashMap<Key, Arc<Slot>>>);

#[derive(Default)]
struct Slot {
    /// Numbers arrivals and beginnings in the order they happen.
    tickets: AtomicU64,
    /// The last look, with the ticket it began at. Whoever holds the lock looks.
    last: tokio::sync::Mutex<Option<(u64, Outcome)>>,
}

impl FreshLooks {
    pub async fn look(&self, key: Key, read: impl Future<Output = PortResult<ActivityLook>>) -> PortResult<ActivityLook> {
        let slot = self.slots().entry(key).or_default().clone();
        let arrived = slot.tickets.fetch_add(1, Ordering::SeqCst);
        let outcome = slot.outcome(arrived, read).await;
        let mut slots = self.slots();
        drop(slot);
        if slots.get(&key).is_some_and(|slot| Arc::strong_count(slot) == 1) {
            slots.remove(&key);
        }
        outcome.map_err(shared)
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    async fn outcome(&self, arrived: u64, read: impl Future<Output = PortResult<ActivityLook>>) -> Outcome {
        let mut last = self.last.lock().await;
        match &*last {
            Some((begun, outcome)) if *begun > arrived => outcome.clone(),
            Some(_) | None => {
                let begun = self.tickets.fetch_add(1, Ordering::SeqCst);
                let outcome = read.await.map_err(Arc::new);
                *last = Some((begun, outcome.clone()));
                outcome
            }
        }
    }
}

/// Several are told of one failure.
fn shared(error: Arc<PortError>) -> PortError {
    if error.kind().is_transient() {
        PortError::unavailable("the activity", error)
    } else {
        PortError::internal("looking at an activity", error)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Semaphore;

    use super::*;
    use crate::{
        PayType,
        fakes::{look, offer},
    };

    const KEY: Key = (StoreId(1), ActivityId(1), ProductId(1));

    #[tokio::test]
    async fn a_crowd_shares_the_look_that_began_after_it_came() {
        let (looks, reads, gate) = (Arc::new(FreshLooks::default()), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let ask = || {
            let (looks, reads, gate) = (looks.clone(), reads.clone(), gate.clone());
            tokio::spawn(async move {
                let read = async {
                    let number = reads.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    // The second look finds the activity gone.
                    let found = look(offer(PayType::Cash));
                    Ok(ActivityLook { window: found.window.filter(|_| number == 0), ..found })
                };
                looks.look(KEY, read).await.unwrap().window.is_some()
            })
        };
        let first = ask();
        while reads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let crowd: Vec<_> = (0..100).map(|_| ask()).collect();
        let arrived = || looks.slots().get(&KEY).map_or(0, |slot| slot.tickets.load(Ordering::SeqCst));
        while arrived() < 102 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(100);
        assert!(first.await.unwrap());
        for tap in crowd {
            assert!(!tap.await.unwrap(), "a look that began before it was asked for was answered");
        }
        assert_eq!(reads.load(Ordering::SeqCst), 2);
        assert!(looks.slots().is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn a_failure_is_told_and_not_kept() {
        let looks = FreshLooks::default();
        let failed = looks.look(KEY, async { Err(PortError::unavailable("the database", "refused")) }).await.unwrap_err();
        assert_eq!(failed.code(), "unavailable");
        assert!(looks.look(KEY, async { Ok(look(offer(PayType::Cash))) }).await.is_ok());
    }
}
