//! How far time has come, as far as something rests on it: a clock that leaps ahead takes it along in short steps only.

use std::time::Duration;

use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QuerySelect as _,
    sea_query::OnConflict,
};
use sluice_kernel::{PortResult, Timestamp};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    stored::Stored,
    table::seen_times::{ActiveModel, Column, Entity, Model},
    unit_of_work::UnitOfWork,
};

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
        self.database.transact(move |unit, _| advance(unit, name, now, step).boxed()).await.into_port("noting the time")
    }
}

async fn advance(unit: &UnitOfWork, name: &'static str, now: Timestamp, step: Duration) -> StoreResult<Timestamp> {
    let Some(row) = Entity::find_by_id(name).lock_exclusive().one(unit).await? else {
        let row = Model { name: name.to_owned(), at: Stored(now) };
        let keep = OnConflict::column(Column::Name).do_nothing_on([Column::Name]).to_owned();
        Entity::insert(row.into_active_model()).on_conflict(keep).exec_without_returning(unit).await?;
        return Ok(now);
    };
    let believed = now.min(row.at.0.plus(step));
    let seen = ActiveModel { at: Set(Stored(believed)), ..Default::default() };
    Entity::update_many().set(seen).filter(Column::Name.eq(name)).exec(unit).await?;
    Ok(believed)
}
