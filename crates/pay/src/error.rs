//! How pay refuses.

use sluice_kernel::{Classified, ErrorKind, InvalidField, PortError, SkuId};

#[derive(Debug, thiserror::Error)]
pub enum PayError {
    #[error("no such payment or provider")]
    NotFound,
    #[error("this payment takes no money any more")]
    Closed,
    #[error("the signature is not valid")]
    SignatureInvalid,
    #[error("the notification is not readable: {0}")]
    Malformed(String),
    #[error("order, amount, currency or payee do not match; kept for staff")]
    Mismatch,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error("more than the {left} minor units that are left")]
    RefundTooLarge { left: i64 },
    #[error("at most {left} units of this SKU can be restocked")]
    RestockTooLarge { sku: SkuId, left: i64 },
    #[error("this key was used for another request")]
    KeyReused,
    /// With the provider's reason.
    #[error("the payment provider refuses the refund: {0}")]
    RefundRefused(String),
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for PayError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::Closed | Self::RefundRefused(_) => ErrorKind::Conflict,
            Self::SignatureInvalid
            | Self::Malformed(_)
            | Self::Mismatch
            | Self::InvalidField(_)
            | Self::RefundTooLarge { .. }
            | Self::RestockTooLarge { .. }
            | Self::KeyReused => ErrorKind::Invalid,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Closed => "payment_closed",
            Self::SignatureInvalid => "signature_invalid",
            Self::Malformed(_) => "malformed_json",
            Self::Mismatch => "payment_mismatch",
            Self::InvalidField(_) | Self::RefundTooLarge { .. } | Self::RestockTooLarge { .. } => "invalid_field",
            Self::KeyReused => "idempotency_key_reused",
            Self::RefundRefused(_) => "refund_refused",
            Self::Port(error) => error.code(),
        }
    }
}
