//! How the cart refuses.

use sluice_kernel::{Classified, ErrorKind, InvalidField, PortError, ValueError};

#[derive(Debug, thiserror::Error)]
pub enum CartError {
    #[error("no such SKU")]
    NotFound,
    #[error("this SKU is not on the shelf")]
    OffShelf,
    #[error("a cart holds at most 100 lines")]
    TooManyLines,
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What a line or the cart comes to leaves the range: there are too many units in it.
impl From<ValueError> for CartError {
    fn from(error: ValueError) -> Self {
        Self::InvalidField(InvalidField::new("quantity", error.to_string()))
    }
}

impl Classified for CartError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::OffShelf => ErrorKind::Conflict,
            Self::TooManyLines | Self::InvalidField(_) => ErrorKind::Invalid,
            Self::Port(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::OffShelf => "off_shelf",
            Self::TooManyLines => "too_many_lines",
            Self::InvalidField(_) => "invalid_field",
            Self::Port(error) => error.code(),
        }
    }
}
