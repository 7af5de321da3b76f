//! The wired services on real databases, with a clock that is turned by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "suite/money_against_timer.rs"]
mod money_against_timer;
#[path = "suite/wired.rs"]
mod wired;
