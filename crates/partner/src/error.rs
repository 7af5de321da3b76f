//! How the partner context refuses.

use sluice_kernel::{Classified, ErrorKind, InvalidField, PortError};

#[derive(Debug, thiserror::Error)]
pub enum PartnerError {
    #[error("there is nothing of that name")]
    NotFound,
    #[error("it was changed meanwhile")]
    Stale,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    /// A body that cannot be written: a defect.
    #[error("a push cannot be written")]
    Unwritable(#[from] serde_json::Error),
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for PartnerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::Stale => ErrorKind::Conflict,
            Self::InvalidField(_) => ErrorKind::Invalid,
            Self::Unwritable(_) => ErrorKind::Internal,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Stale => "stale",
            Self::InvalidField(_) => "invalid_field",
            Self::Unwritable(_) => "internal",
            Self::Port(error) => error.code(),
        }
    }
}
