//! The names of the gate's keys, and how long those live that end. Every key names its epoch, so a process that lags behind never touches newer keys.
//!
//! | key | holds |
//! |---|---|
//! | `P{gate}:EPOCH` | hash: `epoch`, layout, the scripts' hashes, a field for every store |
//! | `P{s:STORE}:EPOCH:stock` | hash: `epoch`; of every SKU usable `:u`, locked `:l`, sold `:s`, received `:r`, buyable `:b`, revision `:v`, `:c` 1 where a user without a counter has taken nothing; `SKU:t:USER`: orders and units a user has taken of its limit |
//! | `P{s:STORE}:EPOCH:r:ID` | reservation: `held SKU=UNITS …`, where it took of a limit a bar and `SKU UNITS USER`, or its tombstone `sold`, `released`, `void` (released, and never known) |
//! | `P{s:STORE}:EPOCH:waiting` | sorted set: unconfirmed reservations by the time they were held |
//! | `P{s:STORE}:EPOCH:refund:ID`, `…:adjust:ID` | done already |
//! | `P{gate}:epochs` | set: epochs whose `P{gate}:EPOCH` may exist |
//! | `P{gate}:probe` | nothing: it is written to see whether the server takes writes |
//! | `P{gate}:lease`, `P{gate}:tickets` | who rebuilds at present; spares work, decides nothing |
//!
//! Limits stand in the stock's hash: they come and go with the units and the epoch, so a limit is never lost alone.

use std::time::Duration;

use sluice_kernel::{SkuId, StoreId, UserId};

/// How long a settled reservation is remembered: far longer than any request or message may be late.
pub(crate) const TOMBSTONE: Duration = Duration::from_hours(48);
/// How long a restock or an adjustment is remembered: longer than an effect may wait to be told.
pub(crate) const MARK: Duration = Duration::from_hours(30 * 24);

/// What a script works on besides the store's stock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    Reservation(&'a str),
    Waiting,
    Refund(&'a str),
    Adjustment(&'a str),
}

pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    pub(crate) fn gate(&self, epoch: i64) -> String {
        format!("{}{{gate}}:{epoch}", self.prefix)
    }

    pub(crate) fn epochs(&self) -> String {
        format!("{}{{gate}}:epochs", self.prefix)
    }

    pub(crate) fn lease(&self) -> String {
        format!("{}{{gate}}:lease", self.prefix)
    }

    pub(crate) fn tickets(&self) -> String {
        format!("{}{{gate}}:tickets", self.prefix)
    }

    /// Written to see whether the server takes writes.
    pub(crate) fn probe(&self) -> String {
        format!("{}{{gate}}:probe", self.prefix)
    }

    pub(crate) fn stock(&self, store: StoreId, epoch: i64) -> String {
        format!("{}{{s:{store}}}:{epoch}:stock", self.prefix)
    }

    pub(crate) fn part(&self, store: StoreId, epoch: i64, part: Part<'_>) -> String {
        let Self { prefix } = self;
        match part {
            Part::Reservation(id) => format!("{prefix}{{s:{store}}}:{epoch}:r:{id}"),
            Part::Waiting => format!("{prefix}{{s:{store}}}:{epoch}:waiting"),
            Part::Refund(id) => format!("{prefix}{{s:{store}}}:{epoch}:refund:{id}"),
            Part::Adjustment(id) => format!("{prefix}{{s:{store}}}:{epoch}:adjust:{id}"),
        }
    }

    /// The field of a store's stock that holds what a user has taken of a SKU's limit.
    pub(crate) fn limit_field(sku: SkuId, user: &UserId) -> String {
        format!("{sku}:t:{}", user.as_str())
    }

    /// Matches every [`Keys::limit_field`] and no other field.
    pub(crate) fn limit_pattern() -> &'static str {
        "*:t:*"
    }

    /// Reads a [`Keys::limit_field`] back.
    pub(crate) fn limit_of(field: &str) -> Option<(SkuId, UserId)> {
        let (sku, user) = field.split_once(":t:")?;
        Some((SkuId(sku.parse().ok()?), UserId(user.to_owned())))
    }

    /// Matches every key of this gate and none of another prefix: prefixes have no pattern characters.
    pub(crate) fn pattern(&self) -> String {
        format!("{}{{*", self.prefix)
    }

    /// The epoch a key was written under; `None` for keys that belong to none.
    pub(crate) fn epoch_of(key: &str) -> Option<i64> {
        key.split_once("}:")?.1.split(':').next()?.parse().ok()
    }

    /// What decides the cluster slot of a key.
    pub(crate) fn slot_of(key: &str) -> &str {
        key.split_once('}').map_or(key, |(tag, _)| tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_tells_its_epoch_and_shares_the_slot_of_its_store() {
        let keys = Keys::new("sluice:gate:".to_owned());
        let stock = keys.stock(StoreId(7), 12);
        assert_eq!(stock, "sluice:gate:{s:7}:12:stock");
        for part in [Part::Reservation("1-1"), Part::Waiting, Part::Refund("12:x"), Part::Adjustment("}:5")] {
            let key = keys.part(StoreId(7), 12, part);
            assert_eq!(Keys::epoch_of(&key), Some(12), "{key}");
            assert_eq!(Keys::slot_of(&key), Keys::slot_of(&stock));
        }
        assert_eq!(Keys::epoch_of(&keys.gate(12)), Some(12));
        let user = UserId("a:t:b".to_owned());
        assert_eq!(Keys::limit_of(&Keys::limit_field(SkuId(16), &user)), Some((SkuId(16), user)));
        assert_eq!(Keys::epoch_of(&keys.epochs()), None);
        assert_eq!(Keys::epoch_of(&keys.lease()), None);
        assert_eq!(Keys::epoch_of(&keys.tickets()), None);
    }
}
