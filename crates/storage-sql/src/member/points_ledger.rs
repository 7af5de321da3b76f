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
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::ExprTrait as _};
use sluice_kernel::{Classified as _, Clock, PageRequest, Points, PortError, PortResult, StoreId, Timestamp, UserId};
use sluice_points::{PointsAccount, PointsAnswer, PointsEntry, PointsKind, PointsOperation};

use crate::{
    database::{Borrows, Database},
    error::{IntoPort as _, StoreResult},
    multi_row::{InList, MultiRow},
    page::read_page,
    statement::{MAX_ROWS, padded},
    stored::Stored,
    table::{
        Row as _, points_accounts,
        points_ledger::{self, Column},
        row,
    },
    unit_of_work::UnitOfWork,
};

/// How often a batch that met another one's new row is decided again.
const MAX_MEETINGS: u32 = 5;

row! {
    struct DecidedRow of points_ledger {
        business_id: String,
        kind: Stored<PointsKind>,
        store_id: i64,
        user_id: String,
        asked: i64,
        refused: bool,
        balance_after: i64,
        reason: String,
    }
}

static DECIDED: InList = InList::new(DecidedRow::select, "business_id");
static NEW_ROWS: MultiRow<points_ledger::New> = MultiRow::insert();
static NEW_ACCOUNTS: MultiRow<points_accounts::Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("store_id, user_id"));
static BALANCES: MultiRow<points_accounts::Model> =
    MultiRow::with_tail(|dialect| dialect.overwrite_existing("store_id, user_id", &["balance"]));

#[derive(Clone)]
pub struct SqlPointsLedger {
    database: Database,
    clock: Arc<dyn Clock>,
}

type Account = (StoreId, UserId);

/// Name of an operation in the ledger.
type Name = (Account, PointsKind, String);

fn account_of(operation: &PointsOperation) -> Account {
    (operation.store, operation.user.clone())
}

fn name_of(operation: &PointsOperation) -> Name {
    (account_of(operation), operation.kind, operation.business_id.clone())
}

impl SqlPointsLedger {
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    async fn read_balance(&self, store: StoreId, user: &UserId) -> StoreResult<Points> {
        let found = points_accounts::Entity::find_by_id((store.0, user.as_str().to_owned())).one(&self.database).await?;
        Ok(Points(found.map_or(0, |account| account.balance)))
    }

    async fn read_entries(&self, store: StoreId, user: &UserId, page: PageRequest) -> StoreResult<Vec<PointsEntry>> {
        let wanted = Column::StoreId.eq(store.0).and(Column::UserId.eq(user.as_str())).and(Column::Refused.eq(false));
        read_page(&self.database, points_ledger::Entity::find().filter(wanted), Column::Id, page, |row| Ok(entry(row))).await
    }
}

fn entry(row: points_ledger::Model) -> PointsEntry {
    PointsEntry {
        id: row.id,
        kind: row.kind.0,
        points: Points(row.points),
        business_id: row.business_id,
        order_no: row.order_no.map(|order| order.0),
        balance_after: Points(row.balance_after),
        reason: row.reason,
        at: row.at.0,
    }
}

/// Runs `work` in a transaction, again where it met a row that another one wrote at the same moment.
pub(super) async fn transact_meeting<'b, T, F>(database: &Database, work: F) -> StoreResult<T>
where
    T: Send,
    F: for<'a> Fn(&'a UnitOfWork, Borrows<'a, 'b>) -> futures_util::future::BoxFuture<'a, StoreResult<T>> + Send + Sync,
{
    let mut meetings = 0;
    loop {
        match database.transact(&work).await {
            Err(error) if error.is_unique_violation() && meetings < MAX_MEETINGS => meetings += 1,
            outcome => return outcome,
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
        rows.push(ledger_row(operation, &found, now));
        answers.push(found.answer_to(operation));
        decided.insert(name, found);
    }
    NEW_ROWS.run(unit, rows).await?;
    let balance = |(store, user): Account| {
        let balance = accounts.get(&(store, user.clone())).copied().unwrap_or(0);
        points_accounts::Model { store_id: store.0, user_id: user.0, balance }
    };
    BALANCES.run(unit, changed.into_iter().map(balance)).await?;
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

fn ledger_row(operation: &PointsOperation, decided: &Decided, now: Timestamp) -> points_ledger::New {
    let refused = decided.refusal.is_some();
    points_ledger::New {
        store_id: operation.store.0,
        user_id: operation.user.0.clone(),
        kind: Stored(operation.kind),
        business_id: operation.business_id.clone(),
        asked: operation.points.0,
        points: if refused { 0 } else { operation.kind.signed(operation.points).0 },
        balance_after: decided.balance,
        refused,
        order_no: operation.order_no.map(Stored),
        reason: decided.refusal.as_ref().unwrap_or(&operation.reason).clone(),
        at: Stored(now),
    }
}

async fn read_decided(unit: &UnitOfWork, operations: &[PointsOperation]) -> StoreResult<HashMap<Name, Decided>> {
    let ids: BTreeSet<&str> = operations.iter().map(|operation| operation.business_id.as_str()).collect();
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    let mut decided = HashMap::new();
    for row in DECIDED.rows(unit, &ids).await? {
        let row = DecidedRow::read(&row)?;
        let account = (StoreId(row.store_id), UserId(row.user_id));
        let found = Decided { asked: row.asked, refusal: row.refused.then_some(row.reason), balance: row.balance_after };
        decided.insert((account, row.kind.0, row.business_id), found);
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
        let opened = |(store, user): &Account| points_accounts::Model { store_id: store.0, user_id: user.0.clone(), balance: 0 };
        NEW_ACCOUNTS.run(unit, gaining.iter().map(opened)).await?;
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
        for chunk in users.chunks(MAX_ROWS) {
            let of_users = points_accounts::Column::UserId.is_in(padded(chunk));
            let wanted = points_accounts::Entity::find().filter(points_accounts::Column::StoreId.eq(store.0)).filter(of_users);
            let wanted = wanted.order_by_asc(points_accounts::Column::UserId).lock_exclusive();
            let found = wanted.all(unit).await?.into_iter().map(|row| ((store, UserId(row.user_id)), row.balance));
            balances.extend(found);
        }
    }
    Ok(balances)
}

#[async_trait]
impl PointsAccount for SqlPointsLedger {
    /// All in one transaction: either every operation is answered, or none has moved.
    async fn apply(&self, operations: &[PointsOperation]) -> Vec<PortResult<PointsAnswer>> {
        let now = self.clock.now();
        let moved = transact_meeting(&self.database, move |unit, _| move_points(unit, operations, now).boxed())
            .await
            .into_port("moving points");
        match moved {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => {
                let cause = Arc::new(error);
                operations.iter().map(|_| Err(same_failure(&cause))).collect()
            }
        }
    }

    async fn balance(&self, store: StoreId, user: &UserId) -> PortResult<Points> {
        self.read_balance(store, user).await.into_port("reading a points balance")
    }

    async fn entries(&self, store: StoreId, user: &UserId, page: PageRequest) -> PortResult<Vec<PointsEntry>> {
        self.read_entries(store, user, page).await.into_port("reading points entries")
    }
}

/// One failure, for each operation of the batch.
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
