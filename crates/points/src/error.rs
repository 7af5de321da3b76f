//! How points refuse.

use sluice_kernel::{Classified, ErrorKind, InvalidField, Points, PortError};

#[derive(Debug, thiserror::Error)]
pub enum PointsError {
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error("the key was used for another grant")]
    KeyReused,
    #[error("the points account refuses it")]
    Refused,
    #[error("no points were deducted for this order")]
    NotDeducted,
    #[error("only {} points of this order are left to give back", left.0)]
    RefundTooLarge { left: Points },
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for PointsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidField(_) | Self::KeyReused => ErrorKind::Invalid,
            Self::Refused | Self::NotDeducted | Self::RefundTooLarge { .. } => ErrorKind::Conflict,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::InvalidField(_) => "invalid_field",
            Self::KeyReused => "idempotency_key_reused",
            Self::Refused => "points_refused",
            Self::NotDeducted | Self::RefundTooLarge { .. } => "order_not_refundable",
            Self::Port(error) => error.code(),
        }
    }
}

pub(crate) fn no_answer() -> PortError {
    PortError::internal("the points account", "fewer answers than operations")
}
