//! The Redis gate on real servers, started and stopped by the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bookkeeping;
mod contract;
mod forgotten;
mod limits;
mod long_work;
mod losses;
mod monitor;
mod processes;
mod server;
mod source;
mod troubles;
