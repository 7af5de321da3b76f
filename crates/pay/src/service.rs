//! What pay offers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_kernel::{Clock, IdGenerator, Money, OrderNo, Page, PageRequest, PaymentId, StoreId, Timestamp, UserId, check};

use crate::{
    Channel, ChannelState, CloseAnswer, ExceptionQuery, GatewayError, InsertAnswer, Notice, NoticeStatus, PayError, PayException,
    PayRefund, Payment, PaymentGateway, PaymentHandle, PaymentRepository, PaymentRequest, PaymentStatus, RefundRepository,
    RefundRequest, RefundStatus, Resolution, WebhookHeaders,
};

#[async_trait]
pub trait PayService: Send + Sync {
    /// Opens the order's live payment, or returns the one it has. `account` is the user's account at the provider.
    async fn prepare(&self, request: &PaymentRequest, account: Option<&str>) -> Result<PaymentHandle, PayError>;
    /// A new payment that needs no call to its provider; nothing is written. `None` where the provider must be asked.
    fn instant(&self, store: StoreId, user: &UserId, order: OrderNo, amount: Money, expires_at: Timestamp)
    -> Option<PaymentHandle>;
    /// The provider new payments go to.
    fn provider(&self) -> &'static str;
    /// The order's first payment as it was answered, if one was opened.
    async fn first(&self, store: StoreId, order: OrderNo) -> Result<Option<PaymentHandle>, PayError>;
    /// The newest opened payment of each of these orders that has one.
    async fn latest(&self, store: StoreId, orders: &[OrderNo]) -> Result<HashMap<OrderNo, PaymentHandle>, PayError>;
    /// Closes all channels of the order for good, asking the provider a bounded number of times.
    async fn close(&self, store: StoreId, order: OrderNo) -> Result<CloseAnswer, PayError>;
    /// A provider's callback: verified, matched, stored.
    async fn receive(&self, provider: &str, headers: &WebhookHeaders, body: &[u8]) -> Result<(), PayError>;
    async fn find(&self, id: &PaymentId) -> Result<Payment, PayError>;
    /// Begins a refund and tries the provider once; without an answer the sweeper goes on until there is one.
    async fn refund(&self, request: RefundRequest) -> Result<PayRefund, PayError>;
    async fn refunds(&self, store: StoreId, order: OrderNo) -> Result<Vec<PayRefund>, PayError>;
    /// Staff: refunds of the store, newest first, of one status or of all. A page may be a little longer than asked for.
    async fn list_refunds(
        &self,
        store: StoreId,
        status: Option<RefundStatus>,
        page: PageRequest,
    ) -> Result<Page<PayRefund>, PayError>;
    /// Sweeper: asks for up to `limit` refunds that are due; returns how many it asked for.
    async fn retry_refunds(&self, limit: u32) -> Result<usize, PayError>;
    async fn keep_exception(&self, exception: PayException) -> Result<(), PayError>;
    async fn exceptions(&self, query: ExceptionQuery) -> Result<Page<PayException>, PayError>;
    /// Staff have dealt with it, and say how. One that was resolved before stays as it is and is answered so.
    async fn resolve_exception(&self, store: StoreId, id: i64, by: UserId, note: String) -> Result<PayException, PayError>;
}

/// Tries and pause towards a provider that stays silent while an order is being closed: it delays a cancellation by
/// three seconds at the most.
const CLOSE_TRIES: u32 = 3;
const PROVIDER_TIMEOUT: Duration = Duration::from_millis(900);

/// Characters of a note at most.
const MAX_NOTE: usize = 500;

/// The service over its ports; `gateways` never empty, the first takes new payments.
pub struct Payments {
    pub payments: Arc<dyn PaymentRepository>,
    pub refunds: Arc<dyn RefundRepository>,
    pub gateways: Vec<Arc<dyn PaymentGateway>>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
}

/// What became of a channel that was to be closed.
enum Closing {
    /// Money had come, and is kept.
    Paid,
    Closed,
    /// Nobody knows.
    Unanswered,
}

fn handle(payment: &Payment) -> Option<PaymentHandle> {
    Some(PaymentHandle {
        payment_id: payment.id.clone(),
        provider: payment.provider.clone(),
        url: payment.url.clone()?,
        expires_at: payment.expires_at,
    })
}

fn silent(error: GatewayError) -> PayError {
    PayError::Port(sluice_kernel::PortError::unavailable("the payment provider", error))
}

pub(crate) async fn bounded<T>(call: impl Future<Output = Result<T, GatewayError>>) -> Result<T, GatewayError> {
    match tokio::time::timeout(PROVIDER_TIMEOUT, call).await {
        Ok(answer) => answer,
        Err(elapsed) => Err(GatewayError::Unknown(Box::new(elapsed))),
    }
}

impl Payments {
    pub(crate) fn gateway(&self, provider: &str) -> Result<&Arc<dyn PaymentGateway>, PayError> {
        self.gateways.iter().find(|gateway| gateway.provider() == provider).ok_or(PayError::NotFound)
    }

    fn preferred(&self) -> Result<&Arc<dyn PaymentGateway>, PayError> {
        self.gateways.first().ok_or(PayError::NotFound)
    }

    /// Not written yet; with its channel where the provider needs no call for it.
    fn new_payment(
        &self,
        gateway: &Arc<dyn PaymentGateway>,
        store: StoreId,
        user: &UserId,
        order_no: OrderNo,
        amount: Money,
        expires_at: Timestamp,
    ) -> Payment {
        let mut payment = Payment {
            id: self.ids.payment_id(),
            provider: gateway.provider().to_owned(),
            store,
            user: user.clone(),
            order_no,
            amount,
            status: PaymentStatus::Pending,
            url: None,
            expires_at,
            created_at: self.clock.now(),
            refunded: 0,
        };
        if let Some(channel) = gateway.instant(&payment) {
            take_over(&mut payment, channel);
        }
        payment
    }

    /// Calls the provider for a payment whose row stands, and closes the channel again if the order was closed meanwhile.
    async fn open(
        &self,
        gateway: &Arc<dyn PaymentGateway>,
        mut payment: Payment,
        request: &PaymentRequest,
        account: Option<&str>,
    ) -> Result<PaymentHandle, PayError> {
        let channel = bounded(gateway.open(&payment, request, account)).await.map_err(silent)?;
        if !self.payments.set_channel(&payment.id, &channel).await? {
            // The closer saw our row but the provider may not have known the channel yet.
            bounded(gateway.close(&payment)).await.map_err(silent)?;
            return Err(PayError::Closed);
        }
        take_over(&mut payment, channel);
        handle(&payment).ok_or(PayError::Closed)
    }

    /// Closes one pending payment's channel at its provider, and keeps the money that this finds.
    async fn ask_to_close(&self, payment: &Payment) -> Result<Closing, PayError> {
        let Ok(gateway) = self.gateway(&payment.provider) else {
            tracing::error!(payment.id = %payment.id, payment.provider = %payment.provider, "A payment's provider is not configured any more.");
            return Ok(Closing::Unanswered);
        };
        for _ in 0..CLOSE_TRIES {
            match bounded(gateway.close(payment)).await {
                Ok(ChannelState::Paid(notice)) => match difference(payment, &notice) {
                    None => {
                        self.payments.settle(payment, &notice, self.clock.now()).await?;
                        return Ok(Closing::Paid);
                    }
                    // Money of something else; staff decide (promise P4).
                    Some(detail) => {
                        self.keep_mismatch(&notice, Some(payment.store), detail).await?;
                        return Ok(Closing::Closed);
                    }
                },
                Ok(ChannelState::Closed) => return Ok(Closing::Closed),
                Err(error) => tracing::warn!(payment.id = %payment.id, error = %error, "The provider did not close a channel."),
            }
        }
        Ok(Closing::Unanswered)
    }

    /// Closes one pending payment for good. A silent provider is given up.
    async fn close_one(&self, payment: &Payment) -> Result<CloseAnswer, PayError> {
        if let Closing::Paid = self.ask_to_close(payment).await? {
            return Ok(CloseAnswer::Paid);
        }
        if self.payments.mark_closed(&payment.id).await? {
            return Ok(CloseAnswer::Closed);
        }
        // Somebody was faster: whether it was money decides.
        let standing = self.find(&payment.id).await?;
        Ok(if standing.status == PaymentStatus::Paid { CloseAnswer::Paid } else { CloseAnswer::Closed })
    }

    async fn mismatch(&self, notice: &Notice, store: Option<StoreId>, detail: String) -> Result<(), PayError> {
        self.keep_mismatch(notice, store, detail).await?;
        Err(PayError::Mismatch)
    }

    async fn keep_mismatch(&self, notice: &Notice, store: Option<StoreId>, detail: String) -> Result<(), PayError> {
        let exception = PayException {
            id: 0,
            kind: "payment_mismatch".to_owned(),
            store_id: store,
            order_no: Some(notice.order_no.clone()),
            payment_id: Some(notice.payment_id.to_string()),
            detail,
            at: self.clock.now(),
            resolution: None,
        };
        Ok(self.payments.keep_exception(&exception).await?)
    }
}

fn take_over(payment: &mut Payment, channel: Channel) {
    payment.url = Some(channel.url);
    if let Some(end) = channel.expires_at {
        payment.expires_at = payment.expires_at.min(end);
    }
}

/// Every field in which a notice differs from the payment it names (promise P4).
fn difference(payment: &Payment, notice: &Notice) -> Option<String> {
    let fields = [
        ("order", notice.order_no.clone(), payment.order_no.to_string()),
        ("amount", notice.amount.to_string(), payment.amount.amount.to_string()),
        ("currency", notice.currency.clone(), payment.amount.currency.to_string()),
        ("payee", notice.payee.clone(), payment.store.to_string()),
    ];
    let differing = fields.into_iter().filter(|(_, told, known)| told != known);
    let named: Vec<String> = differing.map(|(name, told, known)| format!("{name} {told} instead of {known}")).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// What a notice says, for staff.
fn told(notice: &Notice) -> String {
    let status = match notice.status {
        NoticeStatus::Paid => "paid",
        NoticeStatus::Failed => "failed",
    };
    format!("{status}, order {}, {} {}, payee {}", notice.order_no, notice.amount, notice.currency, notice.payee)
}

#[async_trait]
impl PayService for Payments {
    async fn prepare(&self, request: &PaymentRequest, account: Option<&str>) -> Result<PaymentHandle, PayError> {
        let gateway = self.preferred()?;
        let now = self.clock.now();
        let PaymentRequest { store, user, order_no, total, expires_at, .. } = request;
        if now >= *expires_at {
            return Err(PayError::Closed);
        }
        let mut may_replace = true;
        loop {
            let payment = self.new_payment(gateway, *store, user, *order_no, *total, *expires_at);
            let live = match self.payments.insert(&payment).await? {
                InsertAnswer::Closed => return Err(PayError::Closed),
                InsertAnswer::Inserted => payment,
                // Its provider gave it less time than the order has: another takes its place.
                InsertAnswer::Live(live) if live.expires_at <= now && may_replace => {
                    match self.ask_to_close(&live).await? {
                        Closing::Paid => return Err(PayError::Closed),
                        Closing::Closed => {}
                        // It may hold money that nobody has told of: it stays the one to be asked again.
                        Closing::Unanswered => return Err(silent(GatewayError::Unknown("the last payment is not closed".into()))),
                    }
                    self.payments.mark_closed(&live.id).await?;
                    may_replace = false;
                    continue;
                }
                InsertAnswer::Live(live) => live,
            };
            return match handle(&live) {
                Some(ready) => Ok(ready),
                // It is new, or a crash came between row and call.
                None => self.open(self.gateway(&live.provider)?, live, request, account).await,
            };
        }
    }

    fn instant(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        amount: Money,
        expires_at: Timestamp,
    ) -> Option<PaymentHandle> {
        let gateway = self.preferred().ok()?;
        handle(&self.new_payment(gateway, store, user, order, amount, expires_at))
    }

    fn provider(&self) -> &'static str {
        self.gateways.first().map_or("none", |gateway| gateway.provider())
    }

    async fn first(&self, store: StoreId, order: OrderNo) -> Result<Option<PaymentHandle>, PayError> {
        Ok(self.payments.of_orders(store, &[order]).await?.first().and_then(handle))
    }

    async fn latest(&self, store: StoreId, orders: &[OrderNo]) -> Result<HashMap<OrderNo, PaymentHandle>, PayError> {
        let payments = self.payments.of_orders(store, orders).await?;
        // Oldest first, so the newest of an order stays.
        Ok(payments.iter().filter_map(|payment| Some((payment.order_no, handle(payment)?))).collect())
    }

    async fn close(&self, store: StoreId, order: OrderNo) -> Result<CloseAnswer, PayError> {
        let mut answer = CloseAnswer::Closed;
        for payment in self.payments.close_order(store, order, self.clock.now()).await? {
            let stored = payment.status == PaymentStatus::Paid;
            if stored || self.close_one(&payment).await? == CloseAnswer::Paid {
                answer = CloseAnswer::Paid;
            }
        }
        Ok(answer)
    }

    async fn receive(&self, provider: &str, headers: &WebhookHeaders, body: &[u8]) -> Result<(), PayError> {
        let gateway = self.gateway(provider)?;
        let now = self.clock.now();
        let verified = gateway.verify(headers, body, now).map_err(|_| PayError::SignatureInvalid)?;
        let notice = verified.map_err(|error| PayError::Malformed(error.to_string()))?;

        let Some(payment) = self.payments.find(&notice.payment_id).await? else {
            // Signed by the provider, so its payee is the store it was paid to.
            let payee = notice.payee.parse::<StoreId>().ok();
            let detail = format!("no such payment: {}", told(&notice));
            return self.mismatch(&notice, payee, detail).await;
        };
        if payment.provider != provider {
            let detail = format!("provider {provider} instead of {}: {}", payment.provider, told(&notice));
            return self.mismatch(&notice, Some(payment.store), detail).await;
        }
        if let Some(detail) = difference(&payment, &notice) {
            return self.mismatch(&notice, Some(payment.store), detail).await;
        }
        let answer = self.payments.settle(&payment, &notice, now).await?;
        tracing::info!(payment.id = %payment.id, order.no = %payment.order_no, payment.status = ?notice.status, payment.answer = ?answer, "A payment notification was stored.");
        Ok(())
    }

    async fn find(&self, id: &PaymentId) -> Result<Payment, PayError> {
        self.payments.find(id).await?.ok_or(PayError::NotFound)
    }

    async fn refund(&self, request: RefundRequest) -> Result<PayRefund, PayError> {
        self.begin_refund(&request).await
    }

    async fn refunds(&self, store: StoreId, order: OrderNo) -> Result<Vec<PayRefund>, PayError> {
        Ok(self.refunds.of_order(store, order).await?)
    }

    async fn list_refunds(
        &self,
        store: StoreId,
        status: Option<RefundStatus>,
        page: PageRequest,
    ) -> Result<Page<PayRefund>, PayError> {
        Ok(self.refunds.list(store, status, page).await?)
    }

    async fn retry_refunds(&self, limit: u32) -> Result<usize, PayError> {
        self.ask_due_refunds(limit).await
    }

    async fn keep_exception(&self, exception: PayException) -> Result<(), PayError> {
        Ok(self.payments.keep_exception(&exception).await?)
    }

    async fn exceptions(&self, query: ExceptionQuery) -> Result<Page<PayException>, PayError> {
        let rows = self.payments.exceptions(&query).await?;
        Ok(Page::from_overfull(rows, query.page.limit, |row| row.id))
    }

    async fn resolve_exception(&self, store: StoreId, id: i64, by: UserId, note: String) -> Result<PayException, PayError> {
        check::text("note", &note, MAX_NOTE)?;
        let resolution = Resolution { at: self.clock.now(), by, note };
        self.payments.resolve_exception(store, id, &resolution).await?.ok_or(PayError::NotFound)
    }
}
