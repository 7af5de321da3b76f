//! Keys whose first request is still running in this process: a second one is told so instead of being queued.
//!
//! Only a courtesy: across processes the database decides who owns a key.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use sluice_kernel::{StoreId, UserId};

use crate::IdempotencyKey;

type Scope = (&'static str, StoreId, UserId, String);

#[derive(Clone, Default)]
pub struct RunningKeys(Arc<Mutex<HashSet<Scope>>>);

/// Marks a key as running; the mark goes with the value.
pub struct RunningKey {
    keys: RunningKeys,
    scope: Scope,
}

impl RunningKeys {
    /// `None` while the key is running already.
    pub fn claim(&self, key: &IdempotencyKey) -> Option<RunningKey> {
        let scope = (key.route, key.store, key.user.clone(), key.key.clone());
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.clone());
        fresh.then(|| RunningKey { keys: self.clone(), scope })
    }
}

impl Drop for RunningKey {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_runs_once_at_a_time_and_is_free_again_afterwards() {
        let key = |user: &str| IdempotencyKey {
            route: "orders",
            store: StoreId(1),
            user: UserId::from(user),
            key: "k".to_owned(),
            fingerprint: [0; 32],
        };
        let running = RunningKeys::default();
        let first = running.claim(&key("42")).unwrap();
        assert!(running.claim(&key("42")).is_none());
        assert!(running.claim(&key("43")).is_some());
        drop(first);
        assert!(running.claim(&key("42")).is_some());
    }
}
