//! The order context: placing orders, their state machine, auto-cancel and what becomes of late money.
//!
//! Contract: spec.md, S2 rules 1–9 and S1 rules 1–9. Stock first: an order that was acknowledged is on disk and holds its units.
//! Every change of state is a compare-and-set; the first of two racing changes wins and the other one learns of it.

mod activity;
mod activity_placement;
#[cfg(test)]
mod activity_placement_tests;
mod activity_rules;
#[cfg(test)]
mod activity_rules_tests;
mod error;
#[cfg(test)]
mod fakes;
mod fresh_looks;
mod late_money;
mod lifecycle;
mod model;
#[cfg(test)]
mod money_tests;
mod placed;
mod placement;
mod points;
#[cfg(test)]
mod points_tests;
mod ports;
mod refunds;
mod rules;
#[cfg(test)]
mod rules_tests;
mod running;
mod service;
mod state;
#[cfg(feature = "testing")]
pub mod testing;
mod unpaid;
#[cfg(test)]
mod unpaid_tests;
mod waiting;

pub use activity::{
    ActivityDesk, ActivityField, ActivityLook, ActivityPart, ActivityWindow, OfferCard, PayType, PlaceActivityOrder, PointsDesk,
    PointsRefund, StoreRules,
};
pub use error::{MissingField, OrderError, ShortLine};
pub use model::{
    Attribution, ChildOrder, ItemLine, NewOrder, Order, OrderItem, OrderKind, OrderQuery, Recipient, RefundRecord, RefundState,
};
pub use placed::{IdempotencyKey, Placed};
pub use placement::{OrderInput, PlaceCartOrder, RequestedLine};
pub use ports::{
    Applied, CartReader, Catalog, CodeVerdict, CodeVerifier, CommitAnswer, OrderRepository, OrderWriter, PaymentDesk, Prepared,
    RefundCommand, Replay, RequiredField, ReserveAnswer, ReserveTerms, RestockWish, Settlements, ShelfCard, StockRefusal,
    StockReserver, StockStep, Transition, WaitingSettlement,
};
pub use service::{OrderDetail, OrderPorts, OrderService, OrderTimings, Orders, RefundAsk, RefundAsked, RestockChoice};
pub use state::{CancelReason, OrderState, OrderStatus, Refused};
pub use unpaid::{Unpaid, UnpaidLimits};
