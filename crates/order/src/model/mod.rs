//! Values of the context: orders, their states, and what is asked of them.

mod activity;
mod commands;
mod idempotency;
mod order;
mod state;

pub use activity::{ActivityPart, ActivityWindow, PayType};
pub use commands::{
    OrderDetail, OrderInput, PlaceActivityOrder, PlaceCartOrder, Placed, RefundAsk, RefundAsked, RequestedLine, RestockChoice,
};
pub use idempotency::{IdempotencyKey, Replay};
pub use order::{
    Attribution, ChildOrder, ItemLine, NewOrder, Order, OrderItem, OrderKind, OrderQuery, Recipient, RefundRecord, RefundState,
};
pub use state::{CancelReason, OrderState, OrderStatus, Refused};
