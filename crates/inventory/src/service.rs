//! What inventory offers: figures, adjustments, traces, and the ledger's side of `stock-sync`.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sluice_events::{MovementKind, StockMoved};
use sluice_kernel::{Clock, InvalidField, PortError, ReservationId, SkuId, StoreId, check};

use crate::{
    Adjustment, AdjustmentBegin, AdjustmentId, AdjustmentLog, AdjustmentState, BoundGate, Checked, Figures, GateEffects,
    InventoryError, Ledger, RecordCheck, ReservationOutcomes, StockGate, StockTrace,
};

/// The gate's figures beside the database's, which follow within seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    pub gate: Figures,
    pub ledger: Figures,
}

/// An adjustment that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjusted {
    /// The figures now.
    pub stock: Stock,
    /// The id was used before, for the same change.
    pub replayed: bool,
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
    /// Receives (positive) or writes off (negative) units. Repeating the id changes nothing; one that was refused may be
    /// tried again under it, and `KeyReused` where it stands for another change.
    async fn adjust(
        &self,
        store: StoreId,
        sku: SkuId,
        id: AdjustmentId,
        delta: i64,
        reason: String,
    ) -> Result<Adjusted, InventoryError>;
    /// Whether `stock-sync` needs a consumer here: with the database gate the ledger stands already.
    fn follows_messages(&self) -> bool;
    /// Consumer of `stock-sync`. What it tells of a reservation says that its order was committed, so the gate hears that the
    /// sweeper need not look at it.
    async fn record(&self, movements: &[StockMoved]) -> Result<(), InventoryError>;
    /// Tells the gate what it has not heard yet, at most `limit` changes of a store; returns how many of the fullest
    /// store it took. A store whose gate is closed holds up no other.
    async fn apply_effects(&self, limit: u32) -> Result<usize, InventoryError>;
    /// Tells the gate what the catalog says of these SKUs, ahead of the queue.
    async fn tell_listings(&self, store: StoreId, skus: &[SkuId]) -> Result<(), InventoryError>;
    /// Finishes adjustments that a crash interrupted.
    async fn finish_adjustments(&self, older_than: Duration) -> Result<usize, InventoryError>;
    /// Returns the units of reservations whose order never came (docs/domain.md: no leak).
    async fn sweep_reservations(&self, older_than: Duration) -> Result<Swept, InventoryError>;
    /// Changes that could not be told to the gate and were given up; staff decide when they have looked.
    async fn given_up(&self) -> Result<u64, InventoryError>;
    /// Forgets them, after the gate was counted anew.
    async fn forget_given_up(&self) -> Result<u64, InventoryError>;
    /// Records movements of committed orders that no message told, where they were committed or looked at so long ago.
    async fn record_missing(&self, older_than: Duration) -> Result<Checked, InventoryError>;
}

/// The service over its ports.
pub struct Inventory {
    pub gate: Arc<dyn StockGate>,
    pub ledger: Arc<dyn Ledger>,
    pub adjustments: Arc<dyn AdjustmentLog>,
    pub effects: Arc<dyn GateEffects>,
    pub outcomes: Arc<dyn ReservationOutcomes>,
    pub records: Arc<dyn RecordCheck>,
    pub clock: Arc<dyn Clock>,
}

/// More units than any warehouse holds; keeps sums far from the end of the range.
const MAX_UNITS: i64 = 1_000_000_000;
const MAX_TRACED: u32 = 1_000;
/// Tries of one adjustment that may be refused before its id is given up.
const MAX_REFUSED: u32 = 100;
/// Rebuilds of the gate an adjustment lives through before the sweeper finishes it.
const MAX_EPOCHS: u32 = 3;
/// Adjustments in one look of their sweeper.
const MAX_ADJUSTMENTS: u32 = 100;
/// How long an adjustment that could not be finished waits.
const ADJUSTMENT_PAUSE: Duration = Duration::from_secs(5);
/// Reservations in one comparison with the ledger.
pub const MAX_CHECKED: u32 = 500;
/// Reservations in one look of the sweeper.
const MAX_SWEPT: u32 = 500;

impl Inventory {
    /// Asks the gate until the adjustment is done or refused. What became of it is read anew in every epoch: a gate that
    /// was rebuilt counts what is done, and must not be told of it again.
    async fn finish(&self, adjustment: &Adjustment) -> Result<(), InventoryError> {
        let Adjustment { store, sku, delta, .. } = *adjustment;
        for _ in 0..MAX_EPOCHS {
            let BoundGate { epoch, gate } = self.gate.bound(store).await?;
            match self.adjustments.state(&adjustment.id).await? {
                Some(AdjustmentState::Pending) => {}
                Some(AdjustmentState::Done) | None => return Ok(()),
                Some(AdjustmentState::Rejected) => {
                    let known = gate.figures(store, &[sku]).await?;
                    return Err(InventoryError::InsufficientStock { usable: known.get(&sku).map_or(0, |figures| figures.usable) });
                }
            }
            match gate.adjust(store, &adjustment.id, sku, delta, self.clock.now()).await {
                Ok(Ok(counted_in)) => {
                    if self.adjustments.complete(adjustment, counted_in).await? {
                        return Ok(());
                    }
                }
                Ok(Err(short)) => {
                    if self.adjustments.reject(adjustment, epoch).await? {
                        return Err(InventoryError::InsufficientStock { usable: short.usable });
                    }
                }
                // Rebuilt meanwhile: the next look says whether it is closed.
                Err(PortError::GateClosed) => {}
                Err(error) => return Err(error.into()),
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
}

fn check_delta(delta: i64) -> check::Result {
    if delta == 0 {
        return Err(InvalidField::new("delta", "a number of units other than 0"));
    }
    check::number("delta", delta, -MAX_UNITS..=MAX_UNITS)
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
        self.ledger.trace(store, sku, MAX_TRACED).await?.ok_or(InventoryError::NotFound)
    }

    async fn adjust(
        &self,
        store: StoreId,
        sku: SkuId,
        id: AdjustmentId,
        delta: i64,
        reason: String,
    ) -> Result<Adjusted, InventoryError> {
        check_delta(delta)?;
        check::text("reason", &reason, 200)?;
        self.stock(store, sku).await?;
        let mut adjustment = Adjustment { id: id.clone(), store, sku, delta, reason, at: self.clock.now() };
        for further in 2..=MAX_REFUSED {
            let begun = self.adjustments.begin(&adjustment).await?;
            match begun {
                AdjustmentBegin::Begun | AdjustmentBegin::Unfinished => self.finish(&adjustment).await?,
                AdjustmentBegin::Done => {}
                AdjustmentBegin::KeyReused => return Err(InventoryError::KeyReused),
                AdjustmentBegin::Rejected => {
                    // Somebody may still have the refused one in hand, so the next try has a name of its own.
                    adjustment.id = AdjustmentId(format!("{}.{further}", id.0));
                    continue;
                }
            }
            return Ok(Adjusted { stock: self.stock(store, sku).await?, replayed: begun != AdjustmentBegin::Begun });
        }
        let usable = self.stock(store, sku).await?.gate.usable;
        Err(InventoryError::InsufficientStock { usable })
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
        self.tell_gate(limit).await
    }

    async fn tell_listings(&self, store: StoreId, skus: &[SkuId]) -> Result<(), InventoryError> {
        for (sku, listing) in self.ledger.listings(store, skus).await? {
            self.gate.set_listing(store, sku, listing).await?;
        }
        Ok(())
    }

    async fn finish_adjustments(&self, older_than: Duration) -> Result<usize, InventoryError> {
        let now = self.clock.now();
        let unfinished = self.adjustments.unfinished(now.minus(older_than), now, MAX_ADJUSTMENTS).await?;
        let mut failed = None;
        for adjustment in &unfinished {
            match self.finish(adjustment).await {
                Ok(()) | Err(InventoryError::InsufficientStock { .. }) => {}
                Err(error) => {
                    self.adjustments.put_off(&adjustment.id, now.plus(ADJUSTMENT_PAUSE)).await?;
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(unfinished.len()), Err)
    }

    async fn sweep_reservations(&self, older_than: Duration) -> Result<Swept, InventoryError> {
        let unconfirmed = self.gate.unconfirmed(older_than, MAX_SWEPT).await?;
        if unconfirmed.is_empty() {
            return Ok(Swept::default());
        }
        let full = unconfirmed.len() >= usize::try_from(MAX_SWEPT).unwrap_or(usize::MAX);
        let now = self.clock.now();
        let abandoned = self.outcomes.abandon(&unconfirmed, now).await?;
        let (mut released, mut failed) = (0, None);
        for (store, reservation) in &abandoned {
            match self.gate.release(*store, *reservation, now).await {
                Ok(_) => released += 1,
                Err(error) => failed = Some(error),
            }
        }
        let gone: HashSet<&(StoreId, ReservationId)> = abandoned.iter().collect();
        let committed: Vec<_> = unconfirmed.iter().filter(|held| !gone.contains(held)).copied().collect();
        self.gate.confirm(&committed).await?;
        failed.map_or(Ok(Swept { released, full }), |error| Err(error.into()))
    }

    async fn given_up(&self) -> Result<u64, InventoryError> {
        Ok(self.effects.given_up().await?)
    }

    async fn forget_given_up(&self) -> Result<u64, InventoryError> {
        Ok(self.effects.forget_given_up().await?)
    }

    async fn record_missing(&self, older_than: Duration) -> Result<Checked, InventoryError> {
        if !self.ledger.follows_messages() {
            return Ok(Checked::default());
        }
        Ok(self.records.check(older_than, self.clock.now(), MAX_CHECKED).await?)
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
