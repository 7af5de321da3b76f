//! Parked events: those that could not go on and stepped aside, so that they hold up nobody but what must follow them.
//!
//! An event waits in a lane of its owner. For a consumer a lane is a key: what comes later under that key waits behind it.
//! For the relay it is a lane of the bus, for instance a partition without a leader. A lane is tried again with growing
//! pauses, from its oldest event on, by one process at a time (docs/adr/0018).

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use sluice_kernel::{PortResult, Timestamp};

use crate::{DeadLetter, DeadLetterId, Envelope, text};

/// Lanes of one owner at most; beyond it events wait where they are.
pub const MAX_LANES: usize = 10_000;
/// Characters of a lane's name.
pub const MAX_LANE: usize = 64;

/// An event on its way to a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    /// See [`lane_of_key`].
    pub lane: String,
    pub envelope: Envelope,
    /// Tries that failed otherwise than in passing.
    pub attempts: u32,
}

/// The lane of a consumer's key.
pub fn lane_of_key(key: &str) -> String {
    text::fitted(key, MAX_LANE)
}

/// An event that waits in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvent {
    pub id: i64,
    pub envelope: Envelope,
    pub attempts: u32,
    pub parked_at: Timestamp,
    /// The dead letter that is replayed by this.
    pub letter: Option<DeadLetterId>,
}

/// A lane that this process has taken to try it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    pub id: i64,
    /// Name of the consumer, or [`DeadLetter::RELAY`].
    pub owner: String,
    pub name: String,
    /// Tries of its oldest event since one of its events could go on.
    pub tries: u32,
    /// Until then no other process gets it; the name of this hold.
    pub until: Timestamp,
}

/// An event that leaves its lane: handled, or as a dead letter.
#[derive(Debug, Clone)]
pub struct Leaving {
    pub event: ParkedEvent,
    pub dead_letter: Option<DeadLetter>,
}

/// Where parked events wait.
#[async_trait]
pub trait ParkedStore: Send + Sync {
    /// Puts events at the ends of their lanes, in this order, all of them or none. A new lane is tried at `next_try`.
    async fn park(&self, owner: &str, events: &[Parking], error: &str, now: Timestamp, next_try: Timestamp) -> PortResult<()>;
    /// Owner and name of every lane, at most `limit`.
    async fn lanes(&self, limit: u32) -> PortResult<Vec<(String, String)>>;
    /// Takes lanes of these owners whose time has come, the longest due first; until `until` no other process gets them.
    async fn take_due(&self, owners: &[&str], now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<Lane>>;
    /// The oldest events of a lane.
    async fn events(&self, lane: &Lane, limit: u32) -> PortResult<Vec<ParkedEvent>>;
    /// Lets events go and keeps the dead letters among them, together. A lane that is empty is gone; what is left of it is
    /// due at once, unless the hold has run out and another process has the lane. True where it is gone.
    async fn leave(&self, lane: &Lane, leaving: &[Leaving], now: Timestamp) -> PortResult<bool>;
    /// The oldest event of the lane failed again; `attempts` are its tries that failed otherwise than in passing. Nothing
    /// changes where the hold has run out and another process has the lane.
    async fn postpone(&self, lane: &Lane, attempts: u32, error: &str, next_try: Timestamp) -> PortResult<()>;
}

/// What this process knows of the lanes in use, so that nothing overtakes what waits. It is read from the store about twice a
/// second, and whenever somebody else's work is taken over.
#[derive(Default)]
pub struct HeldLanes {
    /// By owner and name, with the mark under which it was added here.
    lanes: RwLock<HashMap<String, HashMap<String, u64>>>,
    count: AtomicUsize,
    marks: AtomicU64,
}

/// A moment before the store is asked: what is added from then on is newer than the answer.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

impl HeldLanes {
    /// True where nobody waits anywhere: the usual case, which costs nothing.
    pub fn none(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub fn holds(&self, owner: &str, lane: &str) -> bool {
        !self.none() && self.read(|lanes| lanes.get(owner).is_some_and(|held| held.contains_key(lane)))
    }

    /// Lanes in use by owner.
    pub fn count(&self, owner: &str) -> usize {
        self.read(|lanes| lanes.get(owner).map_or(0, HashMap::len))
    }

    pub fn mark(&self) -> Mark {
        Mark(self.marks.fetch_add(1, Ordering::SeqCst).saturating_add(1))
    }

    pub fn add(&self, owner: &str, lane: &str) {
        self.write(|lanes| {
            let mark = self.marks.load(Ordering::SeqCst);
            lanes.entry(owner.to_owned()).or_default().insert(lane.to_owned(), mark);
        });
    }

    /// Forgets a lane that is gone, unless it was added again since `mark`.
    pub fn remove(&self, owner: &str, lane: &str, mark: Mark) {
        self.write(|lanes| {
            if let Some(held) = lanes.get_mut(owner)
                && held.get(lane).is_some_and(|added| *added < mark.0)
            {
                held.remove(lane);
            }
        });
    }

    /// Takes over what the store answered; what was added since `mark` stays.
    pub fn replace(&self, known: Vec<(String, String)>, mark: Mark) {
        self.write(|lanes| {
            for held in lanes.values_mut() {
                held.retain(|_, added| *added >= mark.0);
            }
            for (owner, lane) in known {
                lanes.entry(owner).or_default().entry(lane).or_insert(0);
            }
        });
    }

    /// Lanes in use of each owner that ever had one.
    pub fn by_owner(&self) -> Vec<(String, usize)> {
        self.read(|lanes| lanes.iter().map(|(owner, held)| (owner.clone(), held.len())).collect())
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<String, HashMap<String, u64>>) -> T) -> T {
        look(&self.lanes.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut HashMap<String, HashMap<String, u64>>)) {
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut lanes);
        self.count.store(lanes.values().map(HashMap::len).sum(), Ordering::Release);
    }
}

/// The parked events as dispatchers and the relay of one process share them.
#[derive(Clone)]
pub struct ParkingPlace {
    pub store: Arc<dyn ParkedStore>,
    pub held: Arc<HeldLanes>,
}

impl ParkingPlace {
    pub fn new(store: Arc<dyn ParkedStore>) -> Self {
        Self { store, held: Arc::default() }
    }

    /// Reads anew which lanes are in use.
    pub async fn look(&self) -> PortResult<()> {
        let limit = u32::try_from(MAX_LANES.saturating_mul(4)).unwrap_or(u32::MAX);
        let mark = self.held.mark();
        self.held.replace(self.store.lanes(limit).await?, mark);
        Ok(())
    }

    /// Parks events and notes their lanes.
    pub async fn park(&self, owner: &str, events: &[Parking], error: &str, now: Timestamp, next_try: Timestamp) -> PortResult<()> {
        self.store.park(owner, events, error, now, next_try).await?;
        for event in events {
            self.held.add(owner, &event.lane);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_was_added_while_the_store_was_asked_is_not_forgotten() {
        let held = HeldLanes::default();
        held.add("cart", "old");
        let mark = held.mark();
        held.add("cart", "new");
        held.replace(vec![("cart".to_owned(), "known".to_owned())], mark);
        let holds = ["old", "new", "known"].map(|lane| held.holds("cart", lane));
        assert_eq!(holds, [false, true, true]);

        let mark = held.mark();
        held.add("cart", "known");
        held.remove("cart", "known", mark);
        assert!(held.holds("cart", "known"), "somebody parked there meanwhile");
        held.remove("cart", "new", mark);
        let mark = held.mark();
        held.remove("cart", "known", mark);
        assert!(held.none());
    }
}
