//! A SKU's figures and movements.

use serde::Serialize;
use sluice_inventory::{Figures, Movement, Stock, StockTrace};
use sluice_kernel::{OrderNo, SkuId, Timestamp};
use utoipa::ToSchema;

use crate::responses::words;

/// Units of a SKU; usable + locked + sold = received.
#[derive(Serialize, ToSchema)]
pub struct FiguresAnswer {
    pub usable: i64,
    pub locked: i64,
    pub sold: i64,
    pub received: i64,
}

/// The gate's figures, and the database's, which follow within seconds.
#[derive(Serialize, ToSchema)]
pub struct StockAnswer {
    pub usable: i64,
    pub locked: i64,
    pub sold: i64,
    pub received: i64,
    pub ledger: FiguresAnswer,
}

impl From<Figures> for FiguresAnswer {
    fn from(figures: Figures) -> Self {
        let Figures { usable, locked, sold, received } = figures;
        Self { usable, locked, sold, received }
    }
}

impl From<Stock> for StockAnswer {
    fn from(stock: Stock) -> Self {
        let Figures { usable, locked, sold, received } = stock.gate;
        Self { usable, locked, sold, received, ledger: stock.ledger.into() }
    }
}

/// Every movement of a SKU, and the proof that they add up.
#[derive(Serialize, ToSchema)]
pub struct TraceAnswer {
    pub sku_id: SkuId,
    pub movements: Vec<MovementAnswer>,
    /// Recomputed from all movements alone.
    pub computed: FiguresAnswer,
    /// As the stock row says.
    pub ledger: FiguresAnswer,
    /// The two are equal and hold.
    pub adds_up: bool,
    /// True where the list was cut; the sums cover all movements.
    pub truncated: bool,
}

#[derive(Serialize, ToSchema)]
pub struct MovementAnswer {
    /// Reservation, refund or adjustment.
    pub movement_id: String,
    /// `ce_id` of the event that announced it.
    pub event_id: String,
    pub kind: words::MovementKind,
    /// Negative only where units were written off.
    pub quantity: i64,
    #[schema(required)]
    pub order_no: Option<OrderNo>,
    #[schema(required)]
    pub reason: Option<String>,
    pub at: Timestamp,
    /// False while it waits for its predecessor.
    pub applied: bool,
}

impl TraceAnswer {
    pub fn new(sku_id: SkuId, trace: StockTrace) -> Self {
        let movement = |movement: Movement| MovementAnswer {
            event_id: format!("{}/{}/{}", movement.movement_id, movement.kind.as_str(), movement.sku),
            movement_id: movement.movement_id,
            kind: movement.kind.into(),
            quantity: movement.quantity,
            order_no: movement.order_no,
            reason: movement.reason,
            at: movement.at,
            applied: movement.applied,
        };
        Self {
            sku_id,
            movements: trace.movements.into_iter().map(movement).collect(),
            computed: trace.computed.into(),
            ledger: trace.ledger.into(),
            adds_up: trace.adds_up,
            truncated: trace.truncated,
        }
    }
}
