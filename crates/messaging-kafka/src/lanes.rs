//! Lanes of the bus: the partitions. The partition of a key is computed as the producer does (murmur2), so that the relay
//! can tell what must wait behind a partition without a leader before it sends it there.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use rdkafka::metadata::Metadata;
use sluice_events::{Envelope, Topic};

use crate::KafkaSettings;

/// How many partitions each topic has, as far as the brokers were asked.
#[derive(Default)]
pub struct Lanes(RwLock<HashMap<String, usize>>);

impl Lanes {
    pub fn learn(&self, metadata: &Metadata) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for topic in metadata.topics().iter().filter(|topic| !topic.partitions().is_empty()) {
            known.insert(topic.name().to_owned(), topic.partitions().len());
        }
    }

    /// `topic/partition`, or the topic alone where its partitions are not known.
    pub fn of(&self, settings: &KafkaSettings, envelope: &Envelope) -> String {
        let (topic, name): (Topic, String) = (envelope.topic, settings.topic(envelope.topic));
        let partitions = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&name).copied();
        match partitions.and_then(|partitions| partition_of(envelope.key.as_bytes(), partitions)) {
            Some(partition) => format!("{}/{partition}", topic.name()),
            None => topic.name().to_owned(),
        }
    }
}

fn partition_of(key: &[u8], partitions: usize) -> Option<u32> {
    (murmur2(key) & 0x7fff_ffff).checked_rem(u32::try_from(partitions).ok()?)
}

/// As Kafka's own clients hash a key.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = word.iter().rev().fold(0_u32, |k, byte| (k << 8) | u32::from(*byte)).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0_u32, |k, byte| (k << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the tests of Kafka's own client.
    #[test]
    fn a_key_is_hashed_as_other_clients_do() {
        let signed = |text: &str| i32::from_ne_bytes(murmur2(text.as_bytes()).to_ne_bytes());
        assert_eq!(signed("21"), -973_932_308);
        assert_eq!(signed("foobar"), -790_332_482);
        assert_eq!(signed("a-little-bit-long-string"), -985_981_536);
        assert_eq!(signed("a-little-bit-longer-string"), -1_486_304_829);
        assert_eq!(signed("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58_897_971);
        assert_eq!(partition_of(b"k", 0), None);
    }
}
