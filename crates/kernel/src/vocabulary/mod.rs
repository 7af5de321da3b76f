//! Values that several contexts speak of. A context that needs more of one than stands here has a type of its own.

mod amount;
mod change;
pub mod check;
mod form_field;
mod invalid_field;
mod order;
mod pay_type;
mod payment;
mod receiving_way;
mod window;

pub use amount::Amount;
pub use change::{Changed, Precondition};
pub use form_field::FormField;
pub use invalid_field::{Bounds, InvalidField, Place};
pub use order::{OrderKind, RefundState};
pub use pay_type::PayType;
pub use payment::{Attribution, PaymentHandle};
pub use receiving_way::ReceivingWay;
pub use window::{Window, WindowStatus};
