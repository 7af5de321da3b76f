//! The order context: placing orders, their state machine, auto-cancel and what becomes of late money.
//!
//! Contract: spec.md, S2 rules 1–9 and S1 rules 1–9. Stock first: an order that was acknowledged is on disk and holds its units.
//! Every change of state is a compare-and-set; the first of two racing changes wins and the other one learns of it.

mod error;
#[cfg(test)]
mod fakes;
mod fresh_looks;
mod lifecycle;
mod model;
mod orders;
mod placement;
mod ports;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{MissingField, OrderError, ShortLine};
pub use model::{
    ActivityPart, ActivityWindow, Attribution, CancelReason, ChildOrder, IdempotencyKey, ItemLine, NewOrder, Order, OrderDetail,
    OrderInput, OrderItem, OrderKind, OrderQuery, OrderState, OrderStatus, PayType, PlaceActivityOrder, PlaceCartOrder, Placed,
    Recipient, RefundAsk, RefundAsked, RefundRecord, RefundState, Refused, Replay, RequestedLine, RestockChoice,
};
pub use orders::{OrderPorts, OrderTimings, Orders};
pub use placement::{Unpaid, UnpaidLimits};
pub use ports::{
    ActivityDesk, ActivityField, ActivityLook, Applied, CartReader, Catalog, CodeVerdict, CodeVerifier, CommitOutcome, OfferCard,
    OrderRepository, OrderWriter, PaymentDesk, PointsDesk, PointsRefund, Prepared, RefundCommand, RequiredField, ReserveAnswer,
    ReserveTerms, RestockWish, Settlements, ShelfCard, StockRefusal, StockReserver, StockStep, StoreRules, Transition,
    WaitingSettlement,
};
pub use service::OrderService;
