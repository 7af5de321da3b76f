//! Points tasks: rows that stand from the moment an operation is known until its answer is.
//!
//! Contract: locks are taken as tasks → accounts. A row's end is decided under its lock and announced through the outbox in
//! the same transaction. With the own ledger a new task is written once, with its end; two transactions that write the
//! same new task meet in its key, and the later one is run again and finds it ended. A lease is a time on the row: who
//! dies with it keeps the others waiting no longer than that.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_kernel::{Points, PortError, PortResult, Timestamp};
use sluice_pay::PayException;
use sluice_points::{
    PointsAnswer, PointsKind, PointsOperation, PointsStats, PointsTask, PointsTasks, RefundKept, StandingTask, TaskName, TaskState,
    points_payment,
};

use super::{
    points_ledger::{move_points, transact_meeting},
    points_row::{self, new_task, settlement},
};
use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::{MultiRow, tuple},
    page::readable,
    pay::exceptions,
    settlements,
    statement::{MAX_COUNTED, MAX_ROWS, padded, placeholders},
    stored::{At, Stored, code},
    table::{Row as _, points_tasks, row},
    unit_of_work::UnitOfWork,
};

row! {
    struct Name of points_tasks {
        kind: Stored<PointsKind>,
        business_id: String,
    }
}

/// Tasks that share a transaction at most: one flush for many orders, and no lock held for long.
const SETTLED_AT_ONCE: usize = 256;

/// After a failure no further task of a group is tried alone beyond this time.
const MAX_ONE_BY_ONE: Duration = Duration::from_secs(4);

static NEW_TASKS: MultiRow<points_tasks::Model> = MultiRow::insert();

#[derive(Clone)]
pub struct SqlPointsTasks {
    database: Database,
}

impl SqlPointsTasks {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Workers that ask at the same moment get different tasks, and wait for nobody.
    async fn take(&self, limit: u32, token: &str, now: Timestamp, until: Timestamp) -> StoreResult<Vec<StandingTask>> {
        // Nearly always nothing is due: then one look outside any transaction is all.
        let any = "SELECT 1 FROM points_tasks WHERE state = ? AND next_try_at <= ? LIMIT 1";
        if self.database.row(any, vec![code(TaskState::Pending).into(), now.as_millis().into()]).await?.is_none() {
            return Ok(Vec::new());
        }
        self.database.transact(move |unit, _| take(unit, limit, token, now, until).boxed()).await
    }

    async fn settle_some(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>> {
        transact_meeting(&self.database, move |unit, _| settle(unit, tasks, now).boxed()).await.into_port("settling points tasks")
    }

    /// Settles what can be settled, for a bounded time; fails with the last failure where something could not be.
    async fn settle_each(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>> {
        let end = Instant::now() + MAX_ONE_BY_ONE;
        let mut standing = Vec::with_capacity(tasks.len());
        let mut failure = None;
        for task in tasks {
            match self.settle_some(std::slice::from_ref(task), now).await {
                Ok(settled) => standing.extend(settled),
                Err(error) => failure = Some(error),
            }
            if failure.is_some() && Instant::now() > end {
                break;
            }
        }
        failure.map_or(Ok(standing), Err)
    }

    async fn write_pauses(&self, tasks: &[(TaskName, Timestamp)], token: &str) -> StoreResult<()> {
        let mut by_time: BTreeMap<i64, Vec<TaskName>> = BTreeMap::new();
        for (name, at) in tasks {
            by_time.entry(at.as_millis()).or_default().push(name.clone());
        }
        for (at, names) in by_time {
            for (kind, ids) in by_kind(&names) {
                for ids in ids.chunks(MAX_ROWS) {
                    let update = format!(
                        "UPDATE points_tasks SET next_try_at = ?, lease = NULL WHERE state = ? AND lease = ? AND kind = ? AND business_id IN ({})",
                        placeholders(ids.len())
                    );
                    let head: [Value; 4] = [at.into(), code(TaskState::Pending).into(), token.into(), kind.into()];
                    self.database.execute(update, head.into_iter().chain(padded(ids).map(Value::from)).collect()).await?;
                }
            }
        }
        Ok(())
    }

    async fn read_stats(&self) -> StoreResult<PointsStats> {
        let select = "SELECT COUNT(*), MIN(created_at) FROM \
                      (SELECT created_at FROM points_tasks WHERE state = ? ORDER BY created_at LIMIT ?) AS looked_at";
        let Some(row) = self.database.row(select, vec![code(TaskState::Pending).into(), MAX_COUNTED.into()]).await? else {
            return Ok(PointsStats::default());
        };
        let (pending, oldest): (i64, Option<At>) = tuple(&row)?;
        Ok(PointsStats { pending: u64::try_from(pending).unwrap_or(0), oldest: oldest.map(|at| at.0) })
    }
}

async fn take(unit: &UnitOfWork, limit: u32, token: &str, now: Timestamp, until: Timestamp) -> StoreResult<Vec<StandingTask>> {
    let lock = unit.dialect().skip_locked();
    let due = format!("{} WHERE state = ? AND next_try_at <= ? ORDER BY next_try_at LIMIT ?{lock}", Name::select());
    let mut due_tasks = Vec::new();
    for row in unit.rows(due, vec![code(TaskState::Pending).into(), now.as_millis().into(), i64::from(limit).into()]).await? {
        let Name { kind, business_id } = Name::read(&row)?;
        due_tasks.push(TaskName { kind: kind.0, business_id });
    }
    let mut taken = Vec::with_capacity(due_tasks.len());
    for (kind, ids) in by_kind(&due_tasks) {
        for ids in ids.chunks(MAX_ROWS) {
            let update = format!(
                "UPDATE points_tasks SET lease = ?, next_try_at = ?, attempts = attempts + 1 \
                 WHERE state = ? AND kind = ? AND business_id IN ({})",
                placeholders(ids.len())
            );
            let head: [Value; 4] = [token.into(), until.as_millis().into(), code(TaskState::Pending).into(), kind.into()];
            unit.execute(update, head.into_iter().chain(padded(ids).map(Value::from)).collect()).await?;
            let select =
                format!("{} WHERE kind = ? AND business_id IN ({})", points_tasks::Model::select(), placeholders(ids.len()));
            let values = std::iter::once(Value::from(kind)).chain(padded(ids).map(Value::from)).collect();
            for row in &unit.rows(select, values).await? {
                // One that cannot be read comes again when its lease has run out, maybe to a version that can.
                taken.extend(readable("points_tasks", row, points_row::standing));
            }
        }
    }
    Ok(taken)
}

/// Codes of kinds with their business ids, both sorted: one order of locks.
fn by_kind(names: &[TaskName]) -> BTreeMap<i16, Vec<String>> {
    let mut sorted: BTreeMap<i16, Vec<String>> = BTreeMap::new();
    for name in names {
        sorted.entry(code(name.kind)).or_default().push(name.business_id.clone());
    }
    for ids in sorted.values_mut() {
        ids.sort_unstable();
        ids.dedup();
    }
    sorted
}

/// Those of the tasks that stand, locked until the commit.
async fn lock(unit: &UnitOfWork, names: &[TaskName]) -> StoreResult<HashMap<TaskName, StandingTask>> {
    let mut standing = HashMap::with_capacity(names.len());
    for (kind, ids) in by_kind(names) {
        for ids in ids.chunks(MAX_ROWS) {
            let select = format!(
                "{} WHERE kind = ? AND business_id IN ({}) ORDER BY business_id{}",
                points_tasks::Model::select(),
                placeholders(ids.len()),
                unit.dialect().for_update()
            );
            let values = std::iter::once(Value::from(kind)).chain(padded(ids).map(Value::from)).collect();
            for row in unit.rows(select, values).await? {
                let task = points_row::standing(&row)?;
                standing.insert(task.task.name(), task);
            }
        }
    }
    Ok(standing)
}

/// Each task once, in the order given.
fn distinct(tasks: &[PointsTask]) -> Vec<&PointsTask> {
    let mut seen = HashSet::with_capacity(tasks.len());
    tasks.iter().filter(|task| seen.insert(task.name())).collect()
}

fn names(tasks: &[&PointsTask]) -> Vec<TaskName> {
    tasks.iter().map(|task| task.name()).collect()
}

fn fresh(task: &PointsTask, state: TaskState) -> StandingTask {
    StandingTask { task: task.clone(), state, attempts: u32::from(state != TaskState::Pending), new: true }
}

async fn keep(unit: &UnitOfWork, tasks: &[PointsTask], now: Timestamp) -> StoreResult<Vec<StandingTask>> {
    let once = distinct(tasks);
    let mut standing = lock(unit, &names(&once)).await?;
    let mut rows = Vec::new();
    for task in once {
        if standing.contains_key(&task.name()) {
            continue;
        }
        rows.push(new_task(task, TaskState::Pending, None, now)?);
        standing.insert(task.name(), fresh(task, TaskState::Pending));
    }
    NEW_TASKS.run(unit, rows).await?;
    in_order(tasks, &standing)
}

fn in_order(tasks: &[PointsTask], standing: &HashMap<TaskName, StandingTask>) -> StoreResult<Vec<StandingTask>> {
    let found = |task: &PointsTask| standing.get(&task.name()).cloned().ok_or(StoreError::Corrupt("points_tasks"));
    tasks.iter().map(found).collect()
}

async fn keep_refund(unit: &UnitOfWork, task: &PointsTask, again: bool, now: Timestamp) -> StoreResult<RefundKept> {
    let Some(order_no) = task.operation.order_no else {
        return Err(StoreError::Contradiction("a refund of points without an order"));
    };
    // The deduction's row is held, so refunds of one order follow each other.
    let deduction = TaskName { kind: PointsKind::Deduct, business_id: order_no.to_string() };
    let Some(deducted) = lock(unit, std::slice::from_ref(&deduction)).await?.remove(&deduction) else {
        return Ok(RefundKept::NotDeducted);
    };
    let refunds = format!("{} WHERE order_no = ? AND kind = ? ORDER BY created_at", points_tasks::Model::select());
    let rows = unit.rows(refunds, vec![order_no.id().into(), code(PointsKind::Refund).into()]).await?;
    let refunds: Vec<StandingTask> = rows.iter().map(points_row::standing).collect::<StoreResult<_>>()?;
    let tries = refunds.iter().filter_map(|refund| Some((number_of_try(task, refund)?, refund)));
    let last = tries.max_by_key(|(number, _)| *number);
    if let Some((_, standing)) = last.filter(|(_, standing)| !again || standing.state != TaskState::Refused) {
        return Ok(RefundKept::Kept(standing.clone()));
    }
    let (paid, asked) = (&deducted.task.operation, &task.operation);
    if deducted.state != TaskState::Done || (&paid.store, &paid.user) != (&asked.store, &asked.user) {
        return Ok(RefundKept::NotDeducted);
    }
    let given = refunds.iter().filter(|refund| refund.state != TaskState::Refused).map(|refund| refund.task.operation.points.0);
    let left = paid.points.0 - given.sum::<i64>();
    if asked.points.0 > left {
        return Ok(RefundKept::TooMuch { left: Points(left) });
    }
    let mut task = PointsTask { currency: deducted.task.currency, ..task.clone() };
    if let Some((number, _)) = last {
        task.operation.business_id = format!("{}.{}", task.operation.business_id, number + 1);
    }
    NEW_TASKS.run(unit, [new_task(&task, TaskState::Pending, None, now)?]).await?;
    Ok(RefundKept::Kept(fresh(&task, TaskState::Pending)))
}

/// Which try of `task` a refund is: 1 for the one of its very name, N for NAME.N.
fn number_of_try(task: &PointsTask, refund: &StandingTask) -> Option<u32> {
    let further = refund.task.operation.business_id.strip_prefix(task.operation.business_id.as_str())?;
    if further.is_empty() { Some(1) } else { further.strip_prefix('.')?.parse().ok() }
}

async fn settle(unit: &UnitOfWork, tasks: &[PointsTask], now: Timestamp) -> StoreResult<Vec<StandingTask>> {
    let once = distinct(tasks);
    let mut standing = lock(unit, &names(&once)).await?;
    let mut open = Vec::with_capacity(once.len());
    for task in once {
        match standing.get(&task.name()) {
            Some(known) if known.state == TaskState::Pending => open.push(known.clone()),
            Some(_) => {}
            None if task.operation.kind == PointsKind::Refund => {
                return Err(StoreError::Contradiction("a refund of points that was not kept first"));
            }
            None => open.push(fresh(task, TaskState::Pending)),
        }
    }
    let operations: Vec<PointsOperation> = open.iter().map(|standing| standing.task.operation.clone()).collect();
    let answers = move_points(unit, &operations, now).await?;
    let mut rows = Vec::new();
    let mut ended = Vec::with_capacity(open.len());
    for (mut known, answer) in open.into_iter().zip(answers) {
        known.state = state_after(&answer);
        if known.new {
            rows.push(new_task(&known.task, known.state, reason(&answer), now)?);
        } else {
            ended.push((known.task.name(), answer));
        }
        standing.insert(known.task.name(), known);
    }
    NEW_TASKS.run(unit, rows).await?;
    write_ends(unit, &ended, now).await?;
    tell_staff(unit, &standing, &ended, now).await?;
    let written: HashSet<TaskName> = ended.into_iter().map(|(name, _)| name).collect();
    let changed = |task: &&PointsTask| written.contains(&task.name()) || standing.get(&task.name()).is_some_and(|known| known.new);
    let settled: Vec<&StandingTask> =
        distinct(tasks).into_iter().filter(changed).filter_map(|task| standing.get(&task.name())).collect();
    announce(unit, &settled, now).await?;
    in_order(tasks, &standing)
}

fn state_after(answer: &PointsAnswer) -> TaskState {
    match answer {
        PointsAnswer::Done { .. } => TaskState::Done,
        PointsAnswer::Refused { .. } => TaskState::Refused,
    }
}

fn reason(answer: &PointsAnswer) -> Option<&str> {
    match answer {
        PointsAnswer::Done { .. } => None,
        PointsAnswer::Refused { reason } => Some(reason),
    }
}

async fn end(unit: &UnitOfWork, ends: &[(TaskName, PointsAnswer)], now: Timestamp) -> StoreResult<()> {
    let asked: Vec<TaskName> = ends.iter().map(|(name, _)| name.clone()).collect();
    let mut standing = lock(unit, &asked).await?;
    let mut open = Vec::with_capacity(ends.len());
    for (name, answer) in ends {
        let Some(known) = standing.get_mut(name) else { continue };
        let state = state_after(answer);
        if known.state == TaskState::Pending {
            known.state = state;
            open.push((name.clone(), answer.clone()));
        } else if known.state != state {
            tracing::error!(points.kind = name.kind.as_str(), points.business_id = %name.business_id,
                "The points account has answered one operation in two ways; the first answer stands.");
        }
    }
    write_ends(unit, &open, now).await?;
    tell_staff(unit, &standing, &open, now).await?;
    let settled: Vec<&StandingTask> = open.iter().filter_map(|(name, _)| standing.get(name)).collect();
    announce(unit, &settled, now).await
}

/// A refund that the account refuses leaves its order as it is, so a person must look at it.
async fn tell_staff(
    unit: &UnitOfWork,
    standing: &HashMap<TaskName, StandingTask>,
    ends: &[(TaskName, PointsAnswer)],
    now: Timestamp,
) -> StoreResult<()> {
    for (name, answer) in ends {
        let (PointsKind::Refund, PointsAnswer::Refused { reason }) = (name.kind, answer) else { continue };
        let Some(StandingTask { task, .. }) = standing.get(name) else { continue };
        let PointsOperation { store, points, order_no, .. } = &task.operation;
        let exception = PayException {
            id: 0,
            kind: "refund_refused".to_owned(),
            store_id: Some(*store),
            order_no: order_no.map(|order| order.to_string()),
            payment_id: order_no.map(|order| points_payment(order).to_string()),
            detail: format!("The points account refuses refund {} of {} points: {reason}", name.business_id, points.0),
            at: now,
            resolution: None,
        };
        exceptions::write(unit, &exception).await?;
    }
    Ok(())
}

/// Of locked pending rows.
async fn write_ends(unit: &UnitOfWork, ends: &[(TaskName, PointsAnswer)], now: Timestamp) -> StoreResult<()> {
    let done: Vec<TaskName> = ends.iter().filter(|(_, answer)| reason(answer).is_none()).map(|(name, _)| name.clone()).collect();
    for (kind, ids) in by_kind(&done) {
        for ids in ids.chunks(MAX_ROWS) {
            let update = format!(
                "UPDATE points_tasks SET state = ?, ended_at = ?, lease = NULL WHERE state = ? AND kind = ? AND business_id IN ({})",
                placeholders(ids.len())
            );
            let head: [Value; 4] =
                [code(TaskState::Done).into(), now.as_millis().into(), code(TaskState::Pending).into(), kind.into()];
            let touched = unit.execute(update, head.into_iter().chain(padded(ids).map(Value::from)).collect()).await?;
            expect_all(touched, ids.len())?;
        }
    }
    for (name, answer) in ends {
        let Some(reason) = reason(answer) else { continue };
        let update = "UPDATE points_tasks SET state = ?, ended_at = ?, lease = NULL, answer = ? \
            WHERE state = ? AND kind = ? AND business_id = ?";
        let values = vec![
            code(TaskState::Refused).into(),
            now.as_millis().into(),
            points_row::shortened(reason).into(),
            code(TaskState::Pending).into(),
            code(name.kind).into(),
            name.business_id.as_str().into(),
        ];
        expect_all(unit.execute(update, values).await?, 1)?;
    }
    Ok(())
}

fn expect_all(touched: u64, expected: usize) -> StoreResult<()> {
    if usize::try_from(touched).unwrap_or(usize::MAX) == expected {
        return Ok(());
    }
    Err(StoreError::Contradiction("a locked points task changed"))
}

async fn announce(unit: &UnitOfWork, ended: &[&StandingTask], now: Timestamp) -> StoreResult<()> {
    let settlement_of = |standing: &&StandingTask| settlement(&standing.task, standing.state, now);
    let settled = ended.iter().filter_map(|standing| Some((settlement_of(standing)?, standing.task.traceparent.as_deref())));
    settlements::announce(unit, settled.collect(), now).await
}

#[async_trait]
impl PointsTasks for SqlPointsTasks {
    async fn keep(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>> {
        transact_meeting(&self.database, move |unit, _| keep(unit, tasks, now).boxed()).await.into_port("keeping points tasks")
    }

    async fn keep_refund(&self, task: &PointsTask, again: bool, now: Timestamp) -> PortResult<RefundKept> {
        transact_meeting(&self.database, move |unit, _| keep_refund(unit, task, again, now).boxed())
            .await
            .into_port("keeping a refund of points")
    }

    async fn settle(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>> {
        let mut standing = Vec::with_capacity(tasks.len());
        for tasks in tasks.chunks(SETTLED_AT_ONCE) {
            match self.settle_some(tasks, now).await {
                Ok(settled) => standing.extend(settled),
                // Somebody may hold one account of these for long: the others are settled without it.
                Err(PortError::Unavailable { .. }) if tasks.len() > 1 => standing.extend(self.settle_each(tasks, now).await?),
                Err(failure) => return Err(failure),
            }
        }
        Ok(standing)
    }

    async fn lease(&self, limit: u32, token: &str, now: Timestamp, until: Timestamp) -> PortResult<Vec<StandingTask>> {
        self.take(limit, token, now, until).await.into_port("leasing points tasks")
    }

    async fn end(&self, ends: &[(TaskName, PointsAnswer)], now: Timestamp) -> PortResult<()> {
        self.database.transact(move |unit, _| end(unit, ends, now).boxed()).await.into_port("ending points tasks")
    }

    async fn postpone(&self, tasks: &[(TaskName, Timestamp)], token: &str) -> PortResult<()> {
        self.write_pauses(tasks, token).await.into_port("postponing points tasks")
    }

    async fn stats(&self) -> PortResult<PointsStats> {
        self.read_stats().await.into_port("counting points tasks")
    }
}
