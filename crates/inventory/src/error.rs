//! How inventory refuses.

use sluice_kernel::{Classified, ErrorKind, PortError};

#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("no such SKU")]
    NotFound,
    #[error("only {usable} units are usable")]
    InsufficientStock { usable: i64 },
    #[error("{field}: {reason}")]
    InvalidField { field: &'static str, reason: String },
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for InventoryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::InsufficientStock { .. } => ErrorKind::Conflict,
            Self::InvalidField { .. } => ErrorKind::Invalid,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::InsufficientStock { .. } => "insufficient_stock",
            Self::InvalidField { .. } => "invalid_field",
            Self::Port(error) => error.code(),
        }
    }
}
