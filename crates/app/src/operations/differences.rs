//! Stock rows, ledger, users' limits, orders and gate side by side (`sluice reconcile`).

use std::collections::{BTreeMap, BTreeSet};

use sluice_inventory::{GateSource as _, TakenOfLimit};
use sluice_kernel::{PortResult, SkuId, StoreId, UserId};

use crate::{OpenShop, bridges::port_error};

impl OpenShop {
    /// Where stock rows, ledger, orders and gate differ, a line each.
    pub async fn differences(&self) -> PortResult<Vec<String>> {
        let mut lines = Vec::new();
        for found in self.reconciler.differences().await? {
            lines.push(format!(
                "store {} SKU {}: stock row {}, ledger {}, orders {}, {} movements wait{}",
                found.store,
                found.sku,
                figures(found.stock),
                figures(found.ledger),
                figures(found.orders),
                found.waiting,
                if found.ledger == found.orders { "" } else { "; messages of movements are on their way or were lost" }
            ));
        }
        for found in self.reconciler.limit_differences().await? {
            lines.push(limit_line(found.store, found.sku, &found.user, "counter", found.counter, found.orders));
        }
        if self.redis_gate.is_some() {
            lines.extend(self.gate_differences().await?);
        }
        Ok(lines)
    }

    /// A gate outside the database against the orders it must agree with at a quiet point.
    async fn gate_differences(&self) -> PortResult<Vec<String>> {
        self.wait_for_gate().await?;
        let given_up = self.shop.inventory.given_up().await;
        let given_up = given_up.map_err(|error| port_error("counting gate effects", error))?;
        let snapshot = self.source.snapshot().await?;
        let stores = snapshot.skus.iter().map(|(store, ..)| *store).collect();
        let mut lines = Vec::new();
        if given_up > 0 {
            lines
                .push(format!("{given_up} changes could not be told to the stock gate and were given up; --repair counts it anew"));
        }
        for (store, sku, counted, _) in snapshot.skus {
            let at_gate = self.gate.figures(store, &[sku]).await?.get(&sku).copied();
            if at_gate != Some(counted) {
                let shown = at_gate.map_or_else(|| "nothing".to_owned(), figures);
                lines.push(format!("store {store} SKU {sku}: gate {shown}, orders {}", figures(counted)));
            }
        }
        lines.extend(self.limit_differences(stores, snapshot.taken).await?);
        Ok(lines)
    }

    /// What users have taken at a gate outside the database, against the orders.
    async fn limit_differences(&self, stores: BTreeSet<StoreId>, of_orders: Vec<TakenOfLimit>) -> PortResult<Vec<String>> {
        let mut at_gate = Vec::new();
        for store in stores {
            at_gate.extend(self.gate.taken(store).await?);
        }
        let by_key = |all: Vec<TakenOfLimit>| -> BTreeMap<(StoreId, SkuId, UserId), (i64, i64)> {
            all.into_iter().map(|taken| ((taken.store, taken.sku, taken.user), (taken.orders, taken.units))).collect()
        };
        let (at_gate, of_orders) = (by_key(at_gate), by_key(of_orders));
        let all: BTreeSet<_> = at_gate.keys().chain(of_orders.keys()).collect();
        let mut lines = Vec::new();
        for key in all {
            let (store, sku, user) = key;
            let gate = at_gate.get(key).copied().unwrap_or_default();
            // Only users with open orders were read together with the figures.
            let orders = match of_orders.get(key) {
                Some(orders) => *orders,
                None => self.source.taken_by(*store, *sku, user).await?,
            };
            if gate != orders {
                lines.push(limit_line(*store, *sku, user, "gate", gate, orders));
            }
        }
        Ok(lines)
    }
}

/// Orders and units that a user has taken of a SKU's limit, as two records say.
fn limit_line(store: StoreId, sku: SkuId, user: &UserId, record: &str, counted: (i64, i64), orders: (i64, i64)) -> String {
    let shown = |(orders, units): (i64, i64)| format!("{orders} orders of {units} units");
    format!("store {store} SKU {sku} user {}: limit at the {record} {}, orders {}", user.as_str(), shown(counted), shown(orders))
}

fn figures(figures: sluice_inventory::Figures) -> String {
    format!("{}/{}/{} of {}", figures.usable, figures.locked, figures.sold, figures.received)
}
