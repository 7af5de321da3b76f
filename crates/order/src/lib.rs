//! The order context: placing orders, their state machine, auto-cancel and what becomes of late money.
//!
//! Contract: docs/domain.md, S2 rules 1–9 and S1 rules 1–9. Stock first: an order that was acknowledged is on disk and holds its units.
//! Every change of state is a compare-and-set; the first of two racing changes wins and the other one learns of it.

mod error;
#[cfg(test)]
mod fakes;
mod lifecycle;
mod model;
mod orders;
mod placement;
mod ports;
mod service;
#[cfg(feature = "testing")]
pub mod testing;
mod tickets;

pub use error::{MissingField, OrderError, ShortLine};
pub use model::{
    ActivityPart, CancelReason, CartRequest, ChildOrder, Expected, IdempotencyKey, ItemLine, NewOrder, Order, OrderDetail,
    OrderInput, OrderItem, OrderPreview, OrderQuery, OrderSearch, OrderState, OrderStatus, OrderTerms, PlaceActivityOrder,
    PlaceCartOrder, Placed, Recipient, RefundOutcome, RefundRecord, RefundRequest, Refused, Replay, RequestedLine, RestockChoice,
};
pub use orders::{OrderPorts, OrderTimings, Orders};
pub use placement::{DeliveryPart, Priced, Unpaid, UnpaidLimits};
pub use ports::{
    Activities, Applied, CartReader, Catalog, CodeVerdict, CodeVerifier, CommitOutcome, FollowTickets, KeptTicket, MAX_LOOKED_AT,
    OfferCard, OfferLookup, OrderRepository, OrderWriter, PaymentRefund, Payments, PointsAccount, PointsRefund, ReserveAnswer,
    ReserveTerms, RestockRequest, Settlements, ShelfCard, StockRefusal, StockReserver, StockStep, StoreRules, Transition,
    WaitingSettlement,
};
pub use service::OrderService;
pub use sluice_kernel::{Attribution, OrderKind, PayType, RefundState};
pub use tickets::FollowTicket;
