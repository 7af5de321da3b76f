//! The group commit: placements that wait at the same moment share a transaction (docs/architecture.md).
//!
//! Contract: an order is answered `Committed` only after its COMMIT was answered, or its rows were found. A COMMIT whose
//! answer was lost is looked up before anything is retried or answered. A batch that fails is tried again as a whole
//! where the database asks for it, else one by one, so that one poisonous order fails alone.
//!
//! While one batch waits for its flush to disk the next one is decided and written: batches take turns in their statements,
//! then in their COMMIT, and are answered in that order. So no answer tells of an order whose own COMMIT is open here.
//!
//! Nobody holds a batch up: a placement that waited too long is refused before it is begun, a batch has an end by which it
//! is answered, and orders whose rows somebody else holds step aside (`held`) while the others go on. No order is committed
//! after its own deadline.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all};
use sluice_kernel::{Clock, PortError, PortResult};
use sluice_order::{CommitOutcome, NewOrder, OrderWriter, Replay};
use tokio::sync::{Mutex, oneshot};

use super::{
    claims::{self, Owner},
    commit::{self, Verdict},
    placement::Placement,
    scope::Scope,
};
use crate::{
    Database, StockMode,
    connection::timed_out,
    database::GROUP_CONNECTIONS,
    error::{IntoPort as _, StoreError, StoreResult},
    group::{GroupWriter, Turn},
    held::Settled,
    statement::MAX_ROWS,
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
        Self { stock, queue: 4_096, batch: MAX_ORDERS }
    }
}

/// Batches under way in MySQL: one in its statements, one in its COMMIT. SQLite has one writer, who writes within its COMMIT.
const LANES: u16 = GROUP_CONNECTIONS;
/// Orders in a transaction at most; their two lines each still go in one statement a table.
const MAX_ORDERS: usize = MAX_ROWS / 2;
/// Deadlocks and lock time-outs a batch lives through.
const MAX_TRIES: u32 = 6;
/// How long a placement waits until its transaction begins, in the queue and for rows that others hold.
const MAX_WAIT: Duration = Duration::from_secs(4);
/// A batch's transactions have ended after this time. With the wait before and the look after it stays within the ten
/// seconds in which every request is answered.
const MAX_BATCH: Duration = Duration::from_secs(4);
/// How long orders are looked for whose COMMIT was not answered.
const MAX_LOOKING: Duration = Duration::from_millis(1_500);
/// With less than this left nothing is begun any more.
const SHORTEST_TRY: Duration = Duration::from_millis(50);

type Group = GroupWriter<Placement, Settled<Placement, CommitOutcome>>;

pub struct SqlOrderWriter {
    group: Group,
    /// Its connections are used apart from the lanes', for rows that others hold.
    database: Database,
    stock: StockMode,
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
            return Ok(Self { group, database: database.clone(), stock: settings.stock });
        }
        let failed = |source| PortError::internal("starting the commit thread", source);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (opened, opening) = oneshot::channel();
        let of_lanes = database.clone();
        let thread = std::thread::Builder::new().name("commit".to_owned());
        let work = async move {
            match Self::open(of_lanes, settings, clock).await {
                Ok((group, lanes)) => {
                    drop(opened.send(Ok(group)));
                    join_all(lanes).await;
                }
                Err(error) => drop(opened.send(Err(error))),
            }
        };
        thread.spawn(move || runtime.block_on(work)).map_err(failed)?;
        let group = opening.await.map_err(|lost| PortError::internal("starting the commit thread", lost))??;
        Ok(Self { group, database: database.clone(), stock: settings.stock })
    }

    /// Connections belong to the runtime they are opened on: call it where the lanes are to run.
    async fn open(
        database: Database,
        settings: WriterSettings,
        clock: Arc<dyn Clock>,
    ) -> PortResult<(Group, Vec<BoxFuture<'static, ()>>)> {
        let lanes = if database.is_sqlite() { 1 } else { LANES };
        let database = database.with_own_connections(lanes.into()).await?;
        let lane = Arc::new(Lane { database, stock: settings.stock, clock, committing: Mutex::default() });
        let batch = settings.batch.clamp(1, MAX_ORDERS);
        let handler = move |orders, turn| {
            let lane = Arc::clone(&lane);
            async move { lane.settle_all(orders, &turn).await }
        };
        Ok(GroupWriter::prepare("placing orders", lanes.into(), settings.queue, batch, handler))
    }
}

#[async_trait]
impl OrderWriter for SqlOrderWriter {
    async fn commit(&self, order: Arc<NewOrder>) -> PortResult<CommitOutcome> {
        let placement = Placement::of(order).into_port("writing an order")?;
        let rows = |placement: &Placement| placement.rows_to_lock(self.stock).collect();
        self.database.submit(&self.group, placement, rows, Instant::now() + MAX_WAIT).await
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

#[derive(Debug, thiserror::Error)]
#[error("the order's own deadline has passed")]
struct Expired;

fn unanswered() -> PortError {
    PortError::internal("writing an order", StoreError::Contradiction("an order was not answered"))
}

impl Lane {
    /// One answer for each order. What was put off is settled in a further transaction.
    async fn settle_all(&self, placements: Vec<Placement>, turn: &Turn) -> Vec<PortResult<Settled<Placement, CommitOutcome>>> {
        let end = Instant::now() + MAX_BATCH;
        let mut answers: Vec<Option<PortResult<Verdict>>> = placements.iter().map(|placement| self.before_all(placement)).collect();
        loop {
            let (places, batch): (Vec<&mut Option<_>>, Vec<&Placement>) =
                answers.iter_mut().zip(&placements).filter(|(answer, _)| answer.is_none()).unzip();
            if batch.is_empty() {
                break;
            }
            let verdicts = self.settle(&batch, turn, end).await;
            // The first order of a batch has no earlier one it could wait for, so every round answers somebody.
            for (place, verdict) in places.into_iter().zip(verdicts) {
                *place = if matches!(verdict, Ok(Verdict::PutOff)) { None } else { Some(verdict) };
            }
        }
        let settled = |(answer, placement): (Option<PortResult<Verdict>>, Placement)| match answer {
            Some(Ok(Verdict::Answered(answer))) => Ok(Settled::Answered(answer)),
            Some(Ok(Verdict::Held(row))) => Ok(Settled::Held(placement, row)),
            Some(Ok(Verdict::Expired)) => Err(PortError::unavailable("placing orders", Expired)),
            Some(Err(error)) => Err(error),
            Some(Ok(Verdict::PutOff)) | None => Err(unanswered()),
        };
        answers.into_iter().zip(placements).map(settled).collect()
    }

    /// A row that somebody else is known to hold keeps an order from taking part.
    fn before_all(&self, placement: &Placement) -> Option<PortResult<Verdict>> {
        self.database.held().first_of(placement.rows_to_lock(self.stock)).map(|row| Ok(Verdict::Held(row)))
    }

    fn has_expired(&self, placement: &Placement) -> bool {
        self.clock.now() >= placement.order.terms.expires_at
    }

    async fn settle(&self, batch: &[&Placement], turn: &Turn, end: Instant) -> Vec<PortResult<Verdict>> {
        let failure = match self.try_batch(batch, turn, end).await {
            Ok(verdicts) => return verdicts.into_iter().map(Ok).collect(),
            Err(failure) => failure,
        };
        if failure.0.is_lock_wait() {
            let rows = batch.iter().flat_map(|placement| placement.rows_to_lock(self.stock));
            let held = self.database.note_held_among(rows, end).await;
            let verdict = |order: &&Placement| {
                let waits_for = order.rows_to_lock(self.stock).find(|row| held.contains(row));
                Ok(waits_for.map_or(Verdict::PutOff, Verdict::Held))
            };
            if !held.is_empty() {
                return batch.iter().map(verdict).collect();
            }
        } else if batch.len() == 1 || failure.0.is_unavailable() {
            return batch.iter().map(|_| Err(failure.port())).collect();
        }
        tracing::warn!(orders = batch.len(), error = %failure.0, "A batch of orders failed; each is tried by itself.");
        let mut verdicts = Vec::with_capacity(batch.len());
        for order in batch {
            let alone = self.try_batch(std::slice::from_ref(order), turn, end).await.map_err(|error| error.port());
            verdicts.push(alone.and_then(|verdicts| verdicts.into_iter().next().ok_or_else(unanswered)));
        }
        verdicts
    }

    async fn try_batch(&self, batch: &[&Placement], turn: &Turn, end: Instant) -> Result<Vec<Verdict>, BatchFailed> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.transact(batch, turn, end).await {
                Ok(verdicts) => return Ok(verdicts),
                Err(failure) => failure,
            };
            if matches!(failure, StoreError::CommitUnknown(_) | StoreError::CommitLost) {
                tracing::warn!(orders = batch.len(), error = %failure, "The answer to a commit was lost; its orders are looked up.");
                let looked_up = self.look_up_all(batch, end + MAX_LOOKING).await.map_err(|error| BatchFailed(Arc::new(error)))?;
                if let Some(verdicts) = looked_up {
                    return Ok(verdicts);
                }
                // It did not commit, and never will: the whole batch may be tried again.
            } else if !failure.is_retryable() || failure.is_lock_wait() {
                return Err(BatchFailed(Arc::new(failure)));
            }
            if tries >= MAX_TRIES || Instant::now() + SHORTEST_TRY > end {
                return Err(BatchFailed(Arc::new(failure)));
            }
            metrics::counter!("sluice_transaction_retries_total").increment(1);
            tokio::time::sleep(Duration::from_millis(u64::from(tries) * 3)).await;
        }
    }

    async fn transact(&self, batch: &[&Placement], turn: &Turn, end: Instant) -> StoreResult<Vec<Verdict>> {
        let unit = self.database.begin_until(Some(end)).await?;
        match commit::decide(&unit, self.stock, self.clock.as_ref(), batch).await {
            Ok(verdicts) => {
                // What was decided may rest on the batch before, whose COMMIT is not answered yet.
                let _in_order = self.committing.lock().await;
                turn.pass_on();
                let commits = |verdict: &Verdict| *verdict == Verdict::Answered(CommitOutcome::Committed);
                if !verdicts.iter().any(commits) {
                    unit.rollback().await;
                    return Ok(verdicts);
                }
                if batch.iter().any(|placement| self.has_expired(placement)) {
                    unit.rollback().await;
                    let verdict =
                        |placement: &&Placement| if self.has_expired(placement) { Verdict::Expired } else { Verdict::PutOff };
                    return Ok(batch.iter().map(verdict).collect());
                }
                if Instant::now() + SHORTEST_TRY > end {
                    unit.rollback().await;
                    return Err(timed_out("the batch before").into());
                }
                unit.commit().await?;
                Ok(verdicts)
            }
            Err(error) => {
                unit.rollback().await;
                Err(error)
            }
        }
    }

    /// What became of a batch whose COMMIT was not answered; `None` where it did not take effect.
    async fn look_up_all(&self, batch: &[&Placement], until: Instant) -> StoreResult<Option<Vec<Verdict>>> {
        let mut looks: u32 = 0;
        loop {
            looks += 1;
            let pause = Duration::from_millis(50 << looks.min(4));
            match self.look_up(batch, until).await {
                Err(error) if error.is_unavailable() && Instant::now() + pause + SHORTEST_TRY < until => {
                    tokio::time::sleep(pause).await;
                }
                looked => return looked,
            }
        }
    }

    async fn look_up(&self, batch: &[&Placement], until: Instant) -> StoreResult<Option<Vec<Verdict>>> {
        let scopes: Vec<Scope> = batch.iter().map(|placement| placement.key).collect();
        // A server that is still at work on that COMMIT holds the keys: a locking read waits until it is done.
        let unit = self.database.begin_until(Some(until)).await?;
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
        Some(owner) if owner.order_no == placement.order.order_no => Verdict::Answered(CommitOutcome::Committed),
        Some(owner) if !batch.iter().any(|other| other.order.order_no == owner.order_no) => {
            let same_body = owner.fingerprint == placement.order.key.fingerprint;
            Verdict::Answered(CommitOutcome::Replayed(Replay { order_no: owner.order_no, same_body }))
        }
        // Refused or put off before the commit: the next transaction decides.
        Some(_) | None => Verdict::PutOff,
    };
    Some(batch.iter().map(verdict).collect())
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
