//! All that users have taken of a store's limits, read past the scripts for comparing with the orders.

use std::collections::BTreeMap;

use deadpool_redis::redis;
use sluice_inventory::TakenOfLimit;
use sluice_kernel::{PortError, PortResult, SkuId, StoreId, UserId};

use crate::{core::Core, errors::port_error, keys::Keys, scripts::Scripts};

/// Fields of one HSCAN step.
const BATCH: usize = 500;

impl Core {
    /// Every counter of the store. While others reserve it is a mixture of moments.
    pub(crate) async fn scan_taken(&self, scripts: &Scripts, store: StoreId) -> PortResult<Vec<TakenOfLimit>> {
        let stock = self.keys.stock(store, scripts.epoch);
        // A step may tell a field again.
        let mut counters: BTreeMap<(SkuId, UserId), TakenOfLimit> = BTreeMap::new();
        let mut cursor = "0".to_owned();
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(&stock).arg(&cursor).arg("MATCH").arg(Keys::limit_pattern()).arg("COUNT").arg(BATCH);
            let (next, found): (String, Vec<String>) = self.long_work.query(&scan).await.map_err(port_error)?;
            for pair in found.chunks(2) {
                let [field, counter] = pair else { return Err(unreadable(field_of(pair))) };
                let taken = read(store, field, counter).ok_or_else(|| unreadable(field))?;
                // Kept at zero so that the database is not asked again.
                if taken.orders > 0 || taken.units > 0 {
                    counters.insert((taken.sku, taken.user.clone()), taken);
                }
            }
            if next == "0" {
                return Ok(counters.into_values().collect());
            }
            cursor = next;
        }
    }
}

fn field_of(pair: &[String]) -> &str {
    pair.first().map_or("", String::as_str)
}

fn unreadable(field: &str) -> PortError {
    PortError::internal("the stock gate's limits", format!("the field {field} can't be read"))
}

fn read(store: StoreId, field: &str, counter: &str) -> Option<TakenOfLimit> {
    let (sku, user) = Keys::limit_of(field)?;
    let (orders, units) = counter.split_once(' ')?;
    Some(TakenOfLimit { store, sku, user, orders: orders.parse().ok()?, units: units.parse().ok()? })
}
