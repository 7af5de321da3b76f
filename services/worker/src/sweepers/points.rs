//! Asks the points account for operations that are due: new ones, and those without an answer so far.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_points::PointsService;

use super::{Sweep, Turn};

pub struct RunPoints {
    pub points: Arc<dyn PointsService>,
    pub limit: u32,
}

#[async_trait]
impl Sweep for RunPoints {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(Turn::of(self.points.run_due(self.limit).await?, self.limit))
    }
}
