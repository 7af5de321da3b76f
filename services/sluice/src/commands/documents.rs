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

pub fn completions(shell: Shell) -> Outcome {
    clap_complete::generate(shell, &mut Arguments::command(), "sluice", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}

pub fn config(config: &Config) -> Outcome {
    say(&serde_json::to_string_pretty(config)?);
    Ok(ExitCode::SUCCESS)
}
