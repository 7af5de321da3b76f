//! What is done to a shop apart from selling: filled, checked, repaired, tidied up.

mod differences;
pub(crate) mod future_times;
pub(crate) mod housekeeping;
mod repair;
mod seed;
mod warnings;
