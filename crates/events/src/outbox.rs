//! The outbox port: facts that stand in the database from the transaction that made them until they are published.

use async_trait::async_trait;
use sluice_kernel::{PortResult, Timestamp};

use crate::{DeadLetter, Parking};

/// The key space is cut into this many slices; each is leased to one relay at a time, so that facts of one key are
/// published in the order they were committed even when several relays run.
pub const SLICES: u16 = 16;

/// Slice of a fact's key (FNV-1a, so that every process and language agrees).
pub fn slice_of(key: &str) -> u16 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    u16::try_from(hash % u64::from(SLICES)).unwrap_or(0)
}

/// A row as the relay reads it; `payload` is a [`crate::Fact`] in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: i64,
    pub slice: u16,
    pub payload: String,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxStats {
    /// In the outbox, or parked on the way out of it.
    pub pending: u64,
    /// When the oldest row that waits became available.
    pub oldest: Option<Timestamp>,
}

/// Messages that left the outbox without having been published.
#[derive(Debug, Clone)]
pub struct SteppedAside {
    /// Parked in the relay's lanes.
    pub parked: Vec<Parking>,
    /// Why, of the first that was parked.
    pub error: String,
    /// When their lanes are tried first.
    pub next_try: Timestamp,
    /// What can never be published.
    pub dead_letters: Vec<DeadLetter>,
}

#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Takes or renews slices for `owner` until `now + ttl` and returns the ones it now holds; the leases of owners
    /// that stopped renewing are shared out among those who ask. At most `wanted` slices.
    async fn lease(&self, owner: &str, wanted: u16, now: Timestamp, ttl: std::time::Duration) -> PortResult<Vec<u16>>;
    /// Gives all slices of `owner` back, at an orderly stop.
    async fn release_leases(&self, owner: &str) -> PortResult<()>;
    /// Rows of these slices whose `available_at` has come, oldest first, at most `limit`.
    async fn pending(&self, slices: &[u16], now: Timestamp, limit: u32) -> PortResult<Vec<OutboxRow>>;
    /// Forgets rows whose messages the bus has taken over.
    async fn delivered(&self, ids: &[i64]) -> PortResult<()>;
    /// Forgets rows of whose messages some could not go on, and keeps those where they wait, together.
    async fn step_aside(&self, ids: &[i64], aside: &SteppedAside, now: Timestamp) -> PortResult<()>;
    /// Moves a row that cannot be read to the dead letters, so that it blocks nobody and is not lost.
    async fn dead_letter(&self, row: &OutboxRow, error: &str, now: Timestamp) -> PortResult<()>;
    async fn stats(&self, now: Timestamp) -> PortResult<OutboxStats>;
}
