//! How inventory refuses.

use sluice_kernel::{Classified, ErrorKind, InvalidField, PortError};

#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    #[error("no such SKU")]
    NotFound,
    #[error("only {usable} units are usable")]
    InsufficientStock { usable: i64 },
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error("this key was used for another adjustment")]
    KeyReused,
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for InventoryError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::InsufficientStock { .. } => ErrorKind::Conflict,
            Self::InvalidField(_) | Self::KeyReused => ErrorKind::Invalid,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::InsufficientStock { .. } => "insufficient_stock",
            Self::InvalidField(_) => "invalid_field",
            Self::KeyReused => "idempotency_key_reused",
            Self::Port(error) => error.code(),
        }
    }
}
