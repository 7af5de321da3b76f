//! `/verification-codes`

pub mod post;
