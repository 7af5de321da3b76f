//! How member refuses.

use std::time::Duration;

use sluice_kernel::{Classified, ErrorKind, InvalidField, PortError};

#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    #[error("no such entry")]
    NotFound,
    #[error("a user has accounts at no more than 20 providers")]
    TooManyAccounts,
    #[error("no further code is sent to this phone, or for this user, so soon")]
    TooSoon { retry_after: Duration },
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error("an address book holds at most 50 addresses")]
    TooManyAddresses,
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for MemberError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::TooSoon { .. } => ErrorKind::RateLimited,
            Self::InvalidField(_) | Self::TooManyAddresses | Self::TooManyAccounts => ErrorKind::Invalid,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::TooSoon { .. } => "rate_limited",
            Self::InvalidField(_) | Self::TooManyAddresses | Self::TooManyAccounts => "invalid_field",
            Self::Port(error) => error.code(),
        }
    }
}
