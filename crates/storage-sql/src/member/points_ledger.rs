//! The own points ledger: balances that never fall below zero, and one row for every operation that was decided.
//!
//! Contract: accounts are locked in one order, then operations are looked up, decided one after the other in memory and
//! written in a few statements. A name that was decided before keeps its answer. Two transactions that decide the same
//! new name of a new account at once meet in the ledger's unique key: the later one is run again and finds the answer.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_kernel::{Classified as _, Clock, OrderNo, PageRequest, Points, PortError, PortResult, StoreId, Timestamp, UserId};
use sluice_points::{PointsAccount, PointsAnswer, PointsEntry, PointsOperation};

use super::points_row::{kind_code, kind_of};
use crate::{
    database::{Borrows, Database},
    error::StoreResult,
    multi_row::{InList, MultiRow, column},
    page::read_page,
    statement::{MOST_ROWS, padded, placeholders},
    unit_of_work::UnitOfWork,
};

/// How often a batch that met another one's new row is decided again.
const MOST_MEETINGS: u32 = 5;

static DECIDED: InList = InList::new(
    "SELECT business_id, kind, store_id, user_id, asked, refused, balance_after, reason FROM points_ledger WHERE business_id IN",
    |_| "",
);
static NEW_ROWS: MultiRow = MultiRow::insert(
    "INSERT INTO points_ledger (store_id, user_id, kind, business_id, asked, points, balance_after, refused, order_no, reason, at) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    11,
);
static NEW_ACCOUNTS: MultiRow =
    MultiRow::with_tail("INSERT INTO points_accounts (store_id, user_id, balance) VALUES ", "(?, ?, 0)", 2, |dialect| {
        dialect.keep_existing("store_id, user_id")
    });
static BALANCES: MultiRow =
    MultiRow::with_tail("INSERT INTO points_accounts (store_id, user_id, balance) VALUES ", "(?, ?, ?)", 3, |dialect| {
        dialect.overwrite_existing("store_id, user_id", &["balance"])
    });

#[derive(Clone)]
pub struct SqlPointsLedger {
    database: Database,
    clock: Arc<dyn Clock>,
}

type Account = (StoreId, UserId);

/// Name of an operation in the ledger.
type Name = (Account, i16, String);

fn account_of(operation: &PointsOperation) -> Account {
    (operation.store, operation.user.clone())
}

fn name_of(operation: &PointsOperation) -> Name {
    (account_of(operation), kind_code(operation.kind), operation.business_id.clone())
}

impl SqlPointsLedger {
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    async fn read_balance(&self, store: StoreId, user: &UserId) -> StoreResult<Points> {
        let select = "SELECT balance FROM points_accounts WHERE store_id = ? AND user_id = ?";
        let found = self.database.row(select, vec![store.0.into(), user.as_str().into()]).await?;
        found.map_or(Ok(Points(0)), |row| Ok(Points(column(&row, 0)?)))
    }

    async fn read_entries(&self, store: StoreId, user: &UserId, page: PageRequest) -> StoreResult<Vec<PointsEntry>> {
        let select = "SELECT id, kind, points, business_id, order_no, balance_after, reason, at FROM points_ledger \
            WHERE store_id = ? AND user_id = ? AND id < ? AND refused = FALSE ORDER BY id DESC LIMIT ?";
        let statement =
            |after: i64, limit: i64| (select.to_owned(), vec![store.0.into(), user.as_str().into(), after.into(), limit.into()]);
        read_page(&self.database, "points_ledger", "id", page, statement, entry).await
    }
}

fn entry(row: &QueryResult) -> StoreResult<PointsEntry> {
    Ok(PointsEntry {
        id: column(row, 0)?,
        kind: kind_of(column(row, 1)?)?,
        points: Points(column(row, 2)?),
        business_id: column(row, 3)?,
        order_no: column::<Option<i64>>(row, 4)?.map(OrderNo::from_id),
        balance_after: Points(column(row, 5)?),
        reason: column(row, 6)?,
        at: Timestamp::from_millis(column(row, 7)?),
    })
}

/// Runs `work` in a transaction, again where it met a row that another one wrote at the same moment.
pub(super) async fn transact_meeting<'b, T, F>(database: &Database, what: &'static str, work: F) -> PortResult<T>
where
    T: Send,
    F: for<'a> Fn(&'a UnitOfWork, Borrows<'a, 'b>) -> futures_util::future::BoxFuture<'a, StoreResult<T>> + Send + Sync,
{
    let mut meetings = 0;
    loop {
        match database.try_transact(&work).await {
            Err(error) if error.is_unique_violation() && meetings < MOST_MEETINGS => meetings += 1,
            outcome => return outcome.map_err(|error| error.into_port(what)),
        }
    }
}

/// Decides operations and moves their points. One answer for each, in order; one that is repeated within the batch has
/// one effect.
pub(super) async fn move_points(
    unit: &UnitOfWork,
    operations: &[PointsOperation],
    now: Timestamp,
) -> StoreResult<Vec<PointsAnswer>> {
    let mut accounts = lock_accounts(unit, operations).await?;
    let mut decided = read_decided(unit, operations).await?;
    let mut answers = Vec::with_capacity(operations.len());
    let (mut rows, mut changed) = (Vec::new(), BTreeSet::new());
    for operation in operations {
        let name = name_of(operation);
        if let Some(earlier) = decided.get(&name) {
            answers.push(earlier.answer_to(operation));
            continue;
        }
        let balance = accounts.entry(account_of(operation)).or_insert(0);
        let found = decide(operation, *balance);
        if found.balance != *balance {
            *balance = found.balance;
            changed.insert(account_of(operation));
        }
        rows.extend(ledger_row(operation, &found, now));
        answers.push(found.answer_to(operation));
        decided.insert(name, found);
    }
    NEW_ROWS.run(unit, rows).await?;
    let mut balances: Vec<Value> = Vec::with_capacity(changed.len() * 3);
    for (store, user) in changed {
        let balance = accounts.get(&(store, user.clone())).copied().unwrap_or(0);
        balances.extend::<[Value; 3]>([store.0.into(), user.0.into(), balance.into()]);
    }
    BALANCES.run(unit, balances).await?;
    Ok(answers)
}

/// How an operation was decided.
struct Decided {
    asked: i64,
    /// Why nothing moved.
    refusal: Option<String>,
    balance: i64,
}

impl Decided {
    fn answer_to(&self, operation: &PointsOperation) -> PointsAnswer {
        if self.asked != operation.points.0 {
            return PointsAnswer::Refused { reason: "the name stands for other points".to_owned() };
        }
        match &self.refusal {
            Some(reason) => PointsAnswer::Refused { reason: reason.clone() },
            None => PointsAnswer::Done { balance: Some(Points(self.balance)) },
        }
    }
}

fn decide(operation: &PointsOperation, balance: i64) -> Decided {
    let asked = operation.points.0;
    let after = balance.checked_add(operation.kind.signed(operation.points).0).filter(|after| *after >= 0 && asked >= 0);
    let refusal = after.is_none().then(|| format!("the balance is {balance}"));
    Decided { asked, refusal, balance: after.unwrap_or(balance) }
}

fn ledger_row(operation: &PointsOperation, decided: &Decided, now: Timestamp) -> [Value; 11] {
    let refused = decided.refusal.is_some();
    let moved = if refused { 0 } else { operation.kind.signed(operation.points).0 };
    let reason = decided.refusal.as_ref().unwrap_or(&operation.reason);
    [
        operation.store.0.into(),
        operation.user.as_str().into(),
        kind_code(operation.kind).into(),
        operation.business_id.as_str().into(),
        operation.points.0.into(),
        moved.into(),
        decided.balance.into(),
        refused.into(),
        operation.order_no.map(OrderNo::id).into(),
        reason.as_str().into(),
        now.as_millis().into(),
    ]
}

async fn read_decided(unit: &UnitOfWork, operations: &[PointsOperation]) -> StoreResult<HashMap<Name, Decided>> {
    let ids: BTreeSet<&str> = operations.iter().map(|operation| operation.business_id.as_str()).collect();
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    let mut decided = HashMap::new();
    for row in DECIDED.rows(unit, &ids).await? {
        let account = (StoreId(column(&row, 2)?), UserId(column(&row, 3)?));
        let refusal = if column(&row, 5)? { Some(column(&row, 7)?) } else { None };
        let found = Decided { asked: column(&row, 4)?, refusal, balance: column(&row, 6)? };
        decided.insert((account, column(&row, 1)?, column(&row, 0)?), found);
    }
    Ok(decided)
}

/// Balances of the accounts the operations name, locked until the commit. An account that gains its first points is
/// opened first: a lock on an absent row would hold nothing.
async fn lock_accounts(unit: &UnitOfWork, operations: &[PointsOperation]) -> StoreResult<HashMap<Account, i64>> {
    let named: BTreeSet<Account> = operations.iter().map(account_of).collect();
    let mut balances = read_locked(unit, &named).await?;
    let gaining: BTreeSet<Account> = operations
        .iter()
        .filter(|operation| operation.kind.signed(operation.points).0 > 0)
        .map(account_of)
        .filter(|account| !balances.contains_key(account))
        .collect();
    if !gaining.is_empty() {
        let opened = gaining.iter().flat_map(|(store, user)| [Value::from(store.0), user.as_str().into()]).collect();
        NEW_ACCOUNTS.run(unit, opened).await?;
        balances.extend(read_locked(unit, &gaining).await?);
    }
    Ok(balances)
}

async fn read_locked(unit: &UnitOfWork, accounts: &BTreeSet<Account>) -> StoreResult<HashMap<Account, i64>> {
    let mut users: BTreeMap<StoreId, Vec<&str>> = BTreeMap::new();
    for (store, user) in accounts {
        users.entry(*store).or_default().push(user.as_str());
    }
    let mut balances = HashMap::with_capacity(accounts.len());
    for (store, users) in users {
        for chunk in users.chunks(MOST_ROWS) {
            let select = format!(
                "SELECT user_id, balance FROM points_accounts WHERE store_id = ? AND user_id IN ({}) ORDER BY user_id{}",
                placeholders(chunk.len()),
                unit.dialect().for_update()
            );
            let values = std::iter::once(store.0.into()).chain(padded(chunk).map(Into::into)).collect();
            for row in unit.rows(select, values).await? {
                balances.insert((store, UserId(column(&row, 0)?)), column(&row, 1)?);
            }
        }
    }
    Ok(balances)
}

#[async_trait]
impl PointsAccount for SqlPointsLedger {
    /// All in one transaction: either every operation is answered, or none has moved.
    async fn apply(&self, operations: &[PointsOperation]) -> Vec<PortResult<PointsAnswer>> {
        let now = self.clock.now();
        let moved =
            transact_meeting(&self.database, "moving points", move |unit, _| move_points(unit, operations, now).boxed()).await;
        match moved {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => {
                let cause = Arc::new(error);
                operations.iter().map(|_| Err(same_failure(&cause))).collect()
            }
        }
    }

    async fn balance(&self, store: StoreId, user: &UserId) -> PortResult<Points> {
        self.read_balance(store, user).await.map_err(|error| error.into_port("reading a points balance"))
    }

    async fn entries(&self, store: StoreId, user: &UserId, page: PageRequest) -> PortResult<Vec<PointsEntry>> {
        self.read_entries(store, user, page).await.map_err(|error| error.into_port("reading points entries"))
    }
}

/// One failure, told to each operation of the batch.
fn same_failure(cause: &Arc<PortError>) -> PortError {
    let shared = SharedCause(Arc::clone(cause));
    if cause.kind().is_transient() {
        PortError::unavailable("the points ledger", shared)
    } else {
        PortError::internal("moving points", shared)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SharedCause(#[source] Arc<PortError>);
