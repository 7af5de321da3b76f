//! The group commit: placements that wait at the same moment share a transaction (docs/architecture.md).
//!
//! Contract: an order is answered `Committed` only after its COMMIT was answered, or its rows were found. A COMMIT whose
//! answer was lost is looked up before anything is retried or answered. A batch that fails is tried again as a whole
//! where the database asks for it, else one by one, so that one poisonous order fails alone.
//!
//! While one batch waits for its flush to disk the next one is decided and written: batches take turns in their statements,
//! then in their COMMIT, and are answered in that order. So no answer tells of an order whose own COMMIT is open here.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all};
use sluice_kernel::{Clock, PortError, PortResult};
use sluice_order::{CommitAnswer, NewOrder, OrderWriter, Replay};
use tokio::sync::{Mutex, oneshot};

use super::{
    claims::{self, Owner, Scope},
    commit::{self, Verdict},
    placement::Placement,
};
use crate::{
    Database, StockMode,
    error::{StoreError, StoreResult},
    group::{GroupWriter, Turn},
    statement::MOST_ROWS,
};

#[derive(Debug, Clone, Copy)]
pub struct WriterSettings {
    pub stock: StockMode,
    /// Orders that may wait; beyond it callers are told `Overloaded` at once.
    pub queue: usize,
    /// Orders in a transaction at most, up to 64.
    pub batch: usize,
}

impl WriterSettings {
    /// What was measured to be best.
    pub fn new(stock: StockMode) -> Self {
        Self { stock, queue: 4_096, batch: MOST_ORDERS }
    }
}

/// Batches under way in MySQL: one in its statements, one in its COMMIT. SQLite has one writer, who writes within its COMMIT.
const LANES: u32 = 2;
/// Orders in a transaction at most; their two lines each still go in one statement a table.
const MOST_ORDERS: usize = MOST_ROWS / 2;
/// Deadlocks and lock time-outs a batch lives through.
const MOST_TRIES: u32 = 6;
/// Looks for orders whose COMMIT was not answered; the pauses between them add up to some three seconds.
const MOST_LOOKS: u32 = 6;

type Group = GroupWriter<Placement, CommitAnswer>;

pub struct SqlOrderWriter {
    group: Group,
}

impl SqlOrderWriter {
    /// Opens a connection for each lane and starts the lanes: on MySQL in a thread of their own, since every order waits
    /// for each of their round trips and none should stand behind the requests that are just being prepared. By `clock` the
    /// stock is asked whether an activity runs.
    pub async fn start(database: &Database, settings: WriterSettings, clock: Arc<dyn Clock>) -> PortResult<Self> {
        if database.is_sqlite() {
            let (group, lanes) = Self::open(database.clone(), settings, clock).await?;
            for lane in lanes {
                tokio::spawn(lane);
            }
            return Ok(Self { group });
        }
        let failed = |source| PortError::internal("starting the commit thread", source);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (opened, opening) = oneshot::channel();
        let database = database.clone();
        let thread = std::thread::Builder::new().name("commit".to_owned());
        let work = async move {
            match Self::open(database, settings, clock).await {
                Ok((group, lanes)) => {
                    drop(opened.send(Ok(group)));
                    join_all(lanes).await;
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        };
        thread.spawn(move || runtime.block_on(work)).map_err(failed)?;
        let group = opening.await.map_err(|lost| PortError::internal("starting the commit thread", lost))??;
        Ok(Self { group })
    }

    /// Connections belong to the runtime they are opened on: call it where the lanes are to run.
    async fn open(
        database: Database,
        settings: WriterSettings,
        clock: Arc<dyn Clock>,
    ) -> PortResult<(Group, Vec<BoxFuture<'static, ()>>)> {
        let lanes = if database.is_sqlite() { 1 } else { LANES };
        let database = database.with_own_connections(lanes).await?;
        let lane = Arc::new(Lane { database, stock: settings.stock, clock, committing: Mutex::default() });
        let batch = settings.batch.clamp(1, MOST_ORDERS);
        let handler = move |orders, turn| {
            let lane = Arc::clone(&lane);
            async move { lane.settle_all(orders, &turn).await }
        };
        let lanes = usize::try_from(lanes).unwrap_or(1);
        Ok(GroupWriter::prepare("placing orders", lanes, settings.queue, batch, handler))
    }
}

#[async_trait]
impl OrderWriter for SqlOrderWriter {
    async fn commit(&self, order: Arc<NewOrder>) -> PortResult<CommitAnswer> {
        let placement = Placement::of(order).map_err(|error| error.into_port("writing an order"))?;
        self.group.submit(placement).await
    }
}

struct Lane {
    database: Database,
    stock: StockMode,
    clock: Arc<dyn Clock>,
    /// Held from the moment a batch is decided until its COMMIT is answered.
    committing: Mutex<()>,
}

/// Several callers are told of one failure.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the batch of this order failed")]
struct BatchFailed(#[source] Arc<StoreError>);

impl BatchFailed {
    fn port(&self) -> PortError {
        if self.0.is_unavailable() {
            PortError::unavailable("the database", self.clone())
        } else {
            PortError::internal("writing an order", self.clone())
        }
    }
}

fn unanswered() -> PortError {
    PortError::internal("writing an order", StoreError::Contradiction("an order was not answered"))
}

impl Lane {
    /// One answer for each order. What was put off is settled in a further transaction.
    async fn settle_all(&self, placements: Vec<Placement>, turn: &Turn) -> Vec<PortResult<CommitAnswer>> {
        let mut answers: Vec<Option<PortResult<CommitAnswer>>> = placements.iter().map(|_| None).collect();
        loop {
            let (places, batch): (Vec<&mut Option<_>>, Vec<&Placement>) =
                answers.iter_mut().zip(&placements).filter(|(answer, _)| answer.is_none()).unzip();
            if batch.is_empty() {
                break;
            }
            let verdicts = self.settle(&batch, turn).await;
            // The first order of a batch has no earlier one it could wait for, so every round answers somebody.
            for (place, verdict) in places.into_iter().zip(verdicts) {
                *place = match verdict {
                    Ok(Verdict::Answered(answer)) => Some(Ok(answer)),
                    Ok(Verdict::PutOff) => None,
                    Err(error) => Some(Err(error)),
                };
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unanswered()))).collect()
    }

    async fn settle(&self, batch: &[&Placement], turn: &Turn) -> Vec<PortResult<Verdict>> {
        match self.try_batch(batch, turn).await {
            Ok(verdicts) => verdicts.into_iter().map(Ok).collect(),
            Err(error) if batch.len() > 1 && !error.0.is_unavailable() => {
                tracing::warn!(orders = batch.len(), error = %error.0, "A batch of orders failed; each is tried by itself.");
                let mut verdicts = Vec::with_capacity(batch.len());
                for order in batch {
                    let alone = self.try_batch(std::slice::from_ref(order), turn).await.map_err(|error| error.port());
                    verdicts.push(alone.and_then(|verdicts| verdicts.into_iter().next().ok_or_else(unanswered)));
                }
                verdicts
            }
            Err(error) => batch.iter().map(|_| Err(error.port())).collect(),
        }
    }

    async fn try_batch(&self, batch: &[&Placement], turn: &Turn) -> Result<Vec<Verdict>, BatchFailed> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.transact(batch, turn).await {
                Ok(verdicts) => return Ok(verdicts),
                Err(failure) => failure,
            };
            if matches!(failure, StoreError::CommitUnknown(_)) {
                tracing::warn!(orders = batch.len(), error = %failure, "The answer to a commit was lost; its orders are looked up.");
                let looked_up = self.look_up_all(batch).await.map_err(|error| BatchFailed(Arc::new(error)))?;
                if let Some(verdicts) = looked_up {
                    return Ok(verdicts);
                }
                // It did not commit, and never will: the whole batch may be tried again.
            } else if !failure.is_retryable() {
                return Err(BatchFailed(Arc::new(failure)));
            }
            if tries >= MOST_TRIES {
                return Err(BatchFailed(Arc::new(failure)));
            }
            metrics::counter!("sluice_transaction_retries_total").increment(1);
            tokio::time::sleep(Duration::from_millis(u64::from(tries) * 3)).await;
        }
    }

    async fn transact(&self, batch: &[&Placement], turn: &Turn) -> StoreResult<Vec<Verdict>> {
        let unit = self.database.begin().await?;
        match commit::decide(&unit, self.stock, self.clock.as_ref(), batch).await {
            Ok(verdicts) => {
                // What was decided may rest on the batch before, whose COMMIT is not answered yet.
                let _in_order = self.committing.lock().await;
                turn.pass_on();
                if verdicts.contains(&Verdict::Answered(CommitAnswer::Committed)) {
                    unit.commit().await?;
                } else {
                    unit.rollback().await;
                }
                Ok(verdicts)
            }
            Err(error) => {
                unit.rollback().await;
                Err(error)
            }
        }
    }

    /// What became of a batch whose COMMIT was not answered; `None` where it did not take effect.
    async fn look_up_all(&self, batch: &[&Placement]) -> StoreResult<Option<Vec<Verdict>>> {
        let mut looks = 0;
        loop {
            looks += 1;
            match self.look_up(batch).await {
                Err(error) if error.is_unavailable() && looks < MOST_LOOKS => {
                    tokio::time::sleep(Duration::from_millis(50 << looks)).await;
                }
                looked => return looked,
            }
        }
    }

    async fn look_up(&self, batch: &[&Placement]) -> StoreResult<Option<Vec<Verdict>>> {
        let scopes: Vec<Scope> = batch.iter().map(|placement| placement.key).collect();
        // A server that is still at work on that COMMIT holds the keys: a locking read waits until it is done.
        let unit = self.database.begin().await?;
        let owners = claims::settled_owners(&unit, &scopes).await;
        unit.rollback().await;
        Ok(found(batch, &owners?))
    }
}

/// The orders of a transaction stand together. Where one of them owns its key, all that the transaction decided to write
/// stand; the others are decided anew.
fn found(batch: &[&Placement], owners: &HashMap<Scope, Owner>) -> Option<Vec<Verdict>> {
    let owner = |placement: &Placement| owners.get(&placement.key);
    let owned = |placement: &&Placement| owner(placement).is_some_and(|owner| owner.order_no == placement.order.order_no);
    if !batch.iter().any(owned) {
        return None;
    }
    let verdict = |placement: &&Placement| match owner(placement) {
        Some(owner) if owner.order_no == placement.order.order_no => Verdict::Answered(CommitAnswer::Committed),
        Some(owner) if !batch.iter().any(|other| other.order.order_no == owner.order_no) => {
            let same_body = owner.fingerprint == placement.order.key.fingerprint;
            Verdict::Answered(CommitAnswer::Replayed(Replay { order_no: owner.order_no, same_body }))
        }
        // Refused or put off before the commit: the next transaction decides.
        Some(_) | None => Verdict::PutOff,
    };
    Some(batch.iter().map(verdict).collect())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
