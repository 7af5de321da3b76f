//! Commands that print a document: `openapi`, `asyncapi`, `completions`, `config print`.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;
use sluice_app::Config;

use super::Outcome;
use crate::{arguments::Arguments, output::say};

pub fn openapi() -> Outcome {
    say(&sluice_api::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}

pub fn asyncapi() -> Outcome {
    say(&serde_json::to_string_pretty(&sluice_api::asyncapi())?);
    Ok(ExitCode::SUCCESS)
}

pub fn completions(shell: Shell) -> ExitCode {
    // Into memory first: a reader that goes away (`| head`) is no failure.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "sluice", &mut script);
    say(String::from_utf8_lossy(&script).trim_end());
    ExitCode::SUCCESS
}

pub fn config(config: &Config) -> Outcome {
    say(&serde_json::to_string_pretty(config)?);
    Ok(ExitCode::SUCCESS)
}
