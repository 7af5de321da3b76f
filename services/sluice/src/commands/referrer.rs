//! `sluice referrer seal`: no database is asked.

use std::{process::ExitCode, sync::Arc};

use sluice_app::{Config, seal_referrer};
use sluice_kernel::{NodeIds, StoreId, SystemClock};

use super::{Outcome, resolve_secrets};
use crate::{arguments::ReferrerArgument, output::say};

pub fn referrer(config: &Config, action: ReferrerArgument) -> Outcome {
    let ReferrerArgument::Seal { store, promoter } = action;
    let secrets = resolve_secrets(config)?;
    let ids = Arc::new(NodeIds::new(Arc::new(SystemClock), 0));
    say(&seal_referrer(config, &secrets, ids, StoreId(store), &promoter)?);
    Ok(ExitCode::SUCCESS)
}
