//! Keys whose first request is in flight in this process: a second one is refused instead of being queued.
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
pub struct InFlightKeys(Arc<Mutex<HashSet<Scope>>>);

/// Marks a key as in flight; the mark goes with the value.
pub struct InFlightKey {
    keys: InFlightKeys,
    scope: Scope,
}

impl InFlightKeys {
    /// `None` while the key is in flight already.
    pub fn claim(&self, key: &IdempotencyKey) -> Option<InFlightKey> {
        let scope = (key.route, key.store, key.user.clone(), key.key.clone());
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.clone());
        fresh.then(|| InFlightKey { keys: self.clone(), scope })
    }
}

impl Drop for InFlightKey {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_flight_once_and_is_free_again_afterwards() {
        let of = |user: &str| IdempotencyKey {
            route: "orders",
            store: StoreId(1),
            user: UserId::from(user),
            key: "k".to_owned(),
            fingerprint: [0; 32],
        };
        let keys = InFlightKeys::default();
        let first = keys.claim(&of("42")).unwrap();
        assert!(keys.claim(&of("42")).is_none());
        assert!(keys.claim(&of("43")).is_some());
        drop(first);
        assert!(keys.claim(&of("42")).is_some());
    }
}
