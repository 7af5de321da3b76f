use std::sync::Mutex;

use sluice_events::RestockLine;
use sluice_kernel::{ManualClock, OrderNo, PortResult, Timestamp};

use super::*;
use crate::{GateAnswer, GateEffect, GateEffectRow, GateStatus, Listing, ReserveLine, Settled, Short, TakenOfLimit, Terms};

const STORE: StoreId = StoreId(1);

/// What the fakes know: a gate with reservations that wait, a ledger that takes everything, outcomes in which every odd
/// order never came, an adjustment log and an effects queue.
#[derive(Default)]
struct State {
    waiting: Mutex<BTreeSet<(StoreId, ReservationId)>>,
    released: Mutex<Vec<ReservationId>>,
    gate_is_away: bool,
    /// Stores whose gate is closed.
    closed: Vec<StoreId>,
    /// Stores whose shard of the gate is away.
    away: Vec<StoreId>,
    adjusted: Mutex<Vec<AdjustmentId>>,
    /// What the gate says of a sale.
    sold: Option<Settled>,
    distrusted: Mutex<Vec<StoreId>>,
    unfinished: Vec<Adjustment>,
    put_off: Mutex<Vec<AdjustmentId>>,
    /// What became of the adjustments, by id; pending where nothing is said.
    states: HashMap<AdjustmentId, AdjustmentState>,
    queue: Mutex<Vec<(StoreId, GateEffectRow)>>,
    given_up: Mutex<Vec<i64>>,
}

#[derive(Clone, Default)]
struct Fakes(Arc<State>);

impl std::ops::Deref for Fakes {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

#[async_trait]
impl StockGate for Fakes {
    async fn bound(&self, store: StoreId) -> PortResult<BoundGate> {
        if self.closed.contains(&store) {
            return Err(PortError::GateClosed);
        }
        if self.away.contains(&store) {
            return Err(PortError::unavailable("the gate", "no node of its shard answers"));
        }
        Ok(BoundGate { epoch: 1, gate: Arc::new(self.clone()) })
    }
    async fn distrust(&self, store: StoreId, _: &str) -> PortResult<()> {
        self.distrusted.lock().unwrap().push(store);
        Ok(())
    }
    async fn reserve(&self, _: StoreId, _: ReservationId, _: &[ReserveLine], _: &Terms, _: Timestamp) -> PortResult<GateAnswer> {
        Ok(GateAnswer::Gone)
    }
    async fn sell(&self, _: StoreId, _: ReservationId, _: Timestamp) -> PortResult<Settled> {
        Ok(self.sold.unwrap_or(Settled::Done))
    }
    async fn release(&self, store: StoreId, id: ReservationId, _: Timestamp) -> PortResult<Settled> {
        if self.closed.contains(&store) {
            return Err(PortError::GateClosed);
        }
        self.waiting.lock().unwrap().remove(&(store, id));
        self.released.lock().unwrap().push(id);
        Ok(Settled::Done)
    }
    async fn restock(&self, _: StoreId, _: &str, _: &[RestockLine], _: Timestamp) -> PortResult<Settled> {
        Ok(Settled::Refused)
    }
    async fn adjust(&self, _: StoreId, id: &AdjustmentId, _: SkuId, _: i64, _: Timestamp) -> PortResult<Result<i64, Short>> {
        self.adjusted.lock().unwrap().push(id.clone());
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
    async fn unconfirmed(&self, _: Duration, limit: u32) -> PortResult<Vec<(StoreId, ReservationId)>> {
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
        Ok(GateStatus { kind: "fake", open: true, epoch: 1, trouble: None })
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
    async fn listings(&self, _: StoreId, _: &[SkuId]) -> PortResult<HashMap<SkuId, Listing>> {
        Ok(HashMap::new())
    }
    async fn trace(&self, _: StoreId, _: SkuId, _: u32) -> PortResult<Option<StockTrace>> {
        Ok(None)
    }
}

#[async_trait]
impl AdjustmentLog for Fakes {
    async fn begin(&self, _: &Adjustment) -> PortResult<AdjustmentBegin> {
        Ok(AdjustmentBegin::Begun)
    }
    async fn state(&self, id: &AdjustmentId) -> PortResult<Option<AdjustmentState>> {
        Ok(Some(self.states.get(id).copied().unwrap_or(AdjustmentState::Pending)))
    }
    async fn complete(&self, _: &Adjustment, _: i64) -> PortResult<bool> {
        Ok(true)
    }
    async fn reject(&self, _: &Adjustment, _: i64) -> PortResult<bool> {
        Ok(true)
    }
    async fn unfinished(&self, _: Timestamp, _: Timestamp, _: u32) -> PortResult<Vec<Adjustment>> {
        Ok(self.unfinished.clone())
    }
    async fn put_off(&self, id: &AdjustmentId, _: Timestamp) -> PortResult<()> {
        self.put_off.lock().unwrap().push(id.clone());
        Ok(())
    }
}

#[async_trait]
impl GateEffects for Fakes {
    async fn stores(&self, after: Option<StoreId>, _: u32) -> PortResult<Vec<StoreId>> {
        let stores: BTreeSet<StoreId> = self.queue.lock().unwrap().iter().map(|(store, _)| *store).collect();
        Ok(stores.into_iter().filter(|store| after.is_none_or(|after| *store > after)).collect())
    }
    async fn claim(&self, store: StoreId, _: u32, _: Timestamp) -> PortResult<Vec<GateEffectRow>> {
        let queue = self.queue.lock().unwrap();
        Ok(queue.iter().filter(|(of, _)| *of == store).map(|(_, row)| row.clone()).collect())
    }
    async fn done(&self, ids: &[i64]) -> PortResult<()> {
        self.queue.lock().unwrap().retain(|(_, row)| !ids.contains(&row.id));
        Ok(())
    }
    async fn put_off(&self, _: &[i64], _: Timestamp) -> PortResult<()> {
        Ok(())
    }
    async fn failed(&self, id: i64, _: &str, until: Option<Timestamp>) -> PortResult<()> {
        if until.is_none() {
            self.given_up.lock().unwrap().push(id);
        }
        for (_, row) in self.queue.lock().unwrap().iter_mut().filter(|(_, row)| row.id == id) {
            row.attempts += 1;
        }
        self.queue.lock().unwrap().retain(|(_, row)| row.id != id || until.is_some());
        Ok(())
    }
    async fn given_up(&self) -> PortResult<u64> {
        Ok(0)
    }
    async fn forget_given_up(&self) -> PortResult<u64> {
        Ok(0)
    }
}

#[async_trait]
impl ReservationOutcomes for Fakes {
    async fn abandon(&self, held: &[(StoreId, ReservationId)], _: Timestamp) -> PortResult<Vec<(StoreId, ReservationId)>> {
        Ok(held.iter().filter(|(_, id)| id.order.id() % 2 == 1).copied().collect())
    }
}

#[async_trait]
impl RecordCheck for Fakes {
    async fn check(&self, _: Duration, _: Timestamp, _: u32) -> PortResult<Checked> {
        Ok(Checked::default())
    }
}

fn reservation(number: i64) -> ReservationId {
    ReservationId::first(OrderNo::from_id(number))
}

fn inventory(state: State, waiting: impl Iterator<Item = i64>) -> (Inventory, Arc<Fakes>) {
    let fakes = Arc::new(Fakes(Arc::new(state)));
    fakes.waiting.lock().unwrap().extend(waiting.map(|number| (STORE, reservation(number))));
    let inventory = Inventory {
        gate: fakes.clone(),
        ledger: fakes.clone(),
        adjustments: fakes.clone(),
        effects: fakes.clone(),
        outcomes: fakes.clone(),
        records: fakes.clone(),
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
    let (inventory, fakes) = inventory(State::default(), 1..=4);
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
    let (inventory, fakes) = inventory(State { gate_is_away: true, ..State::default() }, 1..=1);
    inventory.record(&[moved(1, 1, MovementKind::Reserve)]).await.unwrap();
    assert_eq!(waiting(&fakes), [reservation(1)]);
}

#[tokio::test]
async fn a_sweep_releases_what_never_came_and_says_when_more_may_wait() {
    let (inventory, fakes) = inventory(State::default(), 1..=i64::from(MAX_SWEPT) + 1);
    let half = usize::try_from(MAX_SWEPT / 2).unwrap();
    let age = Duration::from_secs(15);
    assert_eq!(inventory.sweep_reservations(age).await.unwrap(), Swept { released: half, full: true });
    assert_eq!(waiting(&fakes), [reservation(i64::from(MAX_SWEPT) + 1)]);
    assert_eq!(inventory.sweep_reservations(age).await.unwrap(), Swept { released: 1, full: false });
    assert_eq!(inventory.sweep_reservations(age).await.unwrap(), Swept::default());
    assert!(fakes.released.lock().unwrap().iter().all(|id| id.order.id() % 2 == 1));
}

fn adjustment(name: &str, store: StoreId) -> Adjustment {
    let at = Timestamp::from_millis(1);
    Adjustment { id: AdjustmentId(name.to_owned()), store, sku: SkuId(1), delta: 5, reason: "found".to_owned(), at }
}

#[tokio::test]
async fn an_adjustment_says_how_many_and_why() {
    let (inventory, fakes) = inventory(State::default(), std::iter::empty());
    let long = "x".repeat(201);
    for (delta, reason, pointer) in [
        (0, "found", "/delta"),
        (MAX_UNITS + 1, "found", "/delta"),
        (-MAX_UNITS - 1, "found", "/delta"),
        (i64::MIN, "found", "/delta"),
        (1, "", "/reason"),
        (1, " \u{200B}", "/reason"),
        (1, long.as_str(), "/reason"),
        (1, "found\u{7}", "/reason"),
    ] {
        match inventory.adjust(STORE, SkuId(1), AdjustmentId("a".to_owned()), delta, reason.to_owned()).await {
            Err(InventoryError::InvalidField(invalid)) => assert_eq!(invalid.pointer, pointer),
            other => panic!("{delta} {reason}: {other:?}"),
        }
    }
    assert!(fakes.adjusted.lock().unwrap().is_empty());
}

/// Its process froze with the adjustment in hand; another one finished it, and the gate was counted anew with it.
#[tokio::test]
async fn an_adjustment_that_was_finished_meanwhile_is_never_told_to_the_gate_again() {
    let (done, open) = (adjustment("done", STORE), adjustment("open", STORE));
    let states = HashMap::from([(done.id.clone(), AdjustmentState::Done)]);
    let state = State { unfinished: vec![done, open.clone()], states, ..State::default() };
    let (inventory, fakes) = inventory(state, std::iter::empty());
    assert_eq!(inventory.finish_adjustments(Duration::ZERO).await.unwrap(), 2);
    assert_eq!(*fakes.adjusted.lock().unwrap(), [open.id]);
}

#[tokio::test]
async fn an_adjustment_at_a_closed_gate_never_holds_up_another_stores() {
    let (stuck, free) = (adjustment("stuck", StoreId(2)), adjustment("free", STORE));
    let state = State { unfinished: vec![stuck.clone(), free.clone()], closed: vec![StoreId(2)], ..State::default() };
    let (inventory, fakes) = inventory(state, std::iter::empty());
    assert!(inventory.finish_adjustments(Duration::ZERO).await.is_err());
    assert_eq!(*fakes.adjusted.lock().unwrap(), [free.id]);
    assert_eq!(*fakes.put_off.lock().unwrap(), [stuck.id]);
}

fn sale(id: i64, store: StoreId) -> (StoreId, GateEffectRow) {
    let effect = GateEffect::Sell { store, reservation: reservation(id) };
    (store, GateEffectRow { id, lane: id.to_string(), effect: Some(effect), attempts: 0 })
}

#[tokio::test]
async fn a_closed_store_or_an_unreadable_change_never_holds_up_the_others() {
    let unreadable = GateEffectRow { id: 3, lane: "3".to_owned(), effect: None, attempts: 0 };
    let queue = vec![
        sale(1, STORE),
        sale(2, StoreId(2)),
        (StoreId(3), unreadable),
        sale(4, StoreId(3)),
        sale(5, StoreId(4)),
        sale(6, StoreId(5)),
    ];
    let state = State { queue: Mutex::new(queue), closed: vec![STORE], away: vec![StoreId(4)], ..State::default() };
    let (inventory, fakes) = inventory(state, std::iter::empty());
    assert_eq!(inventory.apply_effects(10).await.unwrap(), 2);
    let left: Vec<i64> = fakes.queue.lock().unwrap().iter().map(|(_, row)| row.id).collect();
    assert_eq!(left, [1, 5], "what waits for the closed store, and for the one that is away");
    assert_eq!(*fakes.given_up.lock().unwrap(), [3]);
    // What it told of is counted from the orders.
    assert_eq!(*fakes.distrusted.lock().unwrap(), [StoreId(3)]);
}

/// The gate lost the reservation's key: it was evicted.
#[tokio::test]
async fn a_committed_change_that_the_gate_does_not_know_is_never_dropped_in_silence() {
    for answer in [Settled::Unknown, Settled::Refused] {
        let state = State { queue: Mutex::new(vec![sale(1, STORE)]), sold: Some(answer), ..State::default() };
        let (inventory, fakes) = inventory(state, std::iter::empty());
        inventory.apply_effects(10).await.unwrap();
        assert_eq!(*fakes.distrusted.lock().unwrap(), [STORE], "the gate is counted anew");
        assert_eq!(fakes.queue.lock().unwrap().len(), 1, "and is told again");
        for _ in 0..10 {
            inventory.apply_effects(10).await.unwrap();
        }
        assert_eq!(*fakes.given_up.lock().unwrap(), [1], "not for ever");
    }
}
