//! Logs go to standard error: readable lines, or JSON for machines.

use std::io::IsTerminal as _;

use sluice_app::Config;
use tracing_subscriber::{EnvFilter, fmt};

pub fn start(config: &Config) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(&config.log.filter).map_err(|error| format!("setting log.filter: {error}"))?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    if config.log.format == "json" { builder.json().flatten_event(true).try_init() } else { builder.with_target(false).try_init() }
}
