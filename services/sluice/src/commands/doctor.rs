//! `sluice doctor`: settings, then every part as placing an order needs it, then what will hurt.

use std::{process::ExitCode, time::Duration};

use sluice_app::{OpenOptions, PartState, require_shop};

use super::{Outcome, load, open, resolve_secrets};
use crate::{arguments::Common, output::say};

const GATE_PATIENCE: Duration = Duration::from_secs(5);

/// Exit code 1 where a part is not well or records differ; with `production`, also where something is warned of.
pub async fn doctor(common: &Common, production: bool) -> Outcome {
    let config = load(common)?;
    require_shop(&config)?;
    let parts = config.parts();
    say("settings   fine");
    say(&format!("database   {}", if parts.sqlite { "SQLite" } else { "MySQL/MariaDB" }));
    say(&format!("gate       {}", if parts.redis_gate { "Redis" } else { "database" }));
    say(&format!("bus        {}", if parts.kafka { "Kafka" } else { "in the process" }));
    let shop = open(&config, OpenOptions { passive: true, ..OpenOptions::default() }).await?;
    let secrets = resolve_secrets(&config)?;
    // A gate in Redis is open for a process once that has looked at it; one that stays closed is told of below.
    let _ = tokio::time::timeout(GATE_PATIENCE, shop.wait_for_gate()).await;
    let health = shop.shop.health.check().await;
    let mut well = true;
    for part in &health {
        let word = match part.state {
            PartState::Up => "up",
            PartState::Degraded => "degraded",
            PartState::Down => "down",
        };
        well &= part.state == PartState::Up;
        say(&format!("{:<10} {word}: {}", part.name, part.detail));
    }
    if well {
        let differences = shop.differences().await?;
        well = differences.is_empty();
        say(&format!("stock      {} differences", differences.len()));
    }
    let warnings = shop.warnings(&config, &secrets).await;
    shop.close().await;
    for warning in &warnings {
        say(&format!("warning    {warning}"));
    }
    let fit = well && (warnings.is_empty() || !production);
    Ok(if fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
