//! The executable `sluice`: reads arguments and settings, opens the shop, runs one command. Nothing else lives here.
// The state of a command that opens the whole shop is deep, and the compiler lays it out in one go.
#![recursion_limit = "256"]

mod arguments;
mod commands;
mod logging;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&error),
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(error) => output::fail(error.as_ref()),
    }
}
