//! How the cart refuses.

use sluice_kernel::{Classified, ErrorKind, PortError, ValueError};

#[derive(Debug, thiserror::Error)]
pub enum CartError {
    #[error("no such SKU")]
    NotFound,
    #[error("this SKU is not on the shelf")]
    OffShelf,
    #[error("a cart holds at most 100 lines")]
    TooManyLines,
    #[error("quantity: {0}")]
    Value(#[from] ValueError),
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Classified for CartError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::OffShelf => ErrorKind::Conflict,
            Self::TooManyLines | Self::Value(_) => ErrorKind::Invalid,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::OffShelf => "off_shelf",
            Self::TooManyLines => "too_many_lines",
            Self::Value(_) => "invalid_field",
            Self::Port(error) => error.code(),
        }
    }
}
