//! The wired services on real databases, with a clock that is turned by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "suite/budget.rs"]
mod budget;
#[path = "suite/demo_data.rs"]
mod demo_data;
#[path = "suite/money_against_timer.rs"]
mod money_against_timer;
#[path = "suite/points_platform.rs"]
mod points_platform;
#[path = "suite/push_rules.rs"]
mod push_rules;
#[path = "suite/push_stage.rs"]
mod push_stage;
#[path = "suite/window.rs"]
mod window;
#[path = "suite/wired.rs"]
mod wired;
