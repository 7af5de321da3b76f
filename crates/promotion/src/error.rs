//! How promotion refuses.

use sluice_kernel::{Classified, ErrorKind, InvalidField, PortError};

#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    #[error("no such activity, offer or campaign")]
    NotFound,
    /// The version in If-Match is not the present one.
    #[error("it was changed meanwhile; read it again")]
    Stale,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for PromotionError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::Stale => ErrorKind::Conflict,
            Self::InvalidField(_) => ErrorKind::Invalid,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Stale => "stale",
            Self::InvalidField(_) => "invalid_field",
            Self::Port(error) => error.code(),
        }
    }
}
