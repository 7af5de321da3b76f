//! The embedded payment provider `sandbox`: a cashier instead of a bank, and a signed callback like a real one.
//!
//! It keeps books of its own (`SandboxChannels`): the buyer's choice stands before the callback is sent, and a callback
//! that was not accepted is owed until it is. Closing a channel asks these books, so money that was chosen is never
//! closed away.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sluice_kernel::{Clock, IdGenerator, PaymentId, PortError, Timestamp, json};
use sluice_pay::{
    Channel, ChannelState, GatewayError, Notice, NoticeStatus, PayError, PayRefund, Payment, PaymentGateway, PaymentRepository,
    PaymentRequest, PaymentStatus, SandboxChannels, SandboxNotice, SandboxOutcome, SignatureError, WebhookHeaders,
};

use crate::{http_client, webhook_signature};

#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// Signs callbacks; used as its UTF-8 bytes.
    pub secret: String,
    /// Where buyers reach the cashier, without a trailing slash.
    pub public_url: String,
    /// Where the callback route is reached, without a trailing slash.
    pub callback_url: String,
}

pub struct SandboxGateway {
    settings: SandboxSettings,
    channels: Arc<dyn SandboxChannels>,
    payments: Arc<dyn PaymentRepository>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    client: reqwest::Client,
}

const PROVIDER: &str = "sandbox";
/// Seconds a callback's timestamp may differ from our clock (docs/api.md).
const TOLERANCE_SECONDS: i64 = 5 * 60;
const CALLBACK_TIMEOUT: Duration = Duration::from_secs(5);
/// A choice whose callback was not accepted within this time is sent again.
const OWED_AFTER: Duration = Duration::from_secs(2);

/// The callback's body (docs/api.md, Payment callbacks).
#[derive(Debug, Serialize, Deserialize)]
struct CallbackBody {
    payment_id: PaymentId,
    order_no: String,
    status: NoticeStatus,
    amount: i64,
    currency: String,
    payee: String,
}

impl SandboxGateway {
    pub fn new(
        settings: SandboxSettings,
        channels: Arc<dyn SandboxChannels>,
        payments: Arc<dyn PaymentRepository>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Result<Self, PortError> {
        let client = http_client::built(http_client::without_tls()?.timeout(CALLBACK_TIMEOUT))?;
        Ok(Self { settings, channels, payments, clock, ids, client })
    }

    /// The buyer chooses at the cashier. Once the choice stands it is settled by a callback: now if it is accepted, or
    /// later by [`SandboxGateway::deliver_owed`].
    pub async fn choose(&self, id: &PaymentId, outcome: SandboxOutcome) -> Result<(), PayError> {
        let payment = self.payments.find(id).await?.filter(|payment| payment.provider == PROVIDER).ok_or(PayError::NotFound)?;
        let now = self.clock.now();
        if payment.status != PaymentStatus::Pending || now >= payment.expires_at {
            return Err(PayError::Closed);
        }
        let notice_id = format!("sbx_{}", self.ids.token());
        let chosen = self.channels.choose(&payment, outcome, &notice_id, now).await?.ok_or(PayError::Closed)?;
        if let Err(error) = self.deliver(&payment, &chosen).await {
            tracing::warn!(payment.id = %id, error = %error, "A callback was not accepted; it will be sent again.");
        }
        Ok(())
    }

    /// Sends the callbacks that are still owed; returns how many were tried.
    pub async fn deliver_owed(&self) -> Result<usize, PayError> {
        let owed = self.channels.undelivered(self.clock.now().minus(OWED_AFTER), 100).await?;
        for notice in &owed {
            let Some(payment) = self.payments.find(&notice.payment_id).await? else { continue };
            if let Err(error) = self.deliver(&payment, notice).await {
                tracing::debug!(payment.id = %payment.id, error = %error, "An owed callback was not accepted.");
            }
        }
        Ok(owed.len())
    }

    async fn deliver(&self, payment: &Payment, notice: &SandboxNotice) -> Result<(), GatewayError> {
        let body = serde_json::to_vec(&callback_body(payment, notice)).map_err(|error| GatewayError::Unknown(error.into()))?;
        let timestamp = self.clock.now().as_millis() / 1_000;
        let signature = webhook_signature::sign(self.settings.secret.as_bytes(), &notice.notice_id, timestamp, &body);
        let url = format!("{}/api/v1/payments/{PROVIDER}/callback", self.settings.callback_url);
        let answer = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &notice.notice_id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await
            .map_err(|error| GatewayError::Unknown(error.into()))?;
        if !answer.status().is_success() {
            return Err(GatewayError::Refused(format!("the callback was answered {}", answer.status())));
        }
        self.channels.delivered(&payment.id, self.clock.now()).await.map_err(|error| GatewayError::Unknown(error.into()))
    }
}

fn callback_body(payment: &Payment, notice: &SandboxNotice) -> CallbackBody {
    CallbackBody {
        payment_id: payment.id.clone(),
        order_no: payment.order_no.to_string(),
        status: match notice.outcome {
            SandboxOutcome::Paid => NoticeStatus::Paid,
            SandboxOutcome::Failed => NoticeStatus::Failed,
        },
        amount: payment.amount.amount,
        currency: payment.amount.currency.as_str().to_owned(),
        payee: payment.store.to_string(),
    }
}

/// Reads the three headers and compares signature and time; the body is not read before.
fn verified_event_id(secret: &[u8], headers: &WebhookHeaders, body: &[u8], now: Timestamp) -> Option<String> {
    let id = headers.get("webhook-id")?;
    let timestamp: i64 = headers.get("webhook-timestamp")?.parse().ok()?;
    let signature = headers.get("webhook-signature")?;
    let age = (now.as_millis() / 1_000).checked_sub(timestamp)?;
    let timely = (-TOLERANCE_SECONDS..=TOLERANCE_SECONDS).contains(&age);
    let genuine = webhook_signature::verify(secret, id, timestamp, body, signature);
    (timely && genuine && !id.is_empty() && id.len() <= 128).then(|| id.to_owned())
}

#[async_trait]
impl PaymentGateway for SandboxGateway {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    fn instant(&self, payment: &Payment) -> Option<Channel> {
        Some(Channel { url: format!("{}/pay/sandbox/{}", self.settings.public_url, payment.id), expires_at: None })
    }

    async fn open(&self, payment: &Payment, _request: &PaymentRequest, _account: Option<&str>) -> Result<Channel, GatewayError> {
        self.instant(payment).ok_or_else(|| GatewayError::Refused("the cashier has no address".to_owned()))
    }

    async fn close(&self, payment: &Payment) -> Result<ChannelState, GatewayError> {
        let chosen =
            self.channels.close(&payment.id, self.clock.now()).await.map_err(|error| GatewayError::Unknown(error.into()))?;
        match chosen {
            Some(notice) if notice.outcome == SandboxOutcome::Paid => {
                let body = callback_body(payment, &notice);
                Ok(ChannelState::Paid(Notice {
                    event_id: notice.notice_id,
                    payment_id: body.payment_id,
                    order_no: body.order_no,
                    status: body.status,
                    amount: body.amount,
                    currency: body.currency,
                    payee: body.payee,
                }))
            }
            Some(_) | None => Ok(ChannelState::Closed),
        }
    }

    /// Play money goes back at once.
    async fn refund(&self, refund: &PayRefund) -> Result<(), GatewayError> {
        tracing::info!(refund.id = %refund.id, order.no = %refund.order_no, refund.amount_minor = refund.amount.amount, "The sandbox gave money back.");
        Ok(())
    }

    fn verify(
        &self,
        headers: &WebhookHeaders,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Result<Notice, GatewayError>, SignatureError> {
        let event_id = verified_event_id(self.settings.secret.as_bytes(), headers, body, now).ok_or(SignatureError)?;
        let notice = json::from_slice::<CallbackBody>(body)
            .map(|body| Notice {
                event_id,
                payment_id: body.payment_id,
                order_no: body.order_no,
                status: body.status,
                amount: body.amount,
                currency: body.currency,
                payee: body.payee,
            })
            .map_err(|error| GatewayError::Malformed(error.to_string()));
        Ok(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(id: &str, timestamp: &str, signature: &str) -> WebhookHeaders {
        WebhookHeaders(vec![
            ("webhook-id".to_owned(), id.to_owned()),
            ("webhook-timestamp".to_owned(), timestamp.to_owned()),
            ("webhook-signature".to_owned(), signature.to_owned()),
        ])
    }

    #[test]
    fn a_callback_counts_within_five_minutes_either_way() {
        let now = Timestamp::from_millis(1_000_000_000);
        for (seconds, accepted) in [(1_000_000, true), (999_700, true), (1_000_300, true), (999_699, false), (1_000_301, false)] {
            let signature = webhook_signature::sign(b"s", "e1", seconds, b"{}");
            let found = verified_event_id(b"s", &headers("e1", &seconds.to_string(), &signature), b"{}", now);
            assert_eq!(found.is_some(), accepted, "{seconds}");
        }
    }

    #[test]
    fn a_missing_or_foreign_signature_is_refused() {
        let now = Timestamp::from_millis(1_000_000_000);
        assert_eq!(verified_event_id(b"s", &WebhookHeaders::default(), b"{}", now), None);
        let signature = webhook_signature::sign(b"other", "e1", 1_000_000, b"{}");
        assert_eq!(verified_event_id(b"s", &headers("e1", "1000000", &signature), b"{}", now), None);
        assert_eq!(verified_event_id(b"s", &headers("e1", "x", &signature), b"{}", now), None);
    }
}
