use std::sync::Mutex;

use sluice_events::RestockLine;
use sluice_kernel::{ManualClock, OrderNo, PortResult, Timestamp};

use super::*;
use crate::{GateAnswer, GateEffectRow, Listing, ReserveLine, Short, TakenOfLimit, Terms};

const STORE: StoreId = StoreId(1);

/// A gate with reservations that wait, a ledger that takes everything, and outcomes in which every odd order never came.
#[derive(Default)]
struct Fakes {
    waiting: Mutex<BTreeSet<(StoreId, ReservationId)>>,
    released: Mutex<Vec<ReservationId>>,
    gate_is_away: bool,
}

#[async_trait]
impl StockGate for Fakes {
    async fn reserve(&self, _: StoreId, _: ReservationId, _: &[ReserveLine], _: &Terms, _: Timestamp) -> PortResult<GateAnswer> {
        Ok(GateAnswer::Gone)
    }
    async fn sell(&self, _: StoreId, _: ReservationId, _: Timestamp) -> PortResult<Settled> {
        Ok(Settled::Refused)
    }
    async fn release(&self, store: StoreId, id: ReservationId, _: Timestamp) -> PortResult<Settled> {
        self.waiting.lock().unwrap().remove(&(store, id));
        self.released.lock().unwrap().push(id);
        Ok(Settled::Done)
    }
    async fn restock(&self, _: StoreId, _: &str, _: &[RestockLine], _: Timestamp) -> PortResult<Settled> {
        Ok(Settled::Refused)
    }
    async fn adjust(&self, _: StoreId, _: &AdjustmentId, _: SkuId, _: i64, _: Timestamp) -> PortResult<Result<i64, Short>> {
        Ok(Ok(1))
    }
    async fn set_listing(&self, _: StoreId, _: SkuId, _: Listing) -> PortResult<()> {
        Ok(())
    }
    async fn figures(&self, _: StoreId, _: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>> {
        Ok(HashMap::new())
    }
    async fn taken(&self, _: StoreId) -> PortResult<Vec<TakenOfLimit>> {
        Ok(Vec::new())
    }
    async fn unconfirmed(&self, _: Timestamp, limit: u32) -> PortResult<Vec<(StoreId, ReservationId)>> {
        let limit = usize::try_from(limit).unwrap();
        Ok(self.waiting.lock().unwrap().iter().take(limit).copied().collect())
    }
    async fn confirm(&self, reservations: &[(StoreId, ReservationId)]) -> PortResult<()> {
        if self.gate_is_away {
            return Err(PortError::GateClosed);
        }
        self.waiting.lock().unwrap().retain(|held| !reservations.contains(held));
        Ok(())
    }
    async fn status(&self) -> PortResult<GateStatus> {
        Ok(GateStatus { kind: "fake", open: true, epoch: 1 })
    }
}

#[async_trait]
impl Ledger for Fakes {
    fn follows_messages(&self) -> bool {
        true
    }
    async fn record(&self, _: &[StockMoved]) -> PortResult<()> {
        Ok(())
    }
    async fn figures(&self, _: StoreId, _: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>> {
        Ok(HashMap::new())
    }
    async fn trace(&self, _: StoreId, _: SkuId, _: u32) -> PortResult<Option<StockTrace>> {
        Ok(None)
    }
}

#[async_trait]
impl AdjustmentLog for Fakes {
    async fn begin(&self, _: &Adjustment) -> PortResult<bool> {
        Ok(true)
    }
    async fn complete(&self, _: &Adjustment, _: i64) -> PortResult<bool> {
        Ok(true)
    }
    async fn reject(&self, _: &AdjustmentId) -> PortResult<()> {
        Ok(())
    }
    async fn unfinished(&self, _: Timestamp, _: u32) -> PortResult<Vec<Adjustment>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl GateEffects for Fakes {
    async fn pending(&self, _: u32) -> PortResult<Vec<GateEffectRow>> {
        Ok(Vec::new())
    }
    async fn done(&self, _: &[i64]) -> PortResult<()> {
        Ok(())
    }
}

#[async_trait]
impl ReservationOutcomes for Fakes {
    async fn abandon(&self, held: &[(StoreId, ReservationId)], _: Timestamp) -> PortResult<Vec<(StoreId, ReservationId)>> {
        Ok(held.iter().filter(|(_, id)| id.order.id() % 2 == 1).copied().collect())
    }
}

fn reservation(number: i64) -> ReservationId {
    ReservationId::first(OrderNo::from_id(number))
}

fn inventory(fakes: Fakes, waiting: impl Iterator<Item = i64>) -> (Inventory, Arc<Fakes>) {
    let fakes = Arc::new(fakes);
    fakes.waiting.lock().unwrap().extend(waiting.map(|number| (STORE, reservation(number))));
    let inventory = Inventory {
        gate: fakes.clone(),
        ledger: fakes.clone(),
        adjustments: fakes.clone(),
        effects: fakes.clone(),
        outcomes: fakes.clone(),
        clock: Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000))),
    };
    (inventory, fakes)
}

fn moved(number: i64, sku: i64, kind: MovementKind) -> StockMoved {
    StockMoved {
        movement_id: reservation(number).to_string(),
        store_id: STORE,
        sku_id: SkuId(sku),
        kind,
        quantity: 1,
        order_no: Some(OrderNo::from_id(number)),
        reason: None,
        at: Timestamp::from_millis(1),
    }
}

fn waiting(fakes: &Fakes) -> Vec<ReservationId> {
    fakes.waiting.lock().unwrap().iter().map(|(_, id)| *id).collect()
}

#[tokio::test]
async fn a_reservation_that_stock_sync_tells_of_waits_for_no_sweeper() {
    let (inventory, fakes) = inventory(Fakes::default(), 1..=4);
    let movements = [
        moved(1, 1, MovementKind::Reserve),
        moved(1, 2, MovementKind::Reserve),
        moved(2, 1, MovementKind::Reserve),
        // Says nothing of its reserve, which another batch brings.
        moved(3, 1, MovementKind::Release),
        StockMoved { movement_id: "adjustment-7".to_owned(), order_no: None, ..moved(4, 1, MovementKind::Adjust) },
    ];
    inventory.record(&movements).await.unwrap();
    assert_eq!(waiting(&fakes), [reservation(3), reservation(4)]);
}

#[tokio::test]
async fn a_gate_that_cannot_hear_holds_up_no_movement() {
    let (inventory, fakes) = inventory(Fakes { gate_is_away: true, ..Fakes::default() }, 1..=1);
    inventory.record(&[moved(1, 1, MovementKind::Reserve)]).await.unwrap();
    assert_eq!(waiting(&fakes), [reservation(1)]);
}

#[tokio::test]
async fn a_sweep_releases_what_never_came_and_says_when_more_may_wait() {
    let (inventory, fakes) = inventory(Fakes::default(), 1..=i64::from(MOST_SWEPT) + 1);
    let half = usize::try_from(MOST_SWEPT / 2).unwrap();
    let age = Duration::from_secs(15);
    assert_eq!(inventory.sweep_reservations(age).await.unwrap(), Swept { released: half, full: true });
    assert_eq!(waiting(&fakes), [reservation(i64::from(MOST_SWEPT) + 1)]);
    assert_eq!(inventory.sweep_reservations(age).await.unwrap(), Swept { released: 1, full: false });
    assert_eq!(inventory.sweep_reservations(age).await.unwrap(), Swept::default());
    assert!(fakes.released.lock().unwrap().iter().all(|id| id.order.id() % 2 == 1));
}
