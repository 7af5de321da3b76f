//! The one row that says which gate is in use, its epoch, and whether it is open.

use sea_orm::{EntityTrait as _, IntoActiveModel as _, QueryResult, sea_query::OnConflict};
use sluice_kernel::{PortError, PortResult, Timestamp};

use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    stored::Stored,
    table::{
        Row as _,
        gate_state::{Column, Entity, Model},
        row,
    },
    unit_of_work::UnitOfWork,
};

/// There is one.
pub(crate) const THE_ROW: i16 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) epoch: i64,
    pub(crate) open: bool,
}

impl Epoch {
    /// Before any process has claimed a gate: the database gate, which is always open.
    pub(crate) const UNCLAIMED: Self = Self { epoch: 0, open: true };
}

row! {
    struct State of gate_state {
        epoch: i64,
        open: bool,
    }
}

fn state(lock: &str) -> String {
    format!("{} WHERE id = {THE_ROW}{lock}", State::select())
}

/// The present epoch, which stays until this transaction ends.
pub(crate) async fn shared_epoch(unit: &UnitOfWork) -> StoreResult<Epoch> {
    epoch(unit.row(state(unit.dialect().share_lock()), vec![]).await?)
}

pub(crate) async fn present_epoch(database: &Database) -> StoreResult<Epoch> {
    epoch(database.row(state(""), vec![]).await?)
}

fn epoch(row: Option<QueryResult>) -> StoreResult<Epoch> {
    let Some(row) = row else { return Ok(Epoch::UNCLAIMED) };
    let State { epoch, open } = State::read(&row)?;
    Ok(Epoch { epoch, open })
}

/// Two processes over one database are set to different gates: each would sell the other's units.
#[derive(Debug, thiserror::Error)]
#[error(
    "this database belongs to a shop with the stock gate '{stored}', but this process is set to '{wanted}' (setting gate.url); all processes must use the same one"
)]
pub struct GateMismatch {
    pub stored: String,
    pub wanted: String,
}

/// Makes sure that all processes over one database use the same gate.
#[derive(Clone)]
pub struct SqlGateState {
    database: Database,
}

impl SqlGateState {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Notes at the first start which gate (`database` or `redis`) this shop uses; fails where it is another one. A gate
    /// outside the database begins closed, since it has to be built first.
    pub async fn claim(&self, kind: &str, now: Timestamp) -> PortResult<()> {
        self.keep(kind, now).await.into_port("the gate's state")?;
        self.expect(kind).await
    }

    /// Fails where this shop uses another gate; notes nothing.
    pub async fn expect(&self, kind: &str) -> PortResult<()> {
        let stored = self.stored().await.into_port("the gate's state")?;
        match stored {
            Some(stored) if stored != kind => {
                Err(PortError::internal("the stock gate", GateMismatch { stored, wanted: kind.to_owned() }))
            }
            _ => Ok(()),
        }
    }

    async fn keep(&self, kind: &str, now: Timestamp) -> StoreResult<()> {
        let (kind, open) = (kind.to_owned(), kind == "database");
        let row = Model { id: THE_ROW, kind, epoch: 1, open, changed_at: Stored(now) };
        let keep = OnConflict::column(Column::Id).do_nothing_on([Column::Id]).to_owned();
        Entity::insert(row.into_active_model()).on_conflict(keep).exec_without_returning(&self.database).await?;
        Ok(())
    }

    async fn stored(&self) -> StoreResult<Option<String>> {
        Ok(Entity::find_by_id(THE_ROW).one(&self.database).await?.map(|row| row.kind))
    }
}
