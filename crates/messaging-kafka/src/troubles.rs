//! What stands in the way of events, as it was met, for readiness: an event that is refused says more than any metadata.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// What was not met again for so long is over.
const MEMORY: Duration = Duration::from_mins(2);
/// Troubles that are told of at once.
const MAX_TOLD: usize = 8;

#[derive(Default)]
pub struct Troubles {
    any: AtomicBool,
    met: Mutex<BTreeMap<String, (String, Instant)>>,
    /// Topics that are missing and may not be made.
    refused: Mutex<Vec<String>>,
}

impl Troubles {
    /// False in a healthy process, where nothing else is looked at.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub fn met(&self, place: String, words: &str) {
        self.any.store(true, Ordering::Release);
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() < MAX_TOLD.saturating_mul(8) || met.contains_key(&place) {
            met.insert(place, (words.to_owned(), Instant::now()));
        }
    }

    pub fn passed(&self, place: &str) {
        if !self.any() {
            return;
        }
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.remove(place);
        self.any.store(!met.is_empty(), Ordering::Release);
    }

    pub fn topics_refused(&self, words: Vec<String>) {
        for line in &words {
            tracing::warn!(kafka.topic = %line, "A topic is missing and could not be created; create it, or allow it to be created.");
        }
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    /// In plain words, a bounded number of them.
    pub fn words(&self) -> Vec<String> {
        let mut words = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.retain(|_, (_, at)| at.elapsed() < MEMORY);
        self.any.store(!met.is_empty(), Ordering::Release);
        words.extend(met.iter().map(|(place, (words, _))| format!("{place}: {words}")));
        words.truncate(MAX_TOLD);
        words
    }
}
