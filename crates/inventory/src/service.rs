//! What inventory offers: figures, adjustments, traces, and the ledger's side of `stock-sync`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sluice_events::{MovementKind, StockMoved};
use sluice_kernel::{Clock, PortError, ReservationId, SkuId, StoreId};

use crate::{
    Adjustment, AdjustmentId, AdjustmentLog, Figures, GateEffect, GateEffects, GateStatus, InventoryError, Ledger,
    ReservationOutcomes, Settled, StockGate, StockTrace,
};

/// The gate's figures beside the database's, which follow within seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    pub gate: Figures,
    pub ledger: Figures,
}

/// What one look at the reservations that nobody confirmed came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub released: usize,
    /// More may wait: look again at once.
    pub full: bool,
}

#[async_trait]
pub trait InventoryService: Send + Sync {
    /// Usable units at the gate, for product pages. A SKU the gate does not know is absent.
    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> Result<HashMap<SkuId, Figures>, InventoryError>;
    async fn stock(&self, store: StoreId, sku: SkuId) -> Result<Stock, InventoryError>;
    async fn trace(&self, store: StoreId, sku: SkuId) -> Result<StockTrace, InventoryError>;
    /// Receives (positive) or writes off (negative) units. Repeating the id changes nothing.
    async fn adjust(
        &self,
        store: StoreId,
        sku: SkuId,
        id: AdjustmentId,
        delta: i64,
        reason: String,
    ) -> Result<Stock, InventoryError>;
    /// Whether `stock-sync` needs a consumer here: with the database gate the ledger stands already.
    fn follows_messages(&self) -> bool;
    /// Consumer of `stock-sync`. What it tells of a reservation says that its order was committed, so the gate hears that the
    /// sweeper need not look at it.
    async fn record(&self, movements: &[StockMoved]) -> Result<(), InventoryError>;
    /// Tells the gate what it has not heard yet; returns how many effects it took.
    async fn apply_effects(&self, limit: u32) -> Result<usize, InventoryError>;
    /// Finishes adjustments that a crash interrupted.
    async fn finish_adjustments(&self, older_than: Duration) -> Result<usize, InventoryError>;
    /// Returns the units of reservations whose order never came (spec.md: no leak).
    async fn sweep_reservations(&self, older_than: Duration) -> Result<Swept, InventoryError>;
    async fn gate_status(&self) -> Result<GateStatus, InventoryError>;
}

/// The service over its ports.
pub struct Inventory {
    pub gate: Arc<dyn StockGate>,
    pub ledger: Arc<dyn Ledger>,
    pub adjustments: Arc<dyn AdjustmentLog>,
    pub effects: Arc<dyn GateEffects>,
    pub outcomes: Arc<dyn ReservationOutcomes>,
    pub clock: Arc<dyn Clock>,
}

/// More units than any warehouse holds; keeps sums far from the end of the range.
const MOST_UNITS: i64 = 1_000_000_000;
const MOST_TRACED: u32 = 1_000;
/// Rebuilds of the gate an adjustment lives through before the sweeper finishes it.
const MOST_EPOCHS: u32 = 3;
/// Reservations in one look of the sweeper.
const MOST_SWEPT: u32 = 500;

impl Inventory {
    async fn finish(&self, adjustment: &Adjustment) -> Result<(), InventoryError> {
        let Adjustment { store, sku, delta, .. } = *adjustment;
        for _ in 0..MOST_EPOCHS {
            match self.gate.adjust(store, &adjustment.id, sku, delta, self.clock.now()).await? {
                // A gate that was rebuilt meanwhile has not counted it: ask the new one.
                Ok(epoch) if !self.adjustments.complete(adjustment, epoch).await? => {}
                Ok(_) => return Ok(()),
                Err(short) => {
                    self.adjustments.reject(&adjustment.id).await?;
                    return Err(InventoryError::InsufficientStock { usable: short.usable });
                }
            }
        }
        Err(PortError::GateClosed.into())
    }

    /// The orders of these movements were committed. Where the gate cannot hear it the sweeper finds out by itself.
    async fn confirm(&self, movements: &[StockMoved]) {
        let reserved = movements.iter().filter(|movement| movement.kind == MovementKind::Reserve);
        let named = reserved.filter_map(|movement| Some((movement.store_id, movement.movement_id.parse().ok()?)));
        let reservations: BTreeSet<(StoreId, ReservationId)> = named.collect();
        if reservations.is_empty() {
            return;
        }
        let reservations: Vec<(StoreId, ReservationId)> = reservations.into_iter().collect();
        if let Err(error) = self.gate.confirm(&reservations).await {
            tracing::debug!(error = %error, "The stock gate did not hear of committed reservations; the sweeper will look.");
        }
    }

    async fn apply(&self, effect: &GateEffect) -> Result<(), InventoryError> {
        let now = self.clock.now();
        let settled = match effect {
            GateEffect::Sell { store, reservation } => self.gate.sell(*store, *reservation, now).await?,
            GateEffect::Release { store, reservation } => self.gate.release(*store, *reservation, now).await?,
            GateEffect::Restock { store, refund, lines } => self.gate.restock(*store, refund, lines, now).await?,
            GateEffect::Listing { store, sku, listing } => {
                self.gate.set_listing(*store, *sku, *listing).await?;
                Settled::Done
            }
        };
        if settled == Settled::Refused {
            // A gate that was rebuilt since has counted the change already; anything else shows in `reconcile`.
            tracing::warn!(gate.effect = ?effect, "The stock gate refused a committed change.");
        }
        Ok(())
    }
}

#[async_trait]
impl InventoryService for Inventory {
    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> Result<HashMap<SkuId, Figures>, InventoryError> {
        Ok(self.gate.figures(store, skus).await?)
    }

    async fn stock(&self, store: StoreId, sku: SkuId) -> Result<Stock, InventoryError> {
        let ledger = self.ledger.figures(store, &[sku]).await?.get(&sku).copied().ok_or(InventoryError::NotFound)?;
        let gate = self.gate.figures(store, &[sku]).await?.get(&sku).copied().unwrap_or_default();
        Ok(Stock { gate, ledger })
    }

    async fn trace(&self, store: StoreId, sku: SkuId) -> Result<StockTrace, InventoryError> {
        self.ledger.trace(store, sku, MOST_TRACED).await?.ok_or(InventoryError::NotFound)
    }

    async fn adjust(
        &self,
        store: StoreId,
        sku: SkuId,
        id: AdjustmentId,
        delta: i64,
        reason: String,
    ) -> Result<Stock, InventoryError> {
        if delta == 0 || !(-MOST_UNITS..=MOST_UNITS).contains(&delta) {
            let reason = format!("a whole number other than 0, at most {MOST_UNITS} up or down");
            return Err(InventoryError::InvalidField { field: "delta", reason });
        }
        if reason.trim().is_empty() || reason.chars().count() > 200 {
            let reason = "says why, in 1 to 200 characters".to_owned();
            return Err(InventoryError::InvalidField { field: "reason", reason });
        }
        self.stock(store, sku).await?;
        let adjustment = Adjustment { id, store, sku, delta, reason, at: self.clock.now() };
        if self.adjustments.begin(&adjustment).await? {
            self.finish(&adjustment).await?;
        }
        self.stock(store, sku).await
    }

    fn follows_messages(&self) -> bool {
        self.ledger.follows_messages()
    }

    async fn record(&self, movements: &[StockMoved]) -> Result<(), InventoryError> {
        self.ledger.record(movements).await?;
        self.confirm(movements).await;
        Ok(())
    }

    async fn apply_effects(&self, limit: u32) -> Result<usize, InventoryError> {
        let rows = self.effects.pending(limit).await?;
        for row in &rows {
            self.apply(&row.effect).await?;
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        if !ids.is_empty() {
            self.effects.done(&ids).await?;
        }
        Ok(ids.len())
    }

    async fn finish_adjustments(&self, older_than: Duration) -> Result<usize, InventoryError> {
        let before = self.clock.now().minus(older_than);
        let unfinished = self.adjustments.unfinished(before, 100).await?;
        for adjustment in &unfinished {
            match self.finish(adjustment).await {
                Ok(()) | Err(InventoryError::InsufficientStock { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(unfinished.len())
    }

    async fn sweep_reservations(&self, older_than: Duration) -> Result<Swept, InventoryError> {
        let now = self.clock.now();
        let unconfirmed = self.gate.unconfirmed(now.minus(older_than), MOST_SWEPT).await?;
        if unconfirmed.is_empty() {
            return Ok(Swept::default());
        }
        let full = unconfirmed.len() >= usize::try_from(MOST_SWEPT).unwrap_or(usize::MAX);
        let abandoned = self.outcomes.abandon(&unconfirmed, now).await?;
        for (store, reservation) in &abandoned {
            self.gate.release(*store, *reservation, now).await?;
        }
        let committed: Vec<_> = unconfirmed.into_iter().filter(|held| !abandoned.contains(held)).collect();
        self.gate.confirm(&committed).await?;
        Ok(Swept { released: abandoned.len(), full })
    }

    async fn gate_status(&self) -> Result<GateStatus, InventoryError> {
        Ok(self.gate.status().await?)
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
