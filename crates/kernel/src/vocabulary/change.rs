//! Changes that name the version they were made from.

/// The versions that a change may be made from, as HTTP's If-Match names them (RFC 9110, section 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever stands there.
    Any,
    OneOf(Vec<i64>),
}

impl Precondition {
    pub fn admits(&self, present: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(versions) => versions.contains(&present),
        }
    }
}

impl From<i64> for Precondition {
    fn from(version: i64) -> Self {
        Self::OneOf(vec![version])
    }
}

/// Outcome of a change at its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed<T> {
    Done(T),
    /// The version has moved on.
    Stale,
    Absent,
}
