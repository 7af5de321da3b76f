//! `sluice token`.

use std::{process::ExitCode, time::Duration};

use sluice_app::{Config, Role, TokenRequest, make_token};
use sluice_kernel::{Clock as _, SystemClock};

use super::{Outcome, resolve_secrets};
use crate::{arguments::RoleArgument, output::say};

pub fn token(config: &Config, store: i64, user: String, role: RoleArgument, life: Duration) -> Outcome {
    let secrets = resolve_secrets(config)?;
    let role = match role {
        RoleArgument::Customer => Role::Customer,
        RoleArgument::Staff => Role::Staff,
    };
    let request = TokenRequest { store, user, role, life };
    say(&make_token(config, &secrets.jwt, &request, SystemClock.now())?);
    Ok(ExitCode::SUCCESS)
}
