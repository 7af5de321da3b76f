//! Lots: how many messages of a topic go to the brokers at once.
//!
//! The producer puts messages of a partition together, and a broker that finds them too large together refuses them all,
//! the small ones too. So they are sent again in smaller lots, halved until they are taken; only what is too large alone is.
//! What was learned of a topic is used for a while, since the limit is the topic's.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sluice_events::{Envelope, Topic};
use tokio::time::Instant;

/// How long a topic is sent in small lots after its brokers refused a large one.
const MEMORY: Duration = Duration::from_mins(10);
/// About what headers and framing add to a message.
const OVERHEAD: usize = 320;

#[derive(Default)]
pub struct Lots(Mutex<HashMap<Topic, (usize, Instant)>>);

impl Lots {
    /// Bytes of a lot of this topic at most; `None` where no limit was met lately.
    pub fn limit(&self, topic: Topic) -> Option<usize> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return None;
        }
        known.retain(|_, (_, until)| Instant::now() < *until);
        known.get(&topic).map(|(bytes, _)| *bytes)
    }

    /// A lot of so many bytes was refused.
    pub fn refused(&self, topic: Topic, bytes: usize) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let half = bytes / 2;
        let entry = known.entry(topic).or_insert((half, Instant::now()));
        *entry = (entry.0.min(half), Instant::now() + MEMORY);
    }
}

/// About the bytes of a message.
pub fn size(envelope: &Envelope) -> usize {
    envelope
        .key
        .len()
        .saturating_mul(2)
        .saturating_add(envelope.data.len())
        .saturating_add(envelope.id.len())
        .saturating_add(OVERHEAD)
}

/// Cuts places of a batch into lots of at most `limit` bytes, one message at least.
pub fn cut(batch: &[Envelope], places: &[usize], limit: usize) -> Vec<Vec<usize>> {
    let mut lots: Vec<Vec<usize>> = Vec::new();
    let mut filled = usize::MAX;
    for place in places {
        let bytes = batch.get(*place).map_or(0, size);
        let full = filled.saturating_add(bytes) > limit;
        match lots.last_mut() {
            Some(lot) if !full => {
                lot.push(*place);
                filled = filled.saturating_add(bytes);
            }
            _ => {
                lots.push(vec![*place]);
                filled = bytes;
            }
        }
    }
    lots
}

#[cfg(test)]
mod tests {
    use sluice_events::testing::envelope;

    use super::*;

    #[test]
    fn lots_keep_their_order_and_their_limit() {
        let batch: Vec<Envelope> = (0..7).map(|n| envelope(Topic::StockSync, "k", &format!("{n}"))).collect();
        let one = size(&batch[0]);
        let places: Vec<usize> = (0..7).collect();
        assert_eq!(cut(&batch, &places, 3 * one + 5), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert_eq!(cut(&batch, &places, 1).len(), 7, "one message at least");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_halved_and_forgotten_after_a_while() {
        let lots = Lots::default();
        lots.refused(Topic::StockSync, 4_000);
        lots.refused(Topic::StockSync, 2_000);
        assert_eq!((lots.limit(Topic::StockSync), lots.limit(Topic::OrderPaid)), (Some(1_000), None));
        tokio::time::sleep(MEMORY).await;
        assert_eq!(lots.limit(Topic::StockSync), None);
    }
}
