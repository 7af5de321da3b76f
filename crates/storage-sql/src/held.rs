//! Work that steps aside for rows which somebody else holds for longer than a moment.
//!
//! Contract: who finds that a row is held notes it (`held_rows`). Work that needs a noted row waits apart from the lanes, so that
//! these go on with everybody else's. One task for each noted row waits at the server until the row is free; then the row
//! is forgotten and the work goes back to its lanes. Work that has waited until its deadline is refused as unavailable,
//! and nothing of it was written.
//!
//! A row is noted only after a lock was waited for in vain, so the row of a hot SKU, which our own processes hold for
//! milliseconds each, is not noted.

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use sea_orm::Value;
use sluice_kernel::{PortError, PortResult};

use crate::{
    database::Database,
    error::StoreResult,
    group::{GroupWriter, each_after},
    held_rows::{HeldRow, HeldRows},
    multi_row::{InList, tuple},
    statement::Dialect,
};

/// What a group did with an item.
#[derive(Debug)]
pub(crate) enum Settled<T, A> {
    Answered(A),
    /// The item again: it needs this row, which somebody else holds, and nothing was written.
    Held(T, HeldRow),
}

#[derive(Debug, thiserror::Error)]
#[error("somebody else holds a row that this needs: {0:?}")]
struct StillHeld(HeldRow);

/// How long finding out which rows are held may take.
const MAX_FINDING: Duration = Duration::from_secs(2);
/// Between two waits of a probe at the server.
const PROBE_PAUSE: Duration = Duration::from_millis(50);

/// Forgets its row at the end, however it ends: if the row is held still, the next one who needs it finds out.
struct Probe {
    database: Database,
    row: HeldRow,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.database.held().forget(self.row);
    }
}

impl Probe {
    async fn run(self) {
        loop {
            let Some(_turn) = self.database.held().probe_turn().await else { return };
            match self.waits_in_vain().await {
                Ok(true) => tokio::time::sleep(PROBE_PAUSE).await,
                // The row is free, or the database is away and everybody will see that.
                Ok(false) | Err(_) => return,
            }
        }
    }

    /// Stands in the row's queue at the server, behind our own processes too, for as long as a lock may be waited for.
    async fn waits_in_vain(&self) -> StoreResult<bool> {
        let (select, key, lock): (&str, Value, fn(Dialect) -> &'static str) = match self.row {
            HeldRow::Stock(sku) => ("SELECT sku_id FROM stock WHERE sku_id = ?", sku.into(), Dialect::for_update),
            HeldRow::Order(number) => ("SELECT order_no FROM orders WHERE order_no = ?", number.into(), Dialect::for_update),
            HeldRow::Key(scope) => ("SELECT order_no FROM orders WHERE key_scope = ?", scope.to_vec().into(), Dialect::share_lock),
        };
        match self.database.rows(format!("{select}{}", lock(self.database.dialect())), vec![key]).await {
            Ok(_) => Ok(false),
            Err(error) if error.is_lock_wait() => Ok(true),
            Err(error) => Err(error),
        }
    }
}

static STOCK: InList = InList::new(|| "SELECT sku_id FROM stock".to_owned(), "sku_id");
static FREE_STOCK: InList = InList::with(|| "SELECT sku_id FROM stock".to_owned(), "sku_id", "", Dialect::skip_locked);
static ORDERS: InList = InList::new(|| "SELECT order_no FROM orders".to_owned(), "order_no");
static FREE_ORDERS: InList = InList::with(|| "SELECT order_no FROM orders".to_owned(), "order_no", "", Dialect::skip_locked);
static KEYS: InList = InList::new(|| "SELECT key_scope FROM orders".to_owned(), "key_scope");

impl Database {
    /// Which of these rows somebody else holds at this moment. Keys are held by a transaction that writes them and has not
    /// ended; such rows do not exist for others yet.
    async fn held_among(&self, rows: &[HeldRow]) -> StoreResult<HashSet<HeldRow>> {
        let numbers = |number: fn(&HeldRow) -> Option<i64>| rows.iter().filter_map(number).collect::<Vec<i64>>();
        let stock = numbers(|row| if let HeldRow::Stock(sku) = row { Some(*sku) } else { None });
        let orders = numbers(|row| if let HeldRow::Order(number) = row { Some(*number) } else { None });
        let keys: Vec<Vec<u8>> =
            rows.iter().filter_map(|row| if let HeldRow::Key(scope) = row { Some(scope.to_vec()) } else { None }).collect();
        let mut held = HashSet::new();
        if !stock.is_empty() {
            held.extend(self.locked(&STOCK, &FREE_STOCK, &stock).await?.into_iter().map(HeldRow::Stock));
        }
        if !orders.is_empty() {
            held.extend(self.locked(&ORDERS, &FREE_ORDERS, &orders).await?.into_iter().map(HeldRow::Order));
        }
        if !keys.is_empty() {
            held.extend(self.unsettled_keys(&keys).await?.into_iter().map(HeldRow::Key));
        }
        Ok(held)
    }

    async fn locked(&self, all: &InList, free: &InList, keys: &[i64]) -> StoreResult<HashSet<i64>> {
        let read = |rows: Vec<sea_orm::QueryResult>| rows.iter().map(tuple).collect::<StoreResult<HashSet<i64>>>();
        let unit = self.begin().await?;
        let free = free.rows(&unit, keys).await;
        let all = all.rows(&unit, keys).await;
        unit.rollback().await;
        let free = read(free?)?;
        Ok(read(all?)?.difference(&free).copied().collect())
    }

    /// Keys that are written and not committed: those that a dirty read shows and the next clean one does not.
    async fn unsettled_keys(&self, keys: &[Vec<u8>]) -> StoreResult<HashSet<[u8; 16]>> {
        let mut written = self.written_keys(keys, true).await?;
        for settled in self.written_keys(keys, false).await? {
            written.remove(&settled);
        }
        Ok(written)
    }

    async fn written_keys(&self, keys: &[Vec<u8>], dirty: bool) -> StoreResult<HashSet<[u8; 16]>> {
        let unit = if dirty { self.begin_dirty().await? } else { self.begin().await? };
        let rows = KEYS.rows(&unit, keys).await;
        unit.rollback().await;
        let mut found = HashSet::new();
        for row in rows? {
            let scope: Vec<u8> = tuple(&row)?;
            found.extend(<[u8; 16]>::try_from(scope));
        }
        Ok(found)
    }

    /// Hands an item to its group, and again after a row that it needs was held and became free. Refuses it as unavailable
    /// where the row is held at the deadline still.
    pub(crate) async fn submit<T, A>(
        &self,
        group: &GroupWriter<T, Settled<T, A>>,
        mut item: T,
        rows: impl Fn(&T) -> Vec<HeldRow>,
        deadline: Instant,
    ) -> PortResult<A>
    where
        T: Send + 'static,
        A: Send + 'static,
    {
        if self.held().any() {
            self.wait_until_free(&rows(&item), deadline).await?;
        }
        loop {
            match group.submit_until(item, deadline).await? {
                Settled::Answered(answer) => return Ok(answer),
                Settled::Held(back, row) => {
                    self.wait_until_free(&[row], deadline).await?;
                    item = back;
                }
            }
        }
    }

    /// Finds out which of these rows somebody else holds, and notes them. None where that cannot be found out.
    pub(crate) async fn note_held_among(&self, rows: impl IntoIterator<Item = HeldRow>, end: Instant) -> HashSet<HeldRow> {
        let rows: BTreeSet<HeldRow> = rows.into_iter().collect();
        let rows: Vec<HeldRow> = rows.into_iter().collect();
        let held = match tokio::time::timeout_at(end.into(), self.held_among(&rows)).await {
            Ok(Ok(held)) => held,
            Ok(Err(error)) => {
                tracing::debug!(error = %error, "It was not found out which rows are held.");
                HashSet::new()
            }
            Err(_) => HashSet::new(),
        };
        self.held().note(held.iter().copied());
        held
    }

    async fn wait_until_free(&self, rows: &[HeldRow], deadline: Instant) -> PortResult<()> {
        loop {
            let mut freed = std::pin::pin!(self.held().freed());
            freed.as_mut().enable();
            let Some(row) = self.held().first_of(rows.iter().copied()) else { return Ok(()) };
            if self.held().wants_probe(row) {
                let probe = Probe { database: self.clone(), row };
                tokio::spawn(probe.run());
            }
            if tokio::time::timeout_at(deadline.into(), freed).await.is_err() {
                return Err(PortError::unavailable("the database", StillHeld(row)));
            }
        }
    }
}

/// What is left of a group, each item with its place in it.
struct Rest<T> {
    places: Vec<usize>,
    items: Vec<T>,
}

impl<T> Rest<T> {
    /// Takes the items out that need a row which is noted as held; `needed` has the rows of each.
    fn step_aside(&mut self, held: &HeldRows, needed: Vec<Vec<HeldRow>>) -> Vec<(usize, T, HeldRow)> {
        let group = std::mem::take(&mut self.places).into_iter().zip(std::mem::take(&mut self.items));
        let mut aside = Vec::new();
        for ((place, item), rows) in group.zip(needed) {
            if let Some(row) = held.first_of(rows) {
                aside.push((place, item, row));
            } else {
                self.places.push(place);
                self.items.push(item);
            }
        }
        aside
    }
}

/// Does a group's work together, without the items that need a row which somebody else holds. `rows` says what each item
/// needs; it is asked only while some row is noted as held, or after a lock was waited for in vain.
pub(crate) async fn around_held<T, A, R, W>(
    database: &Database,
    what: &'static str,
    group: Vec<T>,
    rows: R,
    work: W,
) -> Vec<PortResult<Settled<T, A>>>
where
    T: Sync,
    R: for<'a> Fn(&'a [T]) -> BoxFuture<'a, StoreResult<Vec<Vec<HeldRow>>>>,
    W: for<'a> Fn(&'a [T]) -> BoxFuture<'a, StoreResult<Vec<A>>>,
{
    let held = database.held();
    let mut rest = Rest { places: (0..group.len()).collect(), items: group };
    let mut aside = Vec::new();
    if held.any()
        && let Ok(needed) = rows(&rest.items).await
    {
        aside.extend(rest.step_aside(held, needed));
    }
    let answers = match work(&rest.items).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(failure) => {
            if failure.is_lock_wait()
                && let Ok(needed) = rows(&rest.items).await
            {
                let end = Instant::now() + MAX_FINDING;
                database.note_held_among(needed.iter().flatten().copied(), end).await;
                aside.extend(rest.step_aside(held, needed));
            }
            each_after(what, &rest.items, failure, &work).await
        }
    };
    let mut settled: Vec<(usize, PortResult<Settled<T, A>>)> =
        aside.into_iter().map(|(place, item, row)| (place, Ok(Settled::Held(item, row)))).collect();
    settled.extend(rest.places.into_iter().zip(answers).map(|(place, answer)| (place, answer.map(Settled::Answered))));
    settled.sort_by_key(|(place, _)| *place);
    settled.into_iter().map(|(_, answer)| answer).collect()
}
