//! Offers that this process has read, and one read for all who doubt them at the same moment.
//!
//! A refusal that a cached offer gives is confirmed by a fresh read. When a crowd taps before the opening that would be one
//! read of the database a tap; here they share. Contract: the read that is answered began after it was asked for, so a
//! change that somebody knows of is always seen.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use sluice_kernel::{ActivityId, Classified as _, PortError, PortResult, ProductId, StoreId, Window};
use sluice_order::{OfferCard, OfferLookup};

pub type OfferKey = (StoreId, ActivityId, ProductId);
type Outcome = Result<OfferLookup, Arc<PortError>>;

/// Offers kept at most; some 800 bytes each.
const MAX_OFFERS: u64 = 20_000;
const OFFER_LIFE: Duration = Duration::from_secs(10);

pub struct OfferCache {
    offers: Cache<OfferKey, (Window, Arc<OfferCard>)>,
    /// Reads that are under way, or waited for.
    reads: Mutex<HashMap<OfferKey, Arc<SharedRead>>>,
}

#[derive(Default)]
struct SharedRead {
    /// Numbers arrivals and beginnings in the order they happen.
    tickets: AtomicU64,
    /// The last read, with the ticket it began at. Whoever holds the lock reads.
    last: tokio::sync::Mutex<Option<(u64, Outcome)>>,
}

impl Default for OfferCache {
    fn default() -> Self {
        let offers = Cache::builder().max_capacity(MAX_OFFERS).time_to_live(OFFER_LIFE).build();
        Self { offers, reads: Mutex::default() }
    }
}

impl OfferCache {
    pub fn get(&self, key: &OfferKey) -> Option<(Window, Arc<OfferCard>)> {
        self.offers.get(key)
    }

    pub fn keep(&self, key: OfferKey, window: Window, offer: Arc<OfferCard>) {
        self.offers.insert(key, (window, offer));
    }

    pub fn forget(&self, key: &OfferKey) {
        self.offers.invalidate(key);
    }

    /// The outcome of `read`, or of another caller's that began after this call.
    pub async fn read_once(&self, key: OfferKey, read: impl Future<Output = PortResult<OfferLookup>>) -> PortResult<OfferLookup> {
        let shared = self.reads().entry(key).or_default().clone();
        let arrived = shared.tickets.fetch_add(1, Ordering::SeqCst);
        let outcome = shared.outcome(arrived, read).await;
        let mut reads = self.reads();
        drop(shared);
        if reads.get(&key).is_some_and(|shared| Arc::strong_count(shared) == 1) {
            reads.remove(&key);
        }
        outcome.map_err(shared_failure)
    }

    fn reads(&self) -> MutexGuard<'_, HashMap<OfferKey, Arc<SharedRead>>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedRead {
    async fn outcome(&self, arrived: u64, read: impl Future<Output = PortResult<OfferLookup>>) -> Outcome {
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

/// Several callers get the same failure.
fn shared_failure(error: Arc<PortError>) -> PortError {
    if error.kind().is_transient() {
        PortError::unavailable("the activity", error)
    } else {
        PortError::internal("reading an activity", error)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use sluice_kernel::{Currency, Timestamp};
    use sluice_order::StoreRules;
    use tokio::sync::Semaphore;

    use super::*;

    const KEY: OfferKey = (StoreId(1), ActivityId(1), ProductId(1));

    /// An activity that is there, or gone.
    fn lookup(stands: bool) -> OfferLookup {
        let (starts_at, ends_at) = (Timestamp::from_millis(0), Timestamp::from_millis(1));
        let store = StoreRules {
            currency: Currency::CNY,
            special: false,
            points_to_cash_ratio: None,
            h5_redirect_type: None,
            campaigns: Vec::new(),
        };
        OfferLookup { window: stands.then_some(Window { starts_at, ends_at }), offer: None, store: store.into() }
    }

    #[tokio::test]
    async fn a_crowd_shares_the_read_that_began_after_it_came() {
        let (cache, reads, gate) = (Arc::new(OfferCache::default()), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let ask = || {
            let (cache, reads, gate) = (cache.clone(), reads.clone(), gate.clone());
            tokio::spawn(async move {
                let read = async {
                    let number = reads.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    // The second read finds the activity gone.
                    Ok(lookup(number == 0))
                };
                cache.read_once(KEY, read).await.unwrap().window.is_some()
            })
        };
        let first = ask();
        while reads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let crowd: Vec<_> = (0..100).map(|_| ask()).collect();
        let arrived = || cache.reads().get(&KEY).map_or(0, |shared| shared.tickets.load(Ordering::SeqCst));
        while arrived() < 102 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(100);
        assert!(first.await.unwrap());
        for tap in crowd {
            assert!(!tap.await.unwrap(), "a read that began before it was asked for was answered");
        }
        assert_eq!(reads.load(Ordering::SeqCst), 2);
        assert!(cache.reads().is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn a_failure_is_answered_and_not_kept() {
        let cache = OfferCache::default();
        let failed = cache.read_once(KEY, async { Err(PortError::unavailable("the database", "refused")) }).await.unwrap_err();
        assert_eq!(failed.code(), "unavailable");
        assert!(cache.read_once(KEY, async { Ok(lookup(true)) }).await.is_ok());
    }
}
