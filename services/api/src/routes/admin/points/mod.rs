//! `/admin/points`: what staff give.

pub mod grant;
