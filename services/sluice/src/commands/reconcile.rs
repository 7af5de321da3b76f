//! `sluice reconcile`: gate, ledger and orders side by side.

use std::process::ExitCode;

use sluice_app::{Config, OpenOptions};

use super::{Outcome, open};
use crate::output::say;

/// Prints each difference; exit code 1 where there is one. With `repair` a gate outside the database is counted anew
/// first. Ledger and orders are records and are never changed here.
pub async fn reconcile(config: &Config, repair: bool) -> Outcome {
    let open = open(config, OpenOptions::default()).await?;
    if repair {
        open.rebuild_gate().await?;
    }
    let differences = open.differences().await?;
    open.close().await;
    for difference in &differences {
        say(difference);
    }
    if differences.is_empty() {
        say("Gate, ledger and orders agree.");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
