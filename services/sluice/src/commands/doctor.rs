//! `sluice doctor`: settings, then every part, each with what is wrong.

use std::process::ExitCode;

use sluice_app::{OpenOptions, PartState};

use super::{Outcome, load, open};
use crate::{arguments::Common, output::say};

pub async fn doctor(common: &Common) -> Outcome {
    let config = load(common)?;
    let parts = config.parts();
    say("settings   fine");
    say(&format!("database   {}", if parts.sqlite { "SQLite" } else { "MySQL/MariaDB" }));
    say(&format!("gate       {}", if parts.redis_gate { "Redis" } else { "database" }));
    say(&format!("bus        {}", if parts.kafka { "Kafka" } else { "in the process" }));
    let shop = open(&config, OpenOptions::default()).await?;
    // The gate's keeper needs a moment to look at a Redis that is there.
    shop.wait_for_gate().await?;
    let health = shop.shop.health.check().await;
    let differences = shop.differences().await?;
    shop.close().await;

    let mut well = differences.is_empty();
    for part in health {
        let word = match part.state {
            PartState::Up => "up",
            PartState::Degraded => "degraded",
            PartState::Down => "down",
        };
        well &= part.state == PartState::Up;
        say(&format!("{:<10} {word}: {}", part.name, part.detail));
    }
    say(&format!("stock      {} differences", differences.len()));
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
