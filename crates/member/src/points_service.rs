//! What member offers over the points account: statements, grants, deductions of orders, refunds.
//!
//! Contract: with the own ledger an operation and its end are one transaction. With a points platform a task is kept
//! first, then asked for with bounded concurrency under its own name until the answer is known, with pauses that grow
//! up to a bound; a platform that is away delays, and loses nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sluice_events::RestockLine;
use sluice_kernel::{
    Clock, Currency, IdGenerator, OrderNo, Page, PageRequest, Points, PortError, PortResult, RefundId, StoreId, UserId,
    text::is_visible,
};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    MemberError, PointsAccount, PointsAnswer, PointsEntry, PointsKind, PointsOperation, PointsStats, PointsTask, PointsTasks,
    RefundKept, StandingTask, TaskState,
};

/// A user's account: the balance, and a page of what moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsStatement {
    pub balance: Points,
    pub entries: Page<PointsEntry>,
}

/// Points that staff, or the demo, give to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsGrant {
    pub store: StoreId,
    pub user: UserId,
    pub points: Points,
    pub reason: String,
    /// Names the grant: at most 60 characters, unique over all stores. Repeated, it grants nothing more.
    pub key: String,
}

/// A grant that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The balance now.
    pub balance: Points,
    /// The key was used before, for the same grant.
    pub replayed: bool,
}

/// Points that pay an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsDeduction {
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub points: Points,
    pub currency: Currency,
    pub traceparent: Option<String>,
}

/// Points that go back for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOfPoints {
    pub id: RefundId,
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub points: Points,
    pub reason: String,
    pub restock: Vec<RestockLine>,
    pub traceparent: Option<String>,
}

#[async_trait]
pub trait PointsService: Send + Sync {
    async fn account(&self, store: StoreId, user: &UserId, page: PageRequest) -> Result<PointsStatement, MemberError>;
    /// Idempotent by its key; `KeyReused` where the key stands for another grant. A key whose grant was refused may try
    /// again.
    async fn grant(&self, grant: PointsGrant) -> Result<Granted, MemberError>;
    /// Begins to deduct, once for each order, and answers how each stands. Each end is told as `payment-settled` of provider
    /// `points`: paid or failed.
    async fn deduct(&self, deductions: &[PointsDeduction]) -> Result<Vec<TaskState>, MemberError>;
    /// Begins a refund, idempotent by its id; its end is told as `payment-settled`. Answers whether it is done already; `None`
    /// where another request gives the points back under this id.
    async fn refund(&self, refund: RefundOfPoints) -> Result<Option<bool>, MemberError>;
    /// Asks for up to `limit` tasks that are due; returns how many were asked. A platform that is away is no error.
    async fn run_due(&self, limit: u32) -> Result<usize, MemberError>;
    async fn stats(&self) -> Result<PointsStats, MemberError>;
    /// True where points are kept in the own ledger.
    fn has_own_ledger(&self) -> bool;
}

/// How a points platform is asked.
#[derive(Debug, Clone, Copy)]
pub struct PlatformPace {
    /// Operations in flight at most.
    pub concurrency: usize,
    /// How long one may stay without an answer before somebody else asks again.
    pub lease: Duration,
    /// Between the first try without an answer and the second; doubled from try to try.
    pub first_pause: Duration,
    pub longest_pause: Duration,
}

impl PlatformPace {
    /// For calls that end after `timeout` at the latest.
    pub fn new(concurrency: usize, timeout: Duration) -> Self {
        Self {
            concurrency: concurrency.max(1),
            lease: timeout.saturating_mul(2).saturating_add(Duration::from_secs(5)),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
        }
    }

    /// Before the try that follows `attempts` tries.
    fn pause(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        self.first_pause.saturating_mul(doubled).min(self.longest_pause)
    }
}

/// How tasks are brought to their ends.
#[derive(Debug, Clone, Copy)]
pub enum PointsRoute {
    /// The account is the ledger beside the tasks: one transaction moves points and ends tasks.
    OwnLedger,
    Platform(PlatformPace),
}

/// The service over its ports.
pub struct PointsAccounts {
    account: Arc<dyn PointsAccount>,
    tasks: Arc<dyn PointsTasks>,
    route: PointsRoute,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    /// Rung when a task was kept that is due at once.
    due: Arc<Notify>,
    /// The last answer of the platform was none.
    away: AtomicBool,
}

/// While calls are in flight and nothing more was due, the tasks are looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const MOST_POINTS_IN_A_GRANT: i64 = 1_000_000_000_000;
const MOST_REASON: usize = 200;
/// Tries of one grant that may be refused before its key is given up.
const MAX_REFUSED_GRANTS: u32 = 100;

impl PointsAccounts {
    pub fn new(
        account: Arc<dyn PointsAccount>,
        tasks: Arc<dyn PointsTasks>,
        route: PointsRoute,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        due: Arc<Notify>,
    ) -> Self {
        Self { account, tasks, route, clock, ids, due, away: AtomicBool::new(false) }
    }

    /// With the own ledger the task has ended when this returns; with a platform it is kept and will be asked for.
    async fn begin(&self, tasks: &[PointsTask]) -> PortResult<Vec<StandingTask>> {
        match self.route {
            PointsRoute::OwnLedger => self.tasks.settle(tasks, self.clock.now()).await,
            PointsRoute::Platform(_) => {
                let standing = self.tasks.keep(tasks, self.clock.now()).await?;
                self.due.notify_one();
                Ok(standing)
            }
        }
    }

    async fn run_in_ledger(&self, limit: u32) -> PortResult<usize> {
        let now = self.clock.now();
        let until = now.plus(Duration::from_secs(10));
        let leased = self.tasks.lease(limit, &self.ids.token(), now, until).await?;
        let tasks: Vec<PointsTask> = leased.into_iter().map(|standing| standing.task).collect();
        if !tasks.is_empty() {
            self.tasks.settle(&tasks, self.clock.now()).await?;
        }
        Ok(tasks.len())
    }

    /// Keeps up to `pace.concurrency` calls in flight until `limit` tasks were asked for, or none is due and none in
    /// flight. Calls that an error leaves in flight are asked again when their leases have run out.
    async fn run_at_platform(&self, pace: PlatformPace, limit: u32) -> PortResult<usize> {
        let token = self.ids.token();
        let (mut asked, mut more) = (0_usize, true);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut calls = JoinSet::new();
        loop {
            if more && asked < limit && calls.len() < pace.concurrency {
                let wanted = (pace.concurrency - calls.len()).min(limit - asked);
                let now = self.clock.now();
                let most = u32::try_from(wanted).unwrap_or(u32::MAX);
                let leased = self.tasks.lease(most, &token, now, now.plus(pace.lease)).await?;
                more = leased.len() >= wanted;
                asked += leased.len();
                for standing in leased {
                    calls.spawn(ask(Arc::clone(&self.account), standing));
                }
            }
            if calls.is_empty() {
                return Ok(asked);
            }
            tokio::select! {
                Some(first) = calls.join_next() => {
                    let mut answers: Vec<Answered> = first.ok().into_iter().collect();
                    while let Some(next) = calls.try_join_next() {
                        answers.extend(next.ok());
                    }
                    self.note(answers, &token, pace).await?;
                }
                () = tokio::time::sleep(LOOK_AGAIN), if !more && asked < limit => more = true,
            }
        }
    }

    async fn note(&self, answers: Vec<Answered>, token: &str, pace: PlatformPace) -> PortResult<()> {
        let now = self.clock.now();
        let (mut ends, mut postponed) = (Vec::new(), Vec::new());
        for Answered { standing, outcome } in answers {
            let name = standing.task.name();
            match outcome {
                Ok(answer) => {
                    if self.away.swap(false, Ordering::Relaxed) {
                        tracing::info!("The points platform answers again.");
                    }
                    tell_refused_refund(&standing.task, &answer);
                    ends.push((name, answer));
                }
                Err(error) => {
                    self.tell_away(&error);
                    tracing::debug!(points.kind = name.kind.as_str(), points.business_id = %name.business_id,
                        points.attempts = standing.attempts, error = %error, "A points operation has no answer yet.");
                    postponed.push((name, now.plus(pace.pause(standing.attempts))));
                }
            }
        }
        if !ends.is_empty() {
            self.tasks.end(&ends, now).await?;
        }
        if !postponed.is_empty() {
            self.tasks.postpone(&postponed, token).await?;
        }
        Ok(())
    }

    /// Once for each time it goes away.
    fn tell_away(&self, error: &PortError) {
        if !self.away.swap(true, Ordering::Relaxed) {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(error = %error, error.cause = %cause, "The points platform gives no answer; its operations wait and are asked again.");
        }
    }

    async fn kept_grant(&self, grant: PointsGrant) -> Result<StandingTask, MemberError> {
        let task = PointsTask {
            operation: PointsOperation {
                store: grant.store,
                user: grant.user,
                kind: PointsKind::Grant,
                business_id: grant.key,
                points: grant.points,
                order_no: None,
                reason: grant.reason,
            },
            // Nothing is settled in money.
            currency: Currency::CNY,
            restock: Vec::new(),
            traceparent: None,
        };
        let standing = self.begin(std::slice::from_ref(&task)).await?.into_iter().next().ok_or_else(no_answer)?;
        let took_effect = standing.new || standing.state != TaskState::Refused;
        if took_effect && standing.task.operation != task.operation {
            return Err(MemberError::KeyReused);
        }
        Ok(standing)
    }

    /// A grant's end is waited for: staff want to know. The sweeper may ask at the same time; the name keeps it to one.
    async fn end_grant(&self, standing: &StandingTask) -> Result<TaskState, MemberError> {
        if standing.state != TaskState::Pending {
            return Ok(standing.state);
        }
        let answers = self.account.apply(std::slice::from_ref(&standing.task.operation)).await;
        let answer = answers.into_iter().next().ok_or_else(no_answer)??;
        let state = match &answer {
            PointsAnswer::Done { .. } => TaskState::Done,
            PointsAnswer::Refused { .. } => TaskState::Refused,
        };
        self.tasks.end(&[(standing.task.name(), answer)], self.clock.now()).await?;
        Ok(state)
    }
}

/// A call that ended.
struct Answered {
    standing: StandingTask,
    outcome: PortResult<PointsAnswer>,
}

async fn ask(account: Arc<dyn PointsAccount>, standing: StandingTask) -> Answered {
    let answers = account.apply(std::slice::from_ref(&standing.task.operation)).await;
    let outcome = answers.into_iter().next().unwrap_or_else(|| Err(no_answer()));
    Answered { standing, outcome }
}

fn no_answer() -> PortError {
    PortError::internal("the points account", "fewer answers than operations")
}

/// The order has decided already, so a person must look.
fn tell_refused_refund(task: &PointsTask, answer: &PointsAnswer) {
    if let (PointsKind::Refund, PointsAnswer::Refused { reason }) = (task.operation.kind, answer) {
        tracing::error!(
            refund.id = %task.operation.business_id,
            order.no = task.operation.order_no.map(tracing::field::display),
            points.amount = task.operation.points.0,
            refusal.reason = %reason,
            "The points platform refuses to give points back; settle it there by hand."
        );
    }
}

fn check_grant(grant: &PointsGrant) -> Result<(), MemberError> {
    let invalid = |field: &'static str, reason: &str| Err(MemberError::InvalidField { field, reason: reason.to_owned() });
    let letters = |text: &str, most: usize| is_visible(text) && text.chars().count() <= most;
    if !(1..=MOST_POINTS_IN_A_GRANT).contains(&grant.points.0) {
        return invalid("points", "a whole number from 1 to 1000000000000");
    }
    if !letters(grant.user.as_str(), 64) {
        return invalid("user_id", "1 to 64 characters");
    }
    if !letters(&grant.reason, MOST_REASON) {
        return invalid("reason", "1 to 200 characters");
    }
    // Room for the name of another try.
    if !letters(&grant.key, 60) {
        return invalid("key", "1 to 60 characters");
    }
    Ok(())
}

#[async_trait]
impl PointsService for PointsAccounts {
    async fn account(&self, store: StoreId, user: &UserId, page: PageRequest) -> Result<PointsStatement, MemberError> {
        let entries = self.account.entries(store, user, page).await?;
        // Read last, so that a balance never lacks what the entries show.
        let balance = self.account.balance(store, user).await?;
        Ok(PointsStatement { balance, entries: Page::from_overfull(entries, page.limit, |entry| entry.id) })
    }

    async fn grant(&self, mut grant: PointsGrant) -> Result<Granted, MemberError> {
        check_grant(&grant)?;
        let (store, user, key) = (grant.store, grant.user.clone(), grant.key.clone());
        for further in 2..=MAX_REFUSED_GRANTS {
            let standing = self.kept_grant(grant.clone()).await?;
            // An account's no is for good under that name, so the next try has a name of its own.
            if !standing.new && standing.state == TaskState::Refused {
                grant.key = format!("{key}.{further}");
                continue;
            }
            return match self.end_grant(&standing).await? {
                TaskState::Done => Ok(Granted { balance: self.account.balance(store, &user).await?, replayed: !standing.new }),
                TaskState::Refused | TaskState::Pending => Err(MemberError::PointsRefused),
            };
        }
        Err(MemberError::PointsRefused)
    }

    async fn deduct(&self, deductions: &[PointsDeduction]) -> Result<Vec<TaskState>, MemberError> {
        if deductions.is_empty() {
            return Ok(Vec::new());
        }
        let tasks: Vec<PointsTask> = deductions.iter().map(deduct_task).collect();
        let standing = self.begin(&tasks).await?;
        Ok(standing.iter().map(|standing| standing.state).collect())
    }

    async fn refund(&self, refund: RefundOfPoints) -> Result<Option<bool>, MemberError> {
        let task = refund_task(refund);
        let standing = match self.tasks.keep_refund(&task, self.clock.now()).await? {
            RefundKept::Kept(standing) => standing,
            RefundKept::NotDeducted => return Err(MemberError::PointsNotDeducted),
            RefundKept::TooMuch { left } => return Err(MemberError::PointsRefundTooLarge { left }),
        };
        let (known, asked) = (&standing.task, &task);
        if !standing.new && (&known.operation.reason, &known.restock) != (&asked.operation.reason, &asked.restock) {
            return Ok(None);
        }
        match (standing.state, self.route) {
            (TaskState::Done, _) => Ok(Some(true)),
            (TaskState::Refused, _) => Ok(Some(false)),
            (TaskState::Pending, PointsRoute::OwnLedger) => {
                let settled = self.tasks.settle(&[standing.task], self.clock.now()).await?;
                Ok(Some(settled.iter().all(|standing| standing.state == TaskState::Done)))
            }
            (TaskState::Pending, PointsRoute::Platform(_)) => {
                self.due.notify_one();
                Ok(Some(false))
            }
        }
    }

    async fn run_due(&self, limit: u32) -> Result<usize, MemberError> {
        Ok(match self.route {
            PointsRoute::OwnLedger => self.run_in_ledger(limit).await?,
            PointsRoute::Platform(pace) => self.run_at_platform(pace, limit).await?,
        })
    }

    async fn stats(&self) -> Result<PointsStats, MemberError> {
        Ok(self.tasks.stats().await?)
    }

    fn has_own_ledger(&self) -> bool {
        matches!(self.route, PointsRoute::OwnLedger)
    }
}

fn deduct_task(deduction: &PointsDeduction) -> PointsTask {
    PointsTask {
        operation: PointsOperation {
            store: deduction.store,
            user: deduction.user.clone(),
            kind: PointsKind::Deduct,
            business_id: deduction.order_no.to_string(),
            points: deduction.points,
            order_no: Some(deduction.order_no),
            reason: "order".to_owned(),
        },
        currency: deduction.currency,
        restock: Vec::new(),
        traceparent: deduction.traceparent.clone(),
    }
}

fn refund_task(refund: RefundOfPoints) -> PointsTask {
    PointsTask {
        operation: PointsOperation {
            store: refund.store,
            user: refund.user,
            kind: PointsKind::Refund,
            business_id: refund.id.to_string(),
            points: refund.points,
            order_no: Some(refund.order_no),
            reason: refund.reason.chars().take(MOST_REASON).collect(),
        },
        // Replaced by the deduction's.
        currency: Currency::CNY,
        restock: refund.restock,
        traceparent: refund.traceparent,
    }
}

#[cfg(test)]
#[path = "points_tests.rs"]
mod tests;
