//! `sluice reconcile`: gate, ledger and orders side by side.

use std::process::ExitCode;

use sluice_app::{Config, OpenOptions};

use super::{Outcome, open};
use crate::output::say;

/// Prints each difference; exit code 1 where there is one. With `repair` the ledger behind a gate outside the database is
/// first told what its messages did not tell, from the orders, and the gate is counted anew. Nothing that is recorded is
/// ever changed here.
pub async fn reconcile(config: &Config, repair: bool) -> Outcome {
    let options = if repair { OpenOptions::default() } else { OpenOptions::read_only() };
    let open = open(config, options).await?;
    if repair {
        let recorded = open.repair_records().await?;
        if recorded > 0 {
            say(&format!("{recorded} movements of orders that no message had told were recorded."));
        }
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
