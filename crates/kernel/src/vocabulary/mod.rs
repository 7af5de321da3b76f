//! Values that several contexts speak of. A context that needs more of one than stands here has a type of its own.

mod change;
mod form_field;
mod order;
mod pay_type;
mod payment;
mod window;

pub use change::{Changed, Precondition};
pub use form_field::FormField;
pub use order::{OrderKind, RefundState};
pub use pay_type::PayType;
pub use payment::{Attribution, PaymentHandle};
pub use window::{Window, WindowStatus};
