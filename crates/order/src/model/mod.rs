//! Values of the context: orders, their states, and what is asked of them.

mod activity;
mod commands;
mod idempotency;
mod item;
mod order;
mod refund;
mod state;
mod terms;

pub use activity::ActivityPart;
pub use commands::{
    CartRequest, Expected, OrderDetail, OrderInput, OrderPreview, PlaceActivityOrder, PlaceCartOrder, Placed, RefundOutcome,
    RefundRequest, RequestedLine, RestockChoice,
};
pub use idempotency::{IdempotencyKey, Replay};
pub use item::{ItemLine, OrderItem};
pub use order::{NewOrder, Order, OrderQuery, OrderSearch};
pub use refund::RefundRecord;
pub use state::{CancelReason, OrderState, OrderStatus, Refused};
pub use terms::{ChildOrder, OrderTerms, Recipient};
