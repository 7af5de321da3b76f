//! How far time has come, as far as something rests on it: a clock that leaps ahead takes it along in short steps only.

use std::time::Duration;

use futures_util::FutureExt as _;
use sluice_kernel::{PortResult, Timestamp};

use crate::{database::Database, error::StoreResult, multi_row::column, statement::insert_into, unit_of_work::UnitOfWork};

#[derive(Clone)]
pub struct SqlSeenTimes {
    database: Database,
}

impl SqlSeenTimes {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Now, but at most `step` after what the last call for `name` answered: what was deleted cannot come back when the
    /// clock that said so is right again.
    pub async fn advance(&self, name: &'static str, now: Timestamp, step: Duration) -> PortResult<Timestamp> {
        self.database.transact("noting the time", move |unit, _| advance(unit, name, now, step).boxed()).await
    }
}

async fn advance(unit: &UnitOfWork, name: &'static str, now: Timestamp, step: Duration) -> StoreResult<Timestamp> {
    let select = format!("SELECT at FROM seen_times WHERE name = ?{}", unit.dialect().for_update());
    let Some(row) = unit.row(select, vec![name.into()]).await? else {
        let insert = insert_into("seen_times", &["name", "at"], 1) + &unit.dialect().keep_existing("name");
        unit.execute(insert, vec![name.into(), now.as_millis().into()]).await?;
        return Ok(now);
    };
    let seen = Timestamp::from_millis(column(&row, 0)?);
    let believed = now.min(seen.plus(step));
    unit.execute("UPDATE seen_times SET at = ? WHERE name = ?", vec![believed.as_millis().into(), name.into()]).await?;
    Ok(believed)
}
