//! The stock gate's suite: one call after the other. Every case ends with figures that hold (promise P1).
//!
//! A case panics where the gate breaks the contract of [`StockGate`].

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::RestockLine;
use sluice_kernel::{OrderNo, ReservationId, SkuId, StoreId, Timestamp};

use crate::{AdjustmentId, Figures, GateAnswer, Listing, ReserveLine, Settled, Short, StockGate, Terms};

/// An open gate, and a way to make SKUs known to it.
#[async_trait]
pub trait GateFixture: Send + Sync {
    fn gate(&self) -> Arc<dyn StockGate>;
    /// Makes the SKU known with this listing and `units` received, all of them usable.
    async fn put_sku(&self, store: StoreId, sku: SkuId, units: i64, listing: Listing);
    /// The gate's present instant, where it decides by a clock of its own; `None` where it decides at the caller's instant.
    fn clock_of_gate(&self) -> Option<Timestamp> {
        None
    }
}

pub(super) const STORE: StoreId = StoreId(1);
const OTHER_STORE: StoreId = StoreId(2);
pub(super) const LISTED: Listing = Listing { buyable: true, revision: 1 };
/// Of an order that belongs to no activity.
pub(super) const PLAIN: Terms = Terms { window: None, limit: None };

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(1_795_305_600_000)
}

pub(super) fn order(number: i64) -> ReservationId {
    ReservationId::first(OrderNo::from_id(4_000_000_000_000 + number))
}

pub(super) fn line(sku: SkuId, quantity: i64) -> ReserveLine {
    ReserveLine { sku, quantity, revision: Some(LISTED.revision) }
}

/// The figures of a SKU, which must hold.
pub(super) async fn figures(gate: &dyn StockGate, sku: SkuId) -> Figures {
    let known = gate.figures(STORE, &[sku]).await.unwrap();
    let figures = *known.get(&sku).unwrap_or_else(|| panic_unknown(sku));
    assert!(figures.hold(), "P1 is broken: {figures:?}");
    figures
}

#[expect(clippy::panic, reason = "a suite fails by panicking")]
fn panic_unknown(sku: SkuId) -> &'static Figures {
    panic!("the gate does not know SKU {sku}")
}

pub(super) fn parts(usable: i64, locked: i64, sold: i64) -> Figures {
    Figures { usable, locked, sold, received: usable + locked + sold }
}

pub(super) fn is_reserved(answer: &GateAnswer) -> bool {
    matches!(answer, GateAnswer::Reserved { .. })
}

async fn reserve(gate: &dyn StockGate, id: ReservationId, lines: &[ReserveLine]) -> GateAnswer {
    gate.reserve(STORE, id, lines, &PLAIN, now()).await.unwrap()
}

/// A reservation that fails on one line takes nothing of the others; one that succeeds takes every line.
pub async fn all_lines_or_none(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (plenty, few) = (SkuId(90_101), SkuId(90_102));
    fixture.put_sku(STORE, plenty, 10, LISTED).await;
    fixture.put_sku(STORE, few, 2, LISTED).await;

    let refused = reserve(&*gate, order(101), &[line(plenty, 4), line(few, 3)]).await;
    assert_eq!(refused, GateAnswer::Short(vec![Short { sku: few, usable: 2 }]));
    assert_eq!(figures(&*gate, plenty).await, parts(10, 0, 0));
    assert_eq!(figures(&*gate, few).await, parts(2, 0, 0));

    let epoch = gate.status().await.unwrap().epoch;
    let held = reserve(&*gate, order(102), &[line(plenty, 4), line(few, 2)]).await;
    assert_eq!(held, GateAnswer::Reserved { epoch });
    assert_eq!(figures(&*gate, plenty).await, parts(6, 4, 0));
    assert_eq!(figures(&*gate, few).await, parts(0, 2, 0));
    // A refusal leaves no trace: the refused order may ask again for less.
    assert!(is_reserved(&reserve(&*gate, order(101), &[line(plenty, 6)]).await));
    assert_eq!(figures(&*gate, plenty).await, parts(0, 10, 0));
}

/// `Short` names each short SKU with what is usable, and no other SKU.
pub async fn short_names_every_short_sku(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let skus = [SkuId(90_201), SkuId(90_202), SkuId(90_203), SkuId(90_204)];
    for (sku, units) in skus.into_iter().zip([0, 5, 3, 7]) {
        fixture.put_sku(STORE, sku, units, LISTED).await;
    }
    let answer = reserve(&*gate, order(201), &[line(skus[0], 1), line(skus[1], 5), line(skus[2], 4), line(skus[3], 8)]).await;
    let GateAnswer::Short(mut short) = answer else { return assert_eq!(answer, GateAnswer::Short(Vec::new())) };
    short.sort_by_key(|short| short.sku);
    let expected = [(skus[0], 0), (skus[2], 3), (skus[3], 7)].map(|(sku, usable)| Short { sku, usable });
    assert_eq!(short, expected);
    for (sku, units) in skus.into_iter().zip([0, 5, 3, 7]) {
        assert_eq!(figures(&*gate, sku).await, parts(units, 0, 0));
    }
}

/// One id holds once, however often it is asked; another attempt of the same order is another reservation.
pub async fn reserve_is_idempotent(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(90_301);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let first = reserve(&*gate, order(301), &[line(sku, 3)]).await;
    assert!(is_reserved(&first));
    assert_eq!(reserve(&*gate, order(301), &[line(sku, 3)]).await, first);
    assert_eq!(figures(&*gate, sku).await, parts(7, 3, 0));
    let second = ReservationId { attempt: 2, ..order(301) };
    assert!(is_reserved(&reserve(&*gate, second, &[line(sku, 3)]).await));
    assert_eq!(figures(&*gate, sku).await, parts(4, 6, 0));
    // Held stays held when nothing is left, and when the SKU left the shelf.
    assert!(is_reserved(&reserve(&*gate, order(302), &[line(sku, 4)]).await));
    gate.set_listing(STORE, sku, Listing { buyable: false, revision: 2 }).await.unwrap();
    assert_eq!(reserve(&*gate, order(301), &[line(sku, 3)]).await, first);
    assert_eq!(figures(&*gate, sku).await, parts(0, 10, 0));
}

/// Sold once; a release afterwards is refused; nobody sells what was never held.
pub async fn sell_is_final(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (one, two) = (SkuId(90_401), SkuId(90_402));
    fixture.put_sku(STORE, one, 10, LISTED).await;
    fixture.put_sku(STORE, two, 10, LISTED).await;
    assert!(is_reserved(&reserve(&*gate, order(401), &[line(one, 3), line(two, 1)]).await));
    assert_eq!(gate.sell(STORE, order(401), now()).await.unwrap(), Settled::Done);
    assert_eq!(gate.sell(STORE, order(401), now()).await.unwrap(), Settled::Already);
    assert_eq!(gate.release(STORE, order(401), now()).await.unwrap(), Settled::Refused);
    assert_eq!(reserve(&*gate, order(401), &[line(one, 3)]).await, GateAnswer::Gone);
    assert_eq!(figures(&*gate, one).await, parts(7, 0, 3));
    assert_eq!(figures(&*gate, two).await, parts(9, 0, 1));
    assert_eq!(gate.sell(STORE, order(402), now()).await.unwrap(), Settled::Unknown);
    // An unknown sell leaves no tombstone.
    assert!(is_reserved(&reserve(&*gate, order(402), &[line(one, 1)]).await));
    assert_eq!(figures(&*gate, one).await, parts(6, 1, 3));
}

/// Units come back exactly once; afterwards neither sell nor reserve; a release ahead of its reserve blocks it.
pub async fn release_is_final(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(90_501);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    assert!(is_reserved(&reserve(&*gate, order(501), &[line(sku, 3)]).await));
    assert_eq!(gate.release(STORE, order(501), now()).await.unwrap(), Settled::Done);
    assert_eq!(gate.release(STORE, order(501), now()).await.unwrap(), Settled::Already);
    assert_eq!(gate.sell(STORE, order(501), now()).await.unwrap(), Settled::Refused);
    assert_eq!(reserve(&*gate, order(501), &[line(sku, 3)]).await, GateAnswer::Gone);
    assert_eq!(figures(&*gate, sku).await, parts(10, 0, 0));

    // A release ahead of its reserve takes effect, and is told apart from one that returned units.
    for _ in 0..2 {
        assert_eq!(gate.release(STORE, order(502), now()).await.unwrap(), Settled::Unknown);
        assert_eq!(reserve(&*gate, order(502), &[line(sku, 3)]).await, GateAnswer::Gone);
    }
    assert_eq!(gate.sell(STORE, order(502), now()).await.unwrap(), Settled::Unknown);
    assert_eq!(figures(&*gate, sku).await, parts(10, 0, 0));
}

/// Named by the refund: a repeat counts once, a second partial refund of the same order counts again.
pub async fn restocks_count_once_per_refund(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (one, two) = (SkuId(90_601), SkuId(90_602));
    fixture.put_sku(STORE, one, 10, LISTED).await;
    fixture.put_sku(STORE, two, 10, LISTED).await;
    assert!(is_reserved(&reserve(&*gate, order(601), &[line(one, 5), line(two, 2)]).await));
    assert_eq!(gate.sell(STORE, order(601), now()).await.unwrap(), Settled::Done);

    let both = [RestockLine { sku_id: one, quantity: 2 }, RestockLine { sku_id: two, quantity: 1 }];
    assert_eq!(gate.restock(STORE, "refund-601-a", &both, now()).await.unwrap(), Settled::Done);
    assert_eq!(gate.restock(STORE, "refund-601-a", &both, now()).await.unwrap(), Settled::Already);
    assert_eq!(figures(&*gate, one).await, parts(7, 0, 3));
    assert_eq!(figures(&*gate, two).await, parts(9, 0, 1));
    let again = [RestockLine { sku_id: one, quantity: 2 }];
    assert_eq!(gate.restock(STORE, "refund-601-b", &again, now()).await.unwrap(), Settled::Done);
    assert_eq!(figures(&*gate, one).await, parts(9, 0, 1));
    assert_eq!(figures(&*gate, two).await, parts(9, 0, 1));
}

/// Usable and received change once per adjustment, and never below zero.
pub async fn adjustments_count_once(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(90_701);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let epoch = gate.status().await.unwrap().epoch;
    let id = |name: &str| AdjustmentId(format!("adjust-701-{name}"));
    assert!(is_reserved(&reserve(&*gate, order(701), &[line(sku, 4)]).await));

    for _ in 0..2 {
        assert_eq!(gate.adjust(STORE, &id("more"), sku, 5, now()).await.unwrap(), Ok(epoch));
        assert_eq!(figures(&*gate, sku).await, parts(11, 4, 0));
    }
    // Locked units can't be written off.
    assert_eq!(gate.adjust(STORE, &id("less"), sku, -12, now()).await.unwrap(), Err(Short { sku, usable: 11 }));
    // A call that is bound to the present epoch is one of it.
    let bound = gate.bound(STORE).await.unwrap();
    assert_eq!(bound.epoch, epoch);
    assert_eq!(bound.gate.adjust(STORE, &id("more"), sku, 5, now()).await.unwrap(), Ok(epoch));
    assert_eq!(figures(&*gate, sku).await, parts(11, 4, 0));
    for _ in 0..2 {
        assert_eq!(gate.adjust(STORE, &id("all"), sku, -11, now()).await.unwrap(), Ok(epoch));
        assert_eq!(figures(&*gate, sku).await, parts(0, 4, 0));
    }
}

/// Unlisted and unknown SKUs are off the shelf; another revision is outdated; an older listing changes nothing.
pub async fn listing_and_revision_decide(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (listed, unlisted, unknown) = (SkuId(90_801), SkuId(90_802), SkuId(90_803));
    fixture.put_sku(STORE, listed, 10, Listing { buyable: true, revision: 5 }).await;
    fixture.put_sku(STORE, unlisted, 10, Listing { buyable: false, revision: 5 }).await;
    let at = |sku, revision| ReserveLine { sku, quantity: 1, revision };

    let answer = reserve(&*gate, order(801), &[at(listed, Some(5)), at(unlisted, Some(5)), at(unknown, None)]).await;
    let GateAnswer::OffShelf(mut off) = answer else { return assert_eq!(answer, GateAnswer::OffShelf(Vec::new())) };
    off.sort();
    assert_eq!(off, [unlisted, unknown]);
    for (number, priced_at) in [(802, 4), (803, 6)] {
        let answer = reserve(&*gate, order(number), &[at(listed, Some(priced_at))]).await;
        assert_eq!(answer, GateAnswer::Outdated(vec![listed]));
    }
    assert_eq!(figures(&*gate, listed).await, parts(10, 0, 0));
    assert!(is_reserved(&reserve(&*gate, order(804), &[at(listed, None)]).await));

    gate.set_listing(STORE, listed, Listing { buyable: false, revision: 4 }).await.unwrap();
    assert!(is_reserved(&reserve(&*gate, order(805), &[at(listed, Some(5))]).await));
    gate.set_listing(STORE, listed, Listing { buyable: true, revision: 6 }).await.unwrap();
    assert_eq!(reserve(&*gate, order(806), &[at(listed, Some(5))]).await, GateAnswer::Outdated(vec![listed]));
    assert!(is_reserved(&reserve(&*gate, order(806), &[at(listed, Some(6))]).await));
    gate.set_listing(STORE, listed, Listing { buyable: false, revision: 7 }).await.unwrap();
    assert_eq!(reserve(&*gate, order(807), &[at(listed, Some(7))]).await, GateAnswer::OffShelf(vec![listed]));
    // Late money does not ask: its order was placed while the SKU was listed.
    assert!(is_reserved(&reserve(&*gate, order(807), &[at(listed, None)]).await));
    assert_eq!(figures(&*gate, listed).await, parts(6, 4, 0));
}

/// Off shelf goes before outdated, outdated before short, over all lines.
pub async fn precedence_of_refusals(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (off, outdated, short) = (SkuId(90_901), SkuId(90_902), SkuId(90_903));
    fixture.put_sku(STORE, off, 0, Listing { buyable: false, revision: 1 }).await;
    fixture.put_sku(STORE, outdated, 10, Listing { buyable: true, revision: 9 }).await;
    fixture.put_sku(STORE, short, 1, LISTED).await;
    let lines = [line(short, 2), line(outdated, 1), line(off, 1)];
    assert_eq!(reserve(&*gate, order(901), &lines).await, GateAnswer::OffShelf(vec![off]));
    assert_eq!(reserve(&*gate, order(901), &lines[..2]).await, GateAnswer::Outdated(vec![outdated]));
    assert_eq!(reserve(&*gate, order(901), &lines[..1]).await, GateAnswer::Short(vec![Short { sku: short, usable: 1 }]));
    // An id that was settled is answered before anything is asked of the lines.
    gate.release(STORE, order(902), now()).await.unwrap();
    assert_eq!(reserve(&*gate, order(902), &lines).await, GateAnswer::Gone);
    for (sku, units) in [(off, 0), (outdated, 10), (short, 1)] {
        assert_eq!(figures(&*gate, sku).await, parts(units, 0, 0));
    }
}

/// One store neither sees nor takes another store's SKUs, nor settles its reservations.
pub async fn stores_are_apart(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let (mine, theirs) = (SkuId(91_001), SkuId(91_002));
    fixture.put_sku(STORE, mine, 10, LISTED).await;
    fixture.put_sku(OTHER_STORE, theirs, 10, LISTED).await;
    assert_eq!(reserve(&*gate, order(1_001), &[line(theirs, 1)]).await, GateAnswer::OffShelf(vec![theirs]));
    let seen = gate.figures(STORE, &[mine, theirs]).await.unwrap();
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), [mine]);

    assert!(is_reserved(&reserve(&*gate, order(1_002), &[line(mine, 4)]).await));
    assert_eq!(gate.sell(OTHER_STORE, order(1_002), now()).await.unwrap(), Settled::Unknown);
    assert_eq!(figures(&*gate, mine).await, parts(6, 4, 0));
    assert_eq!(gate.figures(OTHER_STORE, &[theirs]).await.unwrap()[&theirs], parts(10, 0, 0));
}
