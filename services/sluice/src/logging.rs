//! Logs go to standard error: readable lines, or JSON for machines.

use std::io::IsTerminal as _;

use sluice_app::Config;
use tracing_subscriber::{EnvFilter, fmt};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// For commands that end by themselves: what went wrong, unless the settings ask for more than their default.
pub fn start_quiet(config: &Config) -> Result<(), Failure> {
    let mut quiet = config.clone();
    if quiet.log.filter == Config::default().log.filter {
        "warn".clone_into(&mut quiet.log.filter);
    }
    start(&quiet)
}

pub fn start(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log.filter).map_err(|error| format!("setting log.filter: {error}"))?;
    // A line that cannot be written, on a full disk for instance, is lost; saying so on the same stream would end the work
    // in a panic.
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    if config.log.format == "json" { builder.json().flatten_event(true).try_init() } else { builder.with_target(false).try_init() }
}
