//! Ids that need no database round trip: time-ordered numbers per leased node, and random 128-bit names.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use rand::RngCore as _;

use crate::{Clock, OrderNo, PaymentId, Timestamp};

/// 2020-01-01T00:00:00Z; 41 bits of milliseconds from here last until 2089.
const EPOCH_MILLIS: i64 = 1_577_836_800_000;
const NODE_BITS: i64 = 10;
const SEQUENCE_BITS: i64 = 12;
/// How far the clock may step back before ids are refused instead of borrowed from the last instant.
const TOLERATED_STEP_BACK_MILLIS: i64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Making ids now could repeat some; the caller answers 503 until another node number is leased.
    #[error("the clock stepped back by {0} ms")]
    ClockSteppedBack(i64),
    /// The leased node number ran out: another process may have it now.
    #[error("the node number is not leased any more")]
    NodeLost,
}

/// Source of identifiers; handed in so that tests are repeatable.
pub trait IdGenerator: Send + Sync {
    /// A new number for a main or child order.
    fn order_no(&self) -> Result<OrderNo, IdError>;
    /// 128 random bits in hexadecimal.
    fn token(&self) -> String;

    fn payment_id(&self) -> PaymentId {
        PaymentId(self.token())
    }
}

/// Time-ordered ids: 41 bits of milliseconds, 10 of node, 12 of sequence. Two processes never share a node
/// number: it is leased in the database (table `node_leases`).
pub struct NodeIds {
    clock: Arc<dyn Clock>,
    node: i64,
    /// The last `(milliseconds << SEQUENCE_BITS) | sequence` handed out.
    last: AtomicI64,
}

impl NodeIds {
    /// Node numbers run from 0 to 1023.
    pub const NODES: i64 = 1 << NODE_BITS;

    pub fn new(clock: Arc<dyn Clock>, node: i64) -> Self {
        Self { clock, node: node.rem_euclid(Self::NODES), last: AtomicI64::new(0) }
    }

    /// The latest instant that stands in an id made here: under this node number nobody may make ids for it again.
    pub fn latest(&self) -> Timestamp {
        Timestamp::from_millis((self.last.load(Ordering::Acquire) >> SEQUENCE_BITS) + EPOCH_MILLIS)
    }

    /// True where the clock stands so far before the last id that no more ids can be made.
    pub fn is_ahead(&self) -> bool {
        self.latest().as_millis() - self.clock.now().as_millis() > TOLERATED_STEP_BACK_MILLIS
    }

    fn next(&self) -> Result<i64, IdError> {
        let now = (self.clock.now().as_millis() - EPOCH_MILLIS).max(0) << SEQUENCE_BITS;
        let mut last = self.last.load(Ordering::Acquire);
        loop {
            let behind = (last >> SEQUENCE_BITS) - (now >> SEQUENCE_BITS);
            if behind > TOLERATED_STEP_BACK_MILLIS {
                return Err(IdError::ClockSteppedBack(behind));
            }
            // A full sequence borrows from the next millisecond: order is kept, nobody waits.
            let next = now.max(last + 1);
            match self.last.compare_exchange_weak(last, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    let (millis, sequence) = (next >> SEQUENCE_BITS, next & ((1 << SEQUENCE_BITS) - 1));
                    return Ok((((millis << NODE_BITS) | self.node) << SEQUENCE_BITS) | sequence);
                }
                Err(seen) => last = seen,
            }
        }
    }
}

/// The least id that [`NodeIds`] made at this instant or later.
pub fn least_id_of(at: Timestamp) -> i64 {
    let millis = at.as_millis().saturating_sub(EPOCH_MILLIS).clamp(0, i64::MAX >> (NODE_BITS + SEQUENCE_BITS));
    millis << (NODE_BITS + SEQUENCE_BITS)
}

impl IdGenerator for NodeIds {
    fn order_no(&self) -> Result<OrderNo, IdError> {
        self.next().map(OrderNo::from_id)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where ambient randomness is read")]
    fn token(&self) -> String {
        let mut bytes = [0u8; 16];
        rand::rng().fill_bytes(&mut bytes);
        format!("{:032x}", u128::from_be_bytes(bytes))
    }
}

/// Counts upwards: repeatable ids for tests.
#[derive(Debug, Default)]
pub struct SequenceIds(AtomicI64);

impl SequenceIds {
    pub fn starting_at(first: i64) -> Self {
        Self(AtomicI64::new(first))
    }
}

impl IdGenerator for SequenceIds {
    fn order_no(&self) -> Result<OrderNo, IdError> {
        Ok(OrderNo::from_id(self.0.fetch_add(1, Ordering::Relaxed)))
    }

    fn token(&self) -> String {
        format!("{:032x}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;
    use crate::ManualClock;

    #[test]
    fn an_instant_names_the_least_id_of_its_orders() {
        let at = Timestamp::from_millis(1_790_000_000_000);
        let ids = NodeIds::new(Arc::new(ManualClock::at(at)), 0);
        let made = ids.order_no().unwrap().id();
        assert!(least_id_of(at) <= made && made < least_id_of(at.plus(std::time::Duration::from_millis(1))));
        assert_eq!(least_id_of(Timestamp::from_millis(i64::MIN)), 0);
        assert!(least_id_of(Timestamp::from_millis(i64::MAX)) > made);
    }

    #[test]
    fn ids_are_unique_and_ordered_within_one_millisecond_and_beyond_its_sequence() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(EPOCH_MILLIS + 5)));
        let ids = NodeIds::new(clock, 3);
        let made: Vec<OrderNo> = (0..10_000).map(|_| ids.order_no().unwrap()).collect();
        assert!(made.is_sorted());
        assert_eq!(made.iter().collect::<HashSet<_>>().len(), made.len());
    }

    #[test]
    fn two_nodes_never_make_the_same_id() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(EPOCH_MILLIS + 5)));
        let (one, two) = (NodeIds::new(clock.clone(), 1), NodeIds::new(clock, 2));
        let mut seen = HashSet::new();
        for _ in 0..5_000 {
            assert!(seen.insert(one.order_no().unwrap()));
            assert!(seen.insert(two.order_no().unwrap()));
        }
    }

    #[test]
    fn a_clock_that_steps_back_is_refused() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(EPOCH_MILLIS + 60_000)));
        let ids = NodeIds::new(clock.clone(), 1);
        ids.order_no().unwrap();
        clock.set(Timestamp::from_millis(EPOCH_MILLIS + 50_000));
        assert_eq!(ids.order_no(), Err(IdError::ClockSteppedBack(10_000)));
        assert!(ids.is_ahead());
        assert_eq!(ids.latest(), Timestamp::from_millis(EPOCH_MILLIS + 60_000));
        clock.advance(Duration::from_secs(10));
        assert!(ids.order_no().is_ok());
    }
}
