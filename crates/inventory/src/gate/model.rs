//! What the stock gate is asked, and what it answers.

use serde::{Deserialize, Serialize};
use sluice_events::{MovementKind, RestockLine};
use sluice_kernel::{ReservationId, SkuId, StoreId, Timestamp, UserId};

/// The figures of one SKU, in units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    pub usable: i64,
    pub locked: i64,
    pub sold: i64,
    /// Sum of all receipts and adjustments.
    pub received: i64,
}

impl Figures {
    /// P1: none negative, and the three add up to what was received.
    pub fn hold(&self) -> bool {
        self.usable >= 0 && self.locked >= 0 && self.sold >= 0 && self.usable + self.locked + self.sold == self.received
    }

    /// The figures after a movement; the caller checks [`Figures::hold`].
    #[must_use]
    pub fn after(self, kind: MovementKind, units: i64) -> Self {
        match kind {
            MovementKind::Reserve => Self { usable: self.usable - units, locked: self.locked + units, ..self },
            MovementKind::Sell => Self { locked: self.locked - units, sold: self.sold + units, ..self },
            MovementKind::Release => Self { locked: self.locked - units, usable: self.usable + units, ..self },
            MovementKind::Restock => Self { sold: self.sold - units, usable: self.usable + units, ..self },
            MovementKind::Adjust => Self { usable: self.usable + units, received: self.received + units, ..self },
        }
    }
}

/// What the gate knows of the catalog: whether the SKU may be sold, and which revision of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub buyable: bool,
    pub revision: i64,
}

/// One SKU of a reservation; a SKU stands in at most one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveLine {
    pub sku: SkuId,
    pub quantity: i64,
    /// The revision the order was priced at; `None` (late money) asks neither for it nor whether the SKU is listed.
    pub revision: Option<i64>,
}

/// What a reservation must satisfy beside its lines: terms of an activity (docs/domain.md S1 rules 1 and 4). An order that belongs
/// to no activity has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub window: Option<SaleWindow>,
    pub limit: Option<UserLimit>,
}

/// Both ends included, at the instant of the gate's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleWindow {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl SaleWindow {
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until
    }
}

/// What a user may take of one SKU, and what this reservation takes of it. Taken with the stock in one step and given
/// back by a release; counted also where nothing bounds it, so that a limit that is set later knows what went before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLimit {
    pub sku: SkuId,
    pub user: UserId,
    /// Units this reservation takes: those of the SKU's line.
    pub units: i64,
    pub most_orders: Option<i64>,
    pub most_units: Option<i64>,
}

/// A SKU that has too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    pub sku: SkuId,
    pub usable: i64,
}

/// The gate's decision over all lines of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateAnswer {
    /// Held, now or by an earlier call with this id. `epoch` must still stand when the order commits.
    Reserved { epoch: i64 },
    /// Not listed, or unknown at the gate.
    OffShelf(Vec<SkuId>),
    /// Priced at a revision that is no longer the present one: read the catalog again.
    Outdated(Vec<SkuId>),
    /// The gate decided outside the window of sale; nothing was taken.
    OutsideWindow,
    /// The user's limit leaves no room for this; nothing was taken.
    LimitReached,
    /// Too little of these; nothing was taken.
    Short(Vec<Short>),
    /// This reservation was released or sold already (its tombstone stands); nothing was taken.
    Gone,
}

/// What a sell or release found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It took effect now.
    Done,
    /// It had taken effect before.
    Already,
    /// The reservation went the other way before (sold instead of released, or the reverse): nothing was changed.
    Refused,
    /// The gate does not know the reservation; no units were moved. A release has left its tombstone.
    Unknown,
}

/// What the gate must still be told of a committed change; kept in the database until the gate has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum GateEffect {
    Sell { store: StoreId, reservation: ReservationId },
    Release { store: StoreId, reservation: ReservationId },
    Restock { store: StoreId, refund: String, lines: Vec<RestockLine> },
    Listing { store: StoreId, sku: SkuId, listing: Listing },
}

impl GateEffect {
    pub fn store(&self) -> StoreId {
        match self {
            Self::Sell { store, .. } | Self::Release { store, .. } | Self::Restock { store, .. } | Self::Listing { store, .. } => {
                *store
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateStatus {
    /// `database` or `redis`.
    pub kind: &'static str,
    pub open: bool,
    pub epoch: i64,
    /// What speaks against a gate outside the database, in plain words: it evicts, is full, read-only, or is counted anew.
    pub trouble: Option<String>,
}
