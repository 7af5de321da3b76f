//! A value that cannot be taken, and where it stands in what was asked.

use std::{borrow::Cow, fmt};

/// A member of an object, or an entry of a member that is a list. Names are those of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Member(&'static str),
    /// The list, and the index in it.
    Entry(&'static str, usize),
}

impl From<&'static str> for Place {
    fn from(member: &'static str) -> Self {
        Self::Member(member)
    }
}

impl From<(&'static str, usize)> for Place {
    fn from((list, index): (&'static str, usize)) -> Self {
        Self::Entry(list, index)
    }
}

impl fmt::Display for Place {
    /// As a step of a JSON pointer (RFC 6901). No name of the contract has a character that needs an escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(member) => write!(f, "/{member}"),
            Self::Entry(list, index) => write!(f, "/{list}/{index}"),
        }
    }
}

/// What a value has to lie between: a number, the characters of a text, the entries of a list. For clients that say it in words
/// of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

impl Bounds {
    pub fn at_most(max: usize) -> Self {
        Self { min: None, max: i64::try_from(max).ok() }
    }

    pub fn between(min: i64, max: i64) -> Self {
        Self { min: Some(min), max: Some(max) }
    }
}

/// Why one value is refused, code `invalid_field`. Every context refuses a value with this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {reason}")]
pub struct InvalidField {
    /// JSON pointer into the request.
    pub pointer: String,
    /// For people: what would be taken.
    pub reason: Cow<'static, str>,
    /// The bounds that the reason speaks of.
    pub bounds: Bounds,
}

impl InvalidField {
    pub fn new(place: impl Into<Place>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: place.into().to_string(), reason: reason.into(), bounds: Bounds::default() }
    }

    #[must_use]
    pub fn bounded(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// The same value, seen from the object around it.
    #[must_use]
    pub fn within(self, place: impl Into<Place>) -> Self {
        Self { pointer: format!("{}{}", place.into(), self.pointer), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_grows_from_the_value_outwards() {
        let price = InvalidField::new("price", "from 0");
        assert_eq!(price.pointer, "/price");
        assert_eq!(price.within(("skus", 0)).to_string(), "/skus/0/price: from 0");
        assert_eq!(InvalidField::new(("pictures", 3), "too long").within("product").pointer, "/product/pictures/3");
    }
}
