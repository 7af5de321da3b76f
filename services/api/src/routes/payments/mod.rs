//! `/payments`: what providers tell us.

pub mod callback;
