//! How the order context refuses; codes and order of precedence from docs/domain.md S2 and, for activity orders, docs/api.md.

use sluice_kernel::{Classified, ErrorKind, IdError, InvalidField, Money, Points, PortError, ProductId, SkuId, ValueError};

use crate::Expected;

/// A line that is short: `line` is the index of the first line of that SKU in the request; `None` in the request of an
/// activity order, which has one product and no lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortLine {
    pub line: Option<usize>,
    pub sku: SkuId,
    pub usable: i64,
}

/// A field that a product requires: its JSON pointer, its name, and the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingField {
    pub pointer: &'static str,
    pub field: &'static str,
    pub product: ProductId,
}

#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("no such order")]
    NotFound,
    /// Index of the first line and what was asked for.
    #[error("some lines are not on the shelf")]
    OffShelf { lines: Vec<(usize, String)> },
    #[error("a product requires fields that are missing")]
    FieldRequired { missing: Vec<MissingField> },
    #[error("the verification code is not valid")]
    VerifyCodeInvalid,
    /// What it comes to now.
    #[error("the order comes to another total than was expected")]
    TotalChanged { expected: Expected, total: Money, points_total: Points },
    #[error("there is not enough stock")]
    InsufficientStock { lines: Vec<ShortLine> },
    #[error("the store has no such activity")]
    ActivityNotFound,
    #[error("the activity is not running now")]
    ActivityNotRunning,
    #[error("the activity does not offer this product")]
    ProductNotInActivity,
    #[error("this product is not paid for like that")]
    PayTypeMismatch,
    /// What a product in points is worth cannot be told.
    #[error("the store has not set what its points are worth")]
    StoreSettingMissing,
    #[error("the referrer is not valid here")]
    ReferrerInvalid,
    #[error("this user may not take more of this product")]
    RedemptionLimitReached,
    #[error("too much of this user's waits for its payment: pay an order or cancel one")]
    TooManyUnpaid,
    #[error("at most 100 lines")]
    TooManyLines,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error("this key was used for another request")]
    KeyReused,
    #[error("the first request with this key is still running")]
    InProgress,
    /// Another order took this very cart; its lines are about to leave it.
    #[error("this cart was ordered already")]
    CartAlreadyOrdered,
    #[error("only an unpaid order can be cancelled")]
    NotCancellable,
    #[error("this order takes no payment any more")]
    PaymentClosed,
    #[error("this order cannot be refunded like that: {0}")]
    NotRefundable(String),
    /// With the reason of the provider, or of the points account; what was paid stays where it is.
    #[error("the refund is refused: {0}")]
    RefundRefused(String),
    #[error("{0}")]
    WrongState(String),
    #[error("no order number can be made")]
    Ids(#[from] IdError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What the lines of an order come to leaves the range.
impl From<ValueError> for OrderError {
    fn from(error: ValueError) -> Self {
        Self::InvalidField(InvalidField::new("items", error.to_string()))
    }
}

impl Classified for OrderError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound | Self::ActivityNotFound => ErrorKind::NotFound,
            Self::ActivityNotRunning
            | Self::ProductNotInActivity
            | Self::PayTypeMismatch
            | Self::StoreSettingMissing
            | Self::RedemptionLimitReached
            | Self::TooManyUnpaid
            | Self::OffShelf { .. }
            | Self::TotalChanged { .. }
            | Self::InsufficientStock { .. }
            | Self::InProgress
            | Self::CartAlreadyOrdered
            | Self::NotCancellable
            | Self::PaymentClosed
            | Self::NotRefundable(_)
            | Self::RefundRefused(_)
            | Self::WrongState(_) => ErrorKind::Conflict,
            Self::FieldRequired { .. }
            | Self::VerifyCodeInvalid
            | Self::ReferrerInvalid
            | Self::TooManyLines
            | Self::InvalidField(_)
            | Self::KeyReused => ErrorKind::Invalid,
            Self::Ids(_) => ErrorKind::Unavailable,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::OffShelf { .. } => "off_shelf",
            Self::FieldRequired { .. } => "field_required",
            Self::VerifyCodeInvalid => "verify_code_invalid",
            Self::TotalChanged { .. } => "total_changed",
            Self::InsufficientStock { .. } => "insufficient_stock",
            Self::ActivityNotFound => "activity_not_found",
            Self::ActivityNotRunning => "activity_not_running",
            Self::ProductNotInActivity => "product_not_in_activity",
            Self::PayTypeMismatch => "pay_type_mismatch",
            Self::StoreSettingMissing => "store_setting_missing",
            Self::ReferrerInvalid => "referrer_invalid",
            Self::RedemptionLimitReached => "redemption_limit_reached",
            Self::TooManyUnpaid => "too_many_unpaid",
            Self::TooManyLines => "too_many_lines",
            Self::InvalidField(_) => "invalid_field",
            Self::KeyReused => "idempotency_key_reused",
            Self::InProgress => "request_in_progress",
            Self::CartAlreadyOrdered => "cart_already_ordered",
            Self::NotCancellable => "order_not_cancellable",
            Self::PaymentClosed => "payment_closed",
            Self::NotRefundable(_) => "order_not_refundable",
            Self::RefundRefused(_) => "refund_refused",
            Self::WrongState(_) => "order_state_refused",
            Self::Ids(_) => "unavailable",
            Self::Port(error) => error.code(),
        }
    }
}
