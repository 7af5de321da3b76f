//! Order reserves at inventory's gate.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_inventory::{GateAnswer, InventoryService, ReserveLine, SaleWindow, StockGate, Terms, UserLimit};
use sluice_kernel::{PortError, PortResult, ReservationId, SkuId, StoreId, Timestamp};
use sluice_order::{ReserveAnswer, ReserveTerms, StockRefusal, StockReserver};
use tokio::sync::Notify;

pub struct OrderToInventory {
    pub gate: Arc<dyn StockGate>,
    pub inventory: Arc<dyn InventoryService>,
    /// The database gate: the group commit decides.
    pub in_commit: bool,
    /// Wakes the sweeper that applies gate effects.
    pub effects: Arc<Notify>,
}

impl OrderToInventory {
    async fn reserve_at(
        &self,
        gate: &dyn StockGate,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer> {
        let lines: Vec<ReserveLine> = lines
            .iter()
            .map(|(sku, quantity, revision)| ReserveLine { sku: *sku, quantity: *quantity, revision: *revision })
            .collect();
        let terms = terms.map(terms_of).unwrap_or_default();
        let answer = gate.reserve(store, id, &lines, &terms, now).await?;
        Ok(match answer {
            GateAnswer::Reserved { epoch } => ReserveAnswer::Held { epoch },
            // The catalog said yes a moment ago: either it has changed since, or the gate has not heard of the last
            // change. Tell the gate, then let the placement ask the catalog again, which decides.
            GateAnswer::OffShelf(skus) | GateAnswer::Outdated(skus) => {
                self.bring_up_to_date(store, &skus).await?;
                ReserveAnswer::Refused(StockRefusal::Outdated(skus))
            }
            GateAnswer::OutsideWindow => ReserveAnswer::Refused(StockRefusal::OutsideWindow),
            GateAnswer::LimitReached => ReserveAnswer::Refused(StockRefusal::LimitReached),
            GateAnswer::Short(short) => {
                ReserveAnswer::Refused(StockRefusal::Short(short.into_iter().map(|short| (short.sku, short.usable)).collect()))
            }
            GateAnswer::Gone => ReserveAnswer::Gone,
        })
    }

    async fn bring_up_to_date(&self, store: StoreId, skus: &[SkuId]) -> PortResult<()> {
        let told = self.inventory.tell_listings(store, skus).await;
        told.map_err(|error| super::port_error("telling the gate of changes", error))
    }
}

/// An order of an activity always says whose limit it takes; usage is counted even where nothing bounds it.
fn terms_of(terms: &ReserveTerms) -> Terms {
    let ReserveTerms { window, sku, user, units, most_orders, most_units } = terms;
    Terms {
        window: window.map(|window| SaleWindow { from: window.starts_at, until: window.ends_at }),
        limit: Some(UserLimit { sku: *sku, user: user.clone(), units: *units, most_orders: *most_orders, most_units: *most_units }),
    }
}

#[async_trait]
impl StockReserver for OrderToInventory {
    fn decides_in_commit(&self) -> bool {
        self.in_commit
    }

    async fn reserve(
        &self,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer> {
        self.reserve_at(&*self.gate, store, id, lines, terms, now).await
    }

    async fn epoch(&self, store: StoreId) -> PortResult<i64> {
        Ok(self.gate.bound(store).await?.epoch)
    }

    async fn reserve_in(
        &self,
        epoch: i64,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer> {
        let bound = self.gate.bound(store).await?;
        if bound.epoch != epoch {
            return Err(PortError::GateClosed);
        }
        self.reserve_at(&*bound.gate, store, id, lines, terms, now).await
    }

    async fn usable(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, i64>> {
        let figures = self.gate.figures(store, skus).await?;
        Ok(figures.into_iter().map(|(sku, figures)| (sku, figures.usable)).collect())
    }

    fn instant(&self, now: Timestamp) -> Timestamp {
        self.gate.instant(now)
    }

    async fn release(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<()> {
        self.gate.release(store, id, now).await.map(|_| ())
    }

    fn hint_effects(&self) {
        self.effects.notify_one();
    }
}
