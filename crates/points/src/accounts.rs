//! The service over its ports.
//!
//! Contract: with the own ledger an operation and its end are one transaction. With a points platform a task is kept
//! first, then asked for (`platform`).

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use sluice_kernel::{Clock, Currency, IdGenerator, Page, PageRequest, PortResult, RefundId, StoreId, TraceContext, UserId, check};
use tokio::sync::Notify;

use crate::{
    Granted, PlatformPace, PointsAccount, PointsAnswer, PointsDeduction, PointsError, PointsGrant, PointsKind, PointsOperation,
    PointsRefundBegun, PointsService, PointsStatement, PointsStats, PointsTask, PointsTasks, RefundKept, RefundOfPoints,
    StandingTask, TaskState, error::no_answer, platform::PlatformRun,
};

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
    /// Notified when a task was kept that is due at once.
    due: Arc<Notify>,
    /// The last answer of the platform was none.
    away: AtomicBool,
}

const MAX_REASON: usize = 200;
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

    async fn kept_grant(&self, grant: PointsGrant) -> Result<StandingTask, PointsError> {
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
            return Err(PointsError::KeyReused);
        }
        Ok(standing)
    }

    /// A grant's end is waited for: staff want to know. The sweeper may ask at the same time; the name keeps it to one.
    async fn end_grant(&self, standing: &StandingTask) -> Result<TaskState, PointsError> {
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

    /// Whether the points are back; a platform is asked in the background.
    async fn end_refund(&self, standing: StandingTask) -> Result<bool, PointsError> {
        match (standing.state, self.route) {
            (TaskState::Done, _) => Ok(true),
            (TaskState::Refused, _) => Err(PointsError::Refused),
            (TaskState::Pending, PointsRoute::OwnLedger) => {
                let settled = self.tasks.settle(&[standing.task], self.clock.now()).await?;
                if settled.iter().any(|standing| standing.state == TaskState::Refused) {
                    return Err(PointsError::Refused);
                }
                Ok(settled.iter().all(|standing| standing.state == TaskState::Done))
            }
            (TaskState::Pending, PointsRoute::Platform(_)) => {
                self.due.notify_one();
                Ok(false)
            }
        }
    }
}

fn check_grant(grant: &PointsGrant) -> check::Result {
    check::text("user_id", grant.user.as_str(), 64)?;
    check::text("reason", &grant.reason, MAX_REASON)?;
    check::number("points", grant.points.0, 1..=check::MAX_AMOUNT)?;
    // The column holds 64: room for the name of another try.
    check::text("key", &grant.key, 60)
}

#[async_trait]
impl PointsService for PointsAccounts {
    async fn account(&self, store: StoreId, user: &UserId, page: PageRequest) -> Result<PointsStatement, PointsError> {
        let entries = self.account.entries(store, user, page).await?;
        // Read last, so that a balance never lacks what the entries show.
        let balance = self.account.balance(store, user).await?;
        Ok(PointsStatement { balance, entries: Page::from_overfull(entries, page.limit, |entry| entry.id) })
    }

    async fn grant(&self, mut grant: PointsGrant) -> Result<Granted, PointsError> {
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
                TaskState::Refused | TaskState::Pending => Err(PointsError::Refused),
            };
        }
        Err(PointsError::Refused)
    }

    async fn deduct(&self, deductions: &[PointsDeduction]) -> Result<Vec<TaskState>, PointsError> {
        if deductions.is_empty() {
            return Ok(Vec::new());
        }
        let tasks: Vec<PointsTask> = deductions.iter().map(deduct_task).collect();
        let standing = self.begin(&tasks).await?;
        Ok(standing.iter().map(|standing| standing.state).collect())
    }

    async fn refund(&self, refund: RefundOfPoints) -> Result<Option<PointsRefundBegun>, PointsError> {
        let again = refund.again;
        let task = refund_task(refund);
        let standing = match self.tasks.keep_refund(&task, again, self.clock.now()).await? {
            RefundKept::Kept(standing) => standing,
            RefundKept::NotDeducted => return Err(PointsError::NotDeducted),
            RefundKept::TooMuch { left } => return Err(PointsError::RefundTooLarge { left }),
        };
        if !standing.new && standing.state == TaskState::Refused {
            return Err(PointsError::Refused);
        }
        let (known, asked) = (&standing.task, &task);
        if !standing.new && (&known.operation.reason, &known.restock) != (&asked.operation.reason, &asked.restock) {
            return Ok(None);
        }
        let id = RefundId(standing.task.operation.business_id.clone());
        Ok(Some(PointsRefundBegun { id, done: self.end_refund(standing).await? }))
    }

    async fn run_due(&self, limit: u32) -> Result<usize, PointsError> {
        Ok(match self.route {
            PointsRoute::OwnLedger => self.run_in_ledger(limit).await?,
            PointsRoute::Platform(pace) => {
                let (account, tasks, clock) = (&self.account, &*self.tasks, &*self.clock);
                let run = PlatformRun { account, tasks, clock, pace, token: self.ids.token(), away: &self.away };
                run.up_to(limit).await?
            }
        })
    }

    async fn stats(&self) -> Result<PointsStats, PointsError> {
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
            reason: refund.reason.chars().take(MAX_REASON).collect(),
        },
        // Replaced by the deduction's.
        currency: Currency::CNY,
        restock: refund.restock,
        traceparent: TraceContext::current_header(),
    }
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
