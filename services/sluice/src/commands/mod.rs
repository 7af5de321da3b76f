//! One file for each command.

mod dead_letters;
mod doctor;
mod documents;
mod reconcile;
mod referrer;
mod run_shop;
mod seed;
mod token;
mod trace;

use std::{error::Error, process::ExitCode, sync::Arc};

use sluice_app::{Config, OpenOptions, OpenShop, Secrets, require_shop};
use sluice_kernel::{NodeIds, SystemClock};

use crate::{
    arguments::{Arguments, Command, Common},
    logging,
};

/// What a command ends with: an exit code, or a failure that becomes one clear line.
pub type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

pub async fn run(arguments: Arguments) -> Outcome {
    let Arguments { common, command } = arguments;
    match command.unwrap_or(Command::Serve) {
        Command::Openapi => documents::openapi(),
        Command::Asyncapi => documents::asyncapi(),
        Command::Completions { shell } => Ok(documents::completions(shell)),
        Command::Config { .. } => documents::config(&load(&common)?),
        Command::Serve => Box::pin(run_shop::serve(load(&common)?)).await,
        Command::Api => Box::pin(run_shop::api(load(&common)?)).await,
        Command::Worker { only } => Box::pin(run_shop::worker(load(&common)?, only)).await,
        Command::Migrate => seed::migrate(&load(&common)?).await,
        Command::Seed { products, stock } => Box::pin(seed::seed(&load(&common)?, products.zip(stock))).await,
        Command::Token { store, user, role, ttl } => token::token(&load(&common)?, store, user, role, ttl),
        Command::Referrer { action } => referrer::referrer(&load(&common)?, action),
        Command::Trace { what } => Box::pin(trace::trace(&load(&common)?, what)).await,
        Command::Reconcile { repair } => Box::pin(reconcile::reconcile(&load(&common)?, repair)).await,
        Command::DeadLetters { action } => Box::pin(dead_letters::dead_letters(&load(&common)?, action)).await,
        Command::Doctor { production } => Box::pin(doctor::doctor(&common, production)).await,
    }
}

fn load(common: &Common) -> Result<Config, Box<dyn Error + Send + Sync>> {
    let mut flags = Vec::new();
    if let Some(folder) = &common.data_dir {
        flags.push(("data_dir", folder.display().to_string()));
    }
    if let Some(listen) = &common.listen {
        flags.push(("listen", listen.clone()));
    }
    Ok(Config::load(&common.config, &flags)?)
}

/// Opens the shop for a command that ends by itself: quiet logs, no demo data. Only a command that migrates makes a shop.
async fn open(config: &Config, options: OpenOptions) -> Result<OpenShop, Box<dyn Error + Send + Sync>> {
    logging::start_quiet(config)?;
    if !options.migrate {
        require_shop(config)?;
    }
    let secrets = if options.read_only { Secrets::look(config, &names())? } else { resolve_secrets(config)? };
    let public_url =
        config.listen.parse().map_or_else(|_| format!("http://{}", config.listen), |address| config.public_base(address));
    Ok(OpenShop::open(config, &secrets, &public_url, options).await?)
}

fn resolve_secrets(config: &Config) -> Result<Secrets, Box<dyn Error + Send + Sync>> {
    Ok(Secrets::resolve(config, &names())?)
}

/// Random names, before a node number is there.
fn names() -> NodeIds {
    NodeIds::new(Arc::new(SystemClock), 0)
}
