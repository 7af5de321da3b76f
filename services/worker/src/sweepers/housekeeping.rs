//! Deletes rows that have served their time (docs/operations.md), bit by bit until none is left.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_app::Housekeeping;

use super::{Sweep, Turn};

pub struct DeleteExpired {
    pub housekeeping: Arc<dyn Housekeeping>,
}

#[async_trait]
impl Sweep for DeleteExpired {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(if self.housekeeping.delete_some().await? { Turn::More } else { Turn::Done })
    }
}
