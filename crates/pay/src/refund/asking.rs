//! Refunds towards their providers: begun once, asked for until there is an answer, each by itself.
//!
//! A refund without an answer steps aside with pauses that grow up to a bound, so it never hides a later one; a provider's no
//! ends it. Staff see both: a refusal at once, and a refund that has been without an answer for minutes.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sluice_kernel::check;

use crate::{
    GatewayError, PayError, PayException, PayRefund, PayService as _, Payments, RefundBegin, RefundRequest, RefundStatus,
    service::bounded,
};

/// How long a refund that is being asked for is left alone by other workers.
const LEASE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_mins(10);
/// Tries without an answer after which staff are told; some minutes.
const TOLD_AFTER: u32 = 8;
/// Refunds asked for at the same time, so that a slow provider does not hold the others up.
const ASKED_AT_ONCE: usize = 8;

/// What a provider, or the lack of its answer, came to.
enum Outcome {
    Done,
    Refused(String),
    Unknown(PayError),
}

fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(MAX_PAUSE)
}

impl Payments {
    pub(crate) async fn begin_refund(&self, request: &RefundRequest) -> Result<PayRefund, PayError> {
        check::text("reason", &request.reason, 200)?;
        let refund = match self.refunds.begin(request, self.clock.now()).await? {
            RefundBegin::Begun(refund) => refund,
            RefundBegin::TooLarge { left } => return Err(PayError::RefundTooLarge { left }),
            RefundBegin::RestockTooLarge { sku, left } => return Err(PayError::RestockTooLarge { sku, left }),
            RefundBegin::KeyReused => return Err(PayError::KeyReused),
            RefundBegin::NotPaid => return Err(PayError::NotFound),
        };
        if refund.status != RefundStatus::Pending {
            return Ok(refund);
        }
        match self.ask_provider(&refund).await? {
            Outcome::Done => Ok(PayRefund { status: RefundStatus::Done, ..refund }),
            Outcome::Refused(reason) => Err(PayError::RefundRefused(reason)),
            Outcome::Unknown(error) => {
                tracing::warn!(refund.id = %refund.id, error = %error, "A refund is pending; it will be tried again.");
                Ok(refund)
            }
        }
    }

    /// Asks for refunds that are due, side by side; one that fails holds no other up.
    pub(crate) async fn ask_due_refunds(&self, limit: u32) -> Result<usize, PayError> {
        let now = self.clock.now();
        let due = self.refunds.claim(limit, now, now.plus(LEASE)).await?;
        // Collected first: a stream over a closure that borrows would not be `Send` for every lifetime.
        let tries: Vec<_> = due.iter().map(|refund| self.ask_again(refund)).collect();
        let mut asked = stream::iter(tries).buffer_unordered(ASKED_AT_ONCE);
        let mut all = Ok(due.len());
        while let Some(result) = asked.next().await {
            // Only our own rows fail here; the refund comes again when its lease has run out.
            all = all.and_then(|count| result.map(|()| count));
        }
        all
    }

    async fn ask_again(&self, refund: &PayRefund) -> Result<(), PayError> {
        let Outcome::Unknown(error) = self.ask_provider(refund).await? else { return Ok(()) };
        tracing::warn!(refund.id = %refund.id, refund.attempts = refund.attempts, error = %error, "A refund is still pending.");
        self.refunds.put_off(&refund.id, self.clock.now().plus(pause(refund.attempts))).await?;
        if refund.attempts >= TOLD_AFTER {
            let detail = format!("The provider has not answered refund {} so far; it is asked again.", refund.id);
            self.tell_staff("refund_unanswered", refund, detail).await?;
        }
        Ok(())
    }

    async fn ask_provider(&self, refund: &PayRefund) -> Result<Outcome, PayError> {
        let payment = self.find(&refund.payment_id).await?;
        let outcome = if payment.amount.amount == 0 {
            // Nothing was paid, so nobody has to be asked for it.
            Outcome::Done
        } else {
            match self.gateway(&payment.provider) {
                Ok(gateway) => outcome_of(bounded(gateway.refund(refund)).await),
                Err(unknown) => Outcome::Unknown(unknown),
            }
        };
        match &outcome {
            Outcome::Done => self.refunds.finish(&refund.id, self.clock.now()).await?,
            Outcome::Refused(reason) => {
                // Staff are told first: a crash in between tells them once more.
                let detail = format!("The provider refuses refund {} of {} minor units: {reason}", refund.id, refund.amount.amount);
                self.tell_staff("refund_refused", refund, detail).await?;
                self.refunds.refuse(&refund.id, reason, self.clock.now()).await?;
                tracing::error!(refund.id = %refund.id, order.no = %refund.order_no, refusal.reason = %reason, "The provider refuses a refund; staff see it among the exceptions.");
            }
            Outcome::Unknown(_) => {}
        }
        Ok(outcome)
    }

    async fn tell_staff(&self, kind: &str, refund: &PayRefund, detail: String) -> Result<(), PayError> {
        let exception = PayException {
            id: 0,
            kind: kind.to_owned(),
            store_id: Some(refund.store),
            order_no: Some(refund.order_no.to_string()),
            payment_id: Some(refund.payment_id.to_string()),
            detail,
            at: self.clock.now(),
            resolution: None,
        };
        Ok(self.payments.keep_exception(&exception).await?)
    }
}

fn outcome_of(answer: Result<(), GatewayError>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Done,
        Err(GatewayError::Refused(reason)) => Outcome::Refused(reason),
        Err(error @ (GatewayError::Unknown(_) | GatewayError::Malformed(_))) => {
            Outcome::Unknown(PayError::Port(sluice_kernel::PortError::unavailable("the payment provider", error)))
        }
    }
}
