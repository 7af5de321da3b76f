//! How much one user and one process may hold (docs/operations.md lists every bound).

use serde::{Deserialize, Serialize};
use sluice_member::CodeLimits;
use sluice_order::UnpaidLimits;

use super::ConfigError;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Orders a user may place in a second.
    pub orders_per_second: u32,
    /// Unpaid orders of a user, of carts and activities alike.
    pub unpaid_orders_per_user: u32,
    /// Units in a user's unpaid orders.
    pub unpaid_units_per_user: u32,
    /// Verification codes that are sent for a user in an hour.
    pub codes_per_hour: u32,
    /// Verification codes that are sent for a user in a day.
    pub codes_per_day: u32,
    /// Status streams of a user, open in one process.
    pub streams_per_user: u32,
    /// Status streams of all users, open in one process.
    pub streams: u32,
    /// Placements in flight in one process; beyond it placing answers 503 `overloaded`.
    pub placements_in_flight: u32,
    /// Connections of clients to one process; further ones wait to be accepted.
    pub connections: u32,
    /// HTTP worker threads; 0 takes one for every second core.
    pub http_workers: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            orders_per_second: 50,
            unpaid_orders_per_user: 20,
            unpaid_units_per_user: 20_000,
            codes_per_hour: 5,
            codes_per_day: 20,
            streams_per_user: 10,
            streams: 1_000,
            placements_in_flight: 4_096,
            connections: 10_000,
            http_workers: 0,
        }
    }
}

impl LimitsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let counted = [
            ("limits.orders_per_second", self.orders_per_second),
            ("limits.unpaid_orders_per_user", self.unpaid_orders_per_user),
            ("limits.unpaid_units_per_user", self.unpaid_units_per_user),
            ("limits.codes_per_hour", self.codes_per_hour),
            ("limits.codes_per_day", self.codes_per_day),
            ("limits.streams_per_user", self.streams_per_user),
            ("limits.streams", self.streams),
            ("limits.placements_in_flight", self.placements_in_flight),
            ("limits.connections", self.connections),
        ];
        match counted.into_iter().find(|(_, most)| *most == 0) {
            Some((key, _)) => Err(ConfigError::Invalid { key, reason: "at least 1".to_owned() }),
            None => Ok(()),
        }
    }

    pub fn unpaid(&self) -> UnpaidLimits {
        UnpaidLimits { orders: self.unpaid_orders_per_user.into(), units: self.unpaid_units_per_user.into() }
    }

    pub fn codes(&self) -> CodeLimits {
        CodeLimits { per_hour: self.codes_per_hour, per_day: self.codes_per_day, ..CodeLimits::default() }
    }
}
