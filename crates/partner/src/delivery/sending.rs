//! Sending to one leased target until nothing is due, or it turns out to be away.
//!
//! While the target is well its messages go out with bounded concurrency, in batches whose outcomes are noted in one
//! transaction. While it is away one message probes it, the one that waits longest; each that failed goes to the end,
//! so a message the target cannot bear does not keep the others back.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sluice_kernel::{Clock, PortResult, Timestamp};
use tokio::sync::Semaphore;

use super::rules::Verdict;
use crate::{Answer, Attempt, Delivery, DeliveryQueue, LeasedTarget, Outcome, Push, PushRules, PushSender, Recorded, TargetHealth};

/// How long a target is leased; extended with every batch.
pub(crate) const LEASE: Duration = Duration::from_mins(1);
/// No try begins when less than this is left of the lease: longer than any try takes.
const LEAST_LEASE: Duration = Duration::from_secs(20);
/// Messages read and noted together.
const BATCH: u32 = 32;
/// Characters of an error that are kept.
const MAX_ERROR: usize = 300;

/// What sending needs; shared by all targets of a process.
pub(crate) struct Senders<'a> {
    pub queue: &'a dyn DeliveryQueue,
    pub sender: &'a dyn PushSender,
    pub clock: &'a dyn Clock,
    pub rules: PushRules,
    /// Requests of the process at the same time.
    pub room: &'a Semaphore,
}

/// A try that was made.
struct Tried {
    delivery: Delivery,
    attempt: Attempt,
    verdict: Verdict,
    asked: Option<Duration>,
}

impl Senders<'_> {
    /// Sends what is due for the target. The lease is given back, also after a failure of the queue.
    pub async fn serve(&self, target: &LeasedTarget) -> PortResult<()> {
        let served = self.serve_all(target).await;
        let released = self.queue.release(target).await;
        served.and(released)
    }

    async fn serve_all(&self, target: &LeasedTarget) -> PortResult<()> {
        let mut failures = target.failures;
        let mut until = self.clock.now().plus(LEASE);
        loop {
            let probing = failures > 0;
            let due = self.queue.due(target.subscription, self.clock.now(), if probing { 1 } else { BATCH }).await?;
            if due.is_empty() {
                return Ok(());
            }
            let tried = self.send_all(target, due, until).await;
            if tried.is_empty() {
                return Ok(());
            }
            let now = self.clock.now();
            let health = self.health(failures, &tried, now);
            let records: Vec<Recorded> = tried.iter().map(|tried| self.record(tried, failures, &health, now)).collect();
            until = now.plus(LEASE);
            let held = self.queue.record(target, &records, &health, until).await?;
            tell(target, failures, &health);
            failures = health.failures;
            if !held || health.paused_until.is_some() {
                return Ok(());
            }
        }
    }

    /// Tries them with bounded concurrency. After the first sign of an outage none is begun any more.
    async fn send_all(&self, target: &LeasedTarget, due: Vec<Delivery>, until: Timestamp) -> Vec<Tried> {
        let at_once = usize::try_from(self.rules.per_target).unwrap_or(1).max(1);
        let mut waiting = due.into_iter();
        let mut tried = Vec::new();
        let mut running = stream::FuturesUnordered::new();
        let mut well = true;
        loop {
            while well && running.len() < at_once {
                let Some(delivery) = waiting.next() else { break };
                running.push(self.send_one(target, delivery, until));
            }
            match running.next().await {
                None => return tried,
                Some(None) => well = false,
                Some(Some(one)) => {
                    well &= one.verdict != Verdict::Away;
                    tried.push(one);
                }
            }
        }
    }

    /// `None` where the lease would not last for a try.
    async fn send_one(&self, target: &LeasedTarget, delivery: Delivery, until: Timestamp) -> Option<Tried> {
        let _place = self.room.acquire().await.ok()?;
        let at = self.clock.now();
        if at.plus(LEAST_LEASE) > until {
            return None;
        }
        let mut secrets = vec![&target.secret];
        secrets.extend(target.previous_secret.iter().filter(|(_, end)| at < *end).map(|(secret, _)| secret));
        let push = Push { url: &target.url, secrets, id: delivery.id.as_str(), at, body: &delivery.body };
        let answer = self.sender.send(push).await;
        let verdict = Verdict::of(&answer);
        metrics::counter!("sluice_push_tries_total", "outcome" => verdict.as_str()).increment(1);
        let took = self.clock.now().since(at);
        let (status, asked, error) = match answer {
            Answer::Status { status, retry_after, said } => (Some(status), retry_after, refusal(verdict, status, &said)),
            Answer::None { reason } => (None, None, Some(short(&reason))),
        };
        let attempt = Attempt {
            number: delivery.tries.saturating_add(1),
            at,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            status,
            error,
        };
        Some(Tried { delivery, attempt, verdict, asked })
    }

    /// One outage is one failure, however many tries were under way when it began.
    fn health(&self, failures: u32, tried: &[Tried], now: Timestamp) -> TargetHealth {
        let away = tried.iter().rfind(|tried| tried.verdict == Verdict::Away);
        let answered = tried.iter().any(|tried| tried.verdict != Verdict::Away);
        let failures = if answered { 0 } else { failures };
        let last_success_at = answered.then_some(now);
        let Some(away) = away else {
            return TargetHealth { last_success_at, ..TargetHealth::default() };
        };
        let failures = failures.saturating_add(1);
        TargetHealth {
            failures,
            paused_until: Some(now.plus(self.rules.target_pause(failures, away.asked))),
            last_success_at,
            last_failure_at: Some(now),
            last_error: away.attempt.error.clone(),
        }
    }

    fn record(&self, tried: &Tried, failures: u32, health: &TargetHealth, now: Timestamp) -> Recorded {
        let Tried { delivery, attempt, verdict, .. } = tried;
        let given_up = now >= delivery.since.plus(self.rules.give_up_after);
        let again = |pause: Duration, blamed: u32| {
            if given_up { Outcome::Exhausted } else { Outcome::Again { at: now.plus(pause), blamed } }
        };
        let outcome = match verdict {
            Verdict::Accepted => Outcome::Delivered,
            Verdict::Refused => again(self.rules.message_pause(attempt.number), delivery.blamed),
            Verdict::Away => {
                let blamed = delivery.blamed.saturating_add(u32::from(failures == 0));
                let of_target = health.paused_until.map(|until| until.since(now)).unwrap_or_default();
                again(of_target.max(self.rules.target_pause(blamed, None)), blamed)
            }
        };
        Recorded { delivery: delivery.id.clone(), seq: delivery.seq, attempt: attempt.clone(), outcome }
    }
}

/// Said once when it begins and once when it ends.
fn tell(target: &LeasedTarget, before: u32, health: &TargetHealth) {
    let (subscription, url) = (target.subscription.0, target.url.as_str());
    if before == 0 && health.failures > 0 {
        let error = health.last_error.as_deref().unwrap_or_default();
        tracing::warn!(webhook.subscription = subscription, webhook.url = url, error, "A partner is away; its messages wait.");
    } else if before > 0 && health.failures == 0 {
        tracing::info!(webhook.subscription = subscription, webhook.url = url, push.failures = before, "A partner is back.");
    }
}

fn refusal(verdict: Verdict, status: u16, said: &str) -> Option<String> {
    if verdict == Verdict::Accepted {
        return None;
    }
    let said = said.trim();
    Some(if said.is_empty() { format!("answered {status}") } else { short(&format!("answered {status}: {said}")) })
}

fn short(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MAX_ERROR).collect()
}
