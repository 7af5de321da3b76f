//! How pay refuses.

use sluice_kernel::{Classified, ErrorKind, PortError};

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
    #[error("more than the {left} minor units that are left")]
    RefundTooLarge { left: i64 },
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for PayError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::Closed => ErrorKind::Conflict,
            Self::SignatureInvalid | Self::Malformed(_) | Self::Mismatch | Self::RefundTooLarge { .. } => ErrorKind::Invalid,
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
            Self::RefundTooLarge { .. } => "invalid_field",
            Self::Port(error) => error.code(),
        }
    }
}
