//! The words every context shares: typed ids, money, points, quantities, time, pages, error kinds, and the checks
//! of single values.
//!
//! Contract: values only. Nothing here reads a clock, a random source, a file or a socket by itself;
//! [`Clock`] and [`IdGenerator`] are handed in by the composition root.

mod error;
mod idgen;
mod ids;
pub mod json;
mod money;
mod order_no;
mod page;
#[cfg(feature = "schema")]
mod schema;
pub mod text;
pub mod time;
mod trace;
mod vocabulary;

pub use error::{Classified, ErrorKind, PortError, PortResult};
pub use idgen::{IdError, IdGenerator, NodeIds, SequenceIds, least_id_of};
pub use ids::{ActivityId, CampaignId, PaymentId, ProductId, RefundId, ReservationId, SkuId, StoreId, UserId};
pub use money::{Currency, Money, Points, Quantity, ValueError};
pub use order_no::{OrderNo, OrderNoError};
pub use page::{CursorError, Page, PageRequest};
pub use time::{Clock, ManualClock, SteadyClock, SystemClock, Timestamp};
pub use trace::TraceContext;
pub use vocabulary::{
    Amount, Attribution, Bounds, Changed, FormField, InvalidField, OrderKind, PayType, PaymentHandle, Place, Precondition,
    ReceivingWay, RefundState, Window, WindowStatus, check,
};
