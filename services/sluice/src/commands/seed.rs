//! `sluice migrate` and `sluice seed`.

use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use sluice_app::{Config, OpenOptions, demo};

use super::{Outcome, open};
use crate::output::say;

pub async fn migrate(config: &Config) -> Outcome {
    let shop = open(config, OpenOptions { migrate: true, ..OpenOptions::default() }).await?;
    shop.close().await;
    say("The schema is up to date.");
    Ok(ExitCode::SUCCESS)
}

/// `plain`: how many products with how many units each, instead of the demo data.
pub async fn seed(config: &Config, plain: Option<(u32, i64)>) -> Outcome {
    let shop = open(config, OpenOptions { migrate: true, ..OpenOptions::default() }).await?;
    let count = plain.map_or(u64::try_from(demo::PRODUCTS).unwrap_or(0), |(products, _)| u64::from(products));
    let bar = ProgressBar::new(count).with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} products, {elapsed}")?);
    match plain {
        Some((products, stock)) => shop.seed_plain(products, stock, &|done| bar.set_position(done)).await?,
        None => shop.load_demo(&|| bar.inc(1)).await?,
    }
    bar.finish();
    shop.close().await;
    say(&format!("{count} products are on the shelf of store 1."));
    Ok(ExitCode::SUCCESS)
}
