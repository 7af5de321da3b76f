//! Telling a gate outside the database what was committed: sells, releases, restocks, listings.
//!
//! Contract: the gate is bound to its epoch before the changes are read, so a change that a rebuilt gate has counted
//! already is never told to it. A store whose gate is closed holds up no other store, a change that fails holds up
//! nothing but what must follow it. The gate must know what a committed change names: where it does not, it has lost
//! keys, and is counted anew.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sluice_events::{MovementKind, RestockLine, StockMoved};
use sluice_kernel::{PortError, StoreId, Timestamp};

use crate::{BoundGate, GateEffect, GateEffectRow, Inventory, InventoryError, Settled};

/// Stores read at a time.
const MAX_STORES: u32 = 64;
/// Changes of one store that are told at the same time; each belongs to another order or SKU.
const CONCURRENCY: usize = 32;
/// How long the changes of a store wait whose gate is closed or away.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often a change may fail by itself before it is given up.
const MAX_ATTEMPTS: u32 = 6;
/// The longest pause of a change that fails by itself; the first is a second, each one twice the one before.
const MAX_PAUSE: Duration = Duration::from_secs(30);

enum Told {
    Done,
    /// Not this change's fault.
    PutOff(PortError),
    Failed(String),
}

impl Inventory {
    pub(crate) async fn tell_gate(&self, limit: u32) -> Result<usize, InventoryError> {
        let (mut most, mut after, mut trouble) = (0, None, None);
        loop {
            let stores = self.effects.stores(after, MAX_STORES).await?;
            after = stores.last().copied();
            for store in &stores {
                // Before the rows are read, see `StockGate::bound`. Another store's gate may be open, and another shard of it there.
                let told = match self.gate.bound(*store).await {
                    Ok(bound) => self.tell_store(&bound, *store, limit).await?,
                    Err(error) => Err(error),
                };
                match told {
                    Ok(told) => most = most.max(told),
                    Err(error) => trouble = Some(error),
                }
            }
            if stores.len() < usize::try_from(MAX_STORES).unwrap_or(usize::MAX) {
                break;
            }
        }
        match trouble {
            Some(error) if most == 0 => Err(error.into()),
            Some(_) | None => Ok(most),
        }
    }

    /// How many changes of the store were read, or why its gate took them not: the store's own trouble. Refused where the queue
    /// of the changes cannot be read or written.
    async fn tell_store(&self, bound: &BoundGate, store: StoreId, limit: u32) -> Result<Result<usize, PortError>, InventoryError> {
        let now = self.clock.now();
        let rows = self.effects.claim(store, limit, now).await?;
        let taken = rows.len();
        let (mut done, mut put_off, mut closed) = (Vec::new(), Vec::new(), None);
        // Collected first: a stream over a closure that borrows would not be `Send` for every lifetime.
        let telling: Vec<_> = rows.into_iter().map(|row| self.tell(bound, row, now)).collect();
        let mut telling = stream::iter(telling).buffer_unordered(CONCURRENCY);
        while let Some((row, told)) = telling.next().await {
            match told {
                Told::Done => done.push(row.id),
                Told::PutOff(error) => {
                    put_off.push(row.id);
                    closed = Some(error);
                }
                Told::Failed(why) => self.note_failure(bound, store, &row, &why, now).await?,
            }
        }
        drop(telling);
        self.effects.done(&done).await?;
        self.effects.put_off(&put_off, now.plus(STORE_PAUSE)).await?;
        Ok(closed.map_or(Ok(taken), Err))
    }

    async fn tell(&self, bound: &BoundGate, row: GateEffectRow, now: Timestamp) -> (GateEffectRow, Told) {
        let told = match &row.effect {
            Some(effect) => match self.apply(bound, effect, now).await {
                Told::Done => self.record_restock(effect, &row.lane, now).await,
                waits @ (Told::PutOff(_) | Told::Failed(_)) => waits,
            },
            None => Told::Failed("it can't be read".to_owned()),
        };
        (row, told)
    }

    async fn apply(&self, bound: &BoundGate, effect: &GateEffect, now: Timestamp) -> Told {
        let gate = &bound.gate;
        let settled = match effect {
            GateEffect::Sell { store, reservation } => gate.sell(*store, *reservation, now).await,
            GateEffect::Release { store, reservation } => gate.release(*store, *reservation, now).await,
            GateEffect::Restock { store, refund, lines } => gate.restock(*store, refund, lines, now).await,
            GateEffect::Listing { store, sku, listing } => gate.set_listing(*store, *sku, *listing).await.map(|()| Settled::Done),
        };
        match settled {
            Ok(Settled::Done | Settled::Already) => Told::Done,
            Ok(refused @ (Settled::Refused | Settled::Unknown)) => Told::Failed(format!("the gate's answer is {refused:?}")),
            Err(error @ PortError::Internal { .. }) => Told::Failed(chain(&error)),
            Err(error) => Told::PutOff(error),
        }
    }

    /// A restock is rare and told here as well as by message: what stands in the queue is in the ledger when it leaves it.
    async fn record_restock(&self, effect: &GateEffect, lane: &str, now: Timestamp) -> Told {
        let GateEffect::Restock { store, refund, lines } = effect else { return Told::Done };
        let moved = |line: &RestockLine| StockMoved {
            movement_id: refund.clone(),
            store_id: *store,
            sku_id: line.sku_id,
            kind: MovementKind::Restock,
            quantity: line.quantity,
            order_no: lane.parse().ok(),
            reason: None,
            at: now,
        };
        let movements: Vec<StockMoved> = lines.iter().map(moved).collect();
        match self.ledger.record(&movements).await {
            Ok(()) => Told::Done,
            Err(error @ PortError::Internal { .. }) => Told::Failed(chain(&error)),
            Err(error) => Told::PutOff(error),
        }
    }

    /// The gate contradicts what was committed: it is counted anew from what was committed, this change among it.
    async fn note_failure(
        &self,
        bound: &BoundGate,
        store: StoreId,
        row: &GateEffectRow,
        why: &str,
        now: Timestamp,
    ) -> Result<(), InventoryError> {
        let attempts = row.attempts.saturating_add(1);
        let lasting = row.effect.is_none() || attempts >= MAX_ATTEMPTS;
        let pause = Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(row.attempts.min(16))).min(MAX_PAUSE);
        tracing::warn!(
            gate.effect = row.id, store.id = %store, lane = row.lane, attempts, given_up = lasting, why,
            "The stock gate could not take a committed change; it is counted anew."
        );
        self.effects.failed(row.id, why, (!lasting).then(|| now.plus(pause))).await?;
        Ok(bound.gate.distrust(store, why).await?)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
