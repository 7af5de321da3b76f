//! Deletes rows that have served their time (docs/operations.md), bit by bit until none is left.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_app::Housekeeping;

use super::{Sweep, Turn};

pub struct DeleteExpired(pub Arc<dyn Housekeeping>);

#[async_trait]
impl Sweep for DeleteExpired {
    fn name(&self) -> &'static str {
        "housekeeping"
    }

    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(if self.0.delete_some().await? { Turn::More } else { Turn::Done })
    }
}
