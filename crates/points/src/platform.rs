//! Asking a points platform: tasks are asked for with bounded concurrency, each under its own name until the answer is
//! known, with pauses that grow up to a bound. A platform that is away delays, and loses nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sluice_kernel::{Clock, PortError, PortResult};
use tokio::task::JoinSet;

use crate::{PointsAccount, PointsAnswer, PointsKind, PointsTask, PointsTasks, StandingTask, error::no_answer};

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

/// While calls are in flight and nothing more was due, the tasks are looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Asks for what is due, as one caller.
pub(crate) struct PlatformRun<'a> {
    pub(crate) account: &'a Arc<dyn PointsAccount>,
    pub(crate) tasks: &'a dyn PointsTasks,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) pace: PlatformPace,
    /// Names the caller in its leases; never used twice.
    pub(crate) token: String,
    /// The last answer of the platform was none.
    pub(crate) away: &'a AtomicBool,
}

impl PlatformRun<'_> {
    /// Keeps up to `pace.concurrency` calls in flight until `limit` tasks were asked for, or none is due and none in
    /// flight. Calls that an error leaves in flight are asked again when their leases have run out.
    pub(crate) async fn up_to(&self, limit: u32) -> PortResult<usize> {
        let pace = self.pace;
        let (mut asked, mut more) = (0_usize, true);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut calls = JoinSet::new();
        loop {
            if more && asked < limit && calls.len() < pace.concurrency {
                let wanted = (pace.concurrency - calls.len()).min(limit - asked);
                let now = self.clock.now();
                let most = u32::try_from(wanted).unwrap_or(u32::MAX);
                let leased = self.tasks.lease(most, &self.token, now, now.plus(pace.lease)).await?;
                more = leased.len() >= wanted;
                asked += leased.len();
                for standing in leased {
                    calls.spawn(ask(Arc::clone(self.account), standing));
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
                    self.note(answers).await?;
                }
                () = tokio::time::sleep(LOOK_AGAIN), if !more && asked < limit => more = true,
            }
        }
    }

    async fn note(&self, answers: Vec<Answered>) -> PortResult<()> {
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
                    postponed.push((name, now.plus(self.pace.pause(standing.attempts))));
                }
            }
        }
        if !ends.is_empty() {
            self.tasks.end(&ends, now).await?;
        }
        if !postponed.is_empty() {
            self.tasks.postpone(&postponed, &self.token).await?;
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

/// A person must look: staff see it among the exceptions, too.
fn tell_refused_refund(task: &PointsTask, answer: &PointsAnswer) {
    if let (PointsKind::Refund, PointsAnswer::Refused { reason }) = (task.operation.kind, answer) {
        tracing::error!(
            refund.id = %task.operation.business_id,
            order.no = task.operation.order_no.map(tracing::field::display),
            points.amount = task.operation.points.0,
            refusal.reason = %reason,
            "The points platform refuses to give points back; staff see it among the exceptions."
        );
    }
}
