//! Cart, inventory, member, pay, cashier, outbox, dead letters, publisher and health.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_app::{Cashier, HealthProbe, Housekeeping, OrderTraces, PartHealth, TraceLine};
use sluice_cart::{Cart, CartError, CartService, OrderedLines, SelectedLines};
use sluice_events::{
    DeadLetter, DeadLetterId, DeadLetterStore, Envelope, LetterQuery, LetterState, OutboxRow, OutboxStats, OutboxStore, Publisher,
    SteppedAside, StockMoved, Topic, Undelivered,
};
use sluice_inventory::{Adjusted, AdjustmentId, Checked, Figures, InventoryError, InventoryService, Stock, StockTrace, Swept};
use sluice_kernel::{
    Clock as _, Currency, Money, OrderNo, Page, PageRequest, PaymentId, Points, PortResult, Quantity, SkuId, StoreId, SystemClock,
    Timestamp, UserId,
};
use sluice_member::{Address, AddressId, CodeCheck, MemberError, MemberService, NewAddress, ThirdPartyAccount};
use sluice_pay::{
    CloseAnswer, ExceptionQuery, PayError, PayException, PayRefund, PayService, Payment, PaymentHandle, PaymentRequest,
    PaymentStatus, RefundRequest, RefundStatus, SandboxOutcome, WebhookHeaders,
};

use super::Fakes;

pub const PAYMENT: &str = "0123456789abcdef0123456789abcdef";
/// A code was sent to this phone a moment ago.
pub const BUSY_PHONE: &str = "13800000001";

pub struct Others(pub Arc<Fakes>);

pub fn payment() -> Payment {
    let now = SystemClock.now();
    Payment {
        id: PaymentId::from(PAYMENT),
        provider: "sandbox".to_owned(),
        store: StoreId(1),
        user: UserId::from("42"),
        order_no: OrderNo::from_id(1),
        amount: Money::new(3980, Currency::CNY),
        status: PaymentStatus::Pending,
        url: None,
        expires_at: now.plus(Duration::from_mins(15)),
        created_at: now,
        refunded: 0,
    }
}

pub fn letter(id: i64, store: i64) -> DeadLetter {
    let now = SystemClock.now();
    let envelope = Envelope {
        topic: Topic::PaymentSettled,
        key: "1".to_owned(),
        id: format!("p{id}/paid"),
        kind: "sluice.payment.settled.v1".into(),
        time: now,
        traceparent: None,
        data: format!(r#"{{"store_id":"{store}","order_no":"1"}}"#),
    };
    DeadLetter { id: DeadLetterId(id), ..DeadLetter::fresh("order.settle", envelope, 5, "internal", "broken", now) }
}

fn empty_cart() -> Cart {
    Cart { items: Vec::new(), selected_total: Money::zero(Currency::CNY), selected_points: Points(0) }
}

#[async_trait]
impl CartService for Others {
    async fn view(&self, _: StoreId, _: &UserId) -> Result<Cart, CartError> {
        Ok(empty_cart())
    }
    async fn put(&self, _: StoreId, _: &UserId, sku: SkuId, _: Quantity, _: bool) -> Result<Cart, CartError> {
        if sku == SkuId(15) { Err(CartError::OffShelf) } else { Ok(empty_cart()) }
    }
    async fn remove(&self, _: StoreId, _: &UserId, _: SkuId) -> Result<Cart, CartError> {
        Ok(empty_cart())
    }
    async fn clear(&self, _: StoreId, _: &UserId) -> Result<Cart, CartError> {
        Ok(empty_cart())
    }
    async fn selected(&self, _: StoreId, _: &UserId) -> Result<SelectedLines, CartError> {
        Ok(SelectedLines { version: 0, lines: Vec::new() })
    }
    async fn take_out_ordered(&self, _: &str, _: &[OrderedLines]) -> Result<(), CartError> {
        Ok(())
    }
}

fn figures() -> Figures {
    Figures { usable: 7, locked: 2, sold: 1, received: 10 }
}

#[async_trait]
impl InventoryService for Others {
    fn follows_messages(&self) -> bool {
        false
    }

    async fn figures(&self, _: StoreId, skus: &[SkuId]) -> Result<HashMap<SkuId, Figures>, InventoryError> {
        Ok(skus.iter().map(|sku| (*sku, figures())).collect())
    }
    async fn stock(&self, store: StoreId, sku: SkuId) -> Result<Stock, InventoryError> {
        if (store, sku) != (StoreId(1), SkuId(1)) {
            return Err(InventoryError::NotFound);
        }
        Ok(Stock { gate: figures(), ledger: figures() })
    }
    async fn trace(&self, _: StoreId, _: SkuId) -> Result<StockTrace, InventoryError> {
        Ok(StockTrace { movements: Vec::new(), computed: figures(), ledger: figures(), adds_up: true, truncated: false })
    }
    async fn adjust(&self, store: StoreId, sku: SkuId, _: AdjustmentId, delta: i64, _: String) -> Result<Adjusted, InventoryError> {
        if delta < -7 {
            return Err(InventoryError::InsufficientStock { usable: 7 });
        }
        Ok(Adjusted { stock: self.stock(store, sku).await?, replayed: false })
    }
    async fn record(&self, _: &[StockMoved]) -> Result<(), InventoryError> {
        Ok(())
    }
    async fn apply_effects(&self, _: u32) -> Result<usize, InventoryError> {
        Ok(0)
    }
    async fn tell_listings(&self, _: StoreId, _: &[SkuId]) -> Result<(), InventoryError> {
        Ok(())
    }
    async fn finish_adjustments(&self, _: Duration) -> Result<usize, InventoryError> {
        Ok(0)
    }
    async fn sweep_reservations(&self, _: Duration) -> Result<Swept, InventoryError> {
        Ok(Swept::default())
    }
    async fn given_up(&self) -> Result<u64, InventoryError> {
        Ok(0)
    }
    async fn forget_given_up(&self) -> Result<u64, InventoryError> {
        Ok(0)
    }
    async fn record_missing(&self, _: Duration) -> Result<Checked, InventoryError> {
        Ok(Checked::default())
    }
}

#[async_trait]
impl MemberService for Others {
    async fn send_code(&self, _: StoreId, _: &UserId, phone: &str) -> Result<(), MemberError> {
        if phone == BUSY_PHONE { Err(MemberError::TooSoon { retry_after: Duration::from_millis(41_500) }) } else { Ok(()) }
    }
    async fn check_code(&self, _: StoreId, _: &UserId, _: &str, _: &str) -> Result<CodeCheck, MemberError> {
        Ok(CodeCheck::Invalid)
    }
    async fn accounts(&self, _: StoreId, _: &UserId) -> Result<Vec<ThirdPartyAccount>, MemberError> {
        Ok(Vec::new())
    }
    async fn account(&self, _: StoreId, _: &UserId, _: &str) -> Result<Option<ThirdPartyAccount>, MemberError> {
        Ok(None)
    }
    async fn put_account(&self, _: StoreId, _: &UserId, _: ThirdPartyAccount) -> Result<(), MemberError> {
        Ok(())
    }
    async fn addresses(&self, _: StoreId, _: &UserId) -> Result<Vec<Address>, MemberError> {
        Ok(Vec::new())
    }
    async fn add_address(&self, _: StoreId, _: &UserId, entry: NewAddress) -> Result<Address, MemberError> {
        Ok(Address { id: AddressId(1), entry })
    }
    async fn replace_address(&self, _: StoreId, _: &UserId, id: AddressId, entry: NewAddress) -> Result<Address, MemberError> {
        Ok(Address { id, entry })
    }
    async fn remove_address(&self, _: StoreId, _: &UserId, id: AddressId) -> Result<(), MemberError> {
        if id == AddressId(1) { Ok(()) } else { Err(MemberError::NotFound) }
    }
}

#[async_trait]
impl PayService for Others {
    async fn prepare(&self, _: &PaymentRequest, _: Option<&str>) -> Result<PaymentHandle, PayError> {
        Err(PayError::Closed)
    }
    fn instant(&self, _: StoreId, _: &UserId, _: OrderNo, _: Money, _: Timestamp) -> Option<PaymentHandle> {
        None
    }
    fn provider(&self) -> &'static str {
        "sandbox"
    }
    async fn first(&self, _: StoreId, _: OrderNo) -> Result<Option<PaymentHandle>, PayError> {
        Ok(None)
    }
    async fn latest(&self, _: StoreId, _: &[OrderNo]) -> Result<HashMap<OrderNo, PaymentHandle>, PayError> {
        Ok(HashMap::new())
    }
    async fn close(&self, _: StoreId, _: OrderNo) -> Result<CloseAnswer, PayError> {
        Ok(CloseAnswer::Closed)
    }
    async fn receive(&self, provider: &str, headers: &WebhookHeaders, body: &[u8]) -> Result<(), PayError> {
        if provider != "sandbox" {
            return Err(PayError::NotFound);
        }
        match headers.get("webhook-signature") {
            Some("v1,good") => {
                self.0.callbacks.lock().unwrap().push(body.to_vec());
                Ok(())
            }
            Some("v1,other-amount") => Err(PayError::Mismatch),
            _ => Err(PayError::SignatureInvalid),
        }
    }
    async fn find(&self, id: &PaymentId) -> Result<Payment, PayError> {
        let payment = self.0.payment.lock().unwrap().clone();
        if payment.id == *id { Ok(payment) } else { Err(PayError::NotFound) }
    }
    async fn refund(&self, _: RefundRequest) -> Result<PayRefund, PayError> {
        Err(PayError::NotFound)
    }
    async fn refunds(&self, _: StoreId, _: OrderNo) -> Result<Vec<PayRefund>, PayError> {
        Ok(Vec::new())
    }
    async fn retry_refunds(&self, _: u32) -> Result<usize, PayError> {
        Ok(0)
    }
    async fn keep_exception(&self, _: PayException) -> Result<(), PayError> {
        Ok(())
    }
    async fn exceptions(&self, query: ExceptionQuery) -> Result<Page<PayException>, PayError> {
        Ok(Page::from_overfull(Vec::new(), query.page.limit, |row: &PayException| row.id))
    }
    async fn resolve_exception(&self, _: StoreId, _: i64, _: UserId, _: String) -> Result<PayException, PayError> {
        Err(PayError::NotFound)
    }
    async fn list_refunds(&self, _: StoreId, _: Option<RefundStatus>, _: PageRequest) -> Result<Page<PayRefund>, PayError> {
        Ok(Page::going_on_after(Vec::new(), None))
    }
}

#[async_trait]
impl Cashier for Others {
    async fn choose(&self, _: &PaymentId, outcome: SandboxOutcome) -> Result<(), PayError> {
        let mut payment = self.0.payment.lock().unwrap();
        if payment.status != PaymentStatus::Pending {
            return Err(PayError::Closed);
        }
        payment.status = match outcome {
            SandboxOutcome::Paid => PaymentStatus::Paid,
            SandboxOutcome::Failed => PaymentStatus::Failed,
        };
        Ok(())
    }
    async fn deliver_owed(&self) -> Result<usize, PayError> {
        Ok(0)
    }
}

#[async_trait]
impl OutboxStore for Others {
    async fn lease(&self, _: &str, _: u16, _: Timestamp, _: Duration) -> PortResult<Vec<u16>> {
        Ok(Vec::new())
    }
    async fn release_leases(&self, _: &str) -> PortResult<()> {
        Ok(())
    }
    async fn pending(&self, _: &[u16], _: Timestamp, _: u32) -> PortResult<Vec<OutboxRow>> {
        Ok(Vec::new())
    }
    async fn delivered(&self, _: &[i64]) -> PortResult<()> {
        Ok(())
    }
    async fn step_aside(&self, _: &[i64], _: &SteppedAside, _: Timestamp) -> PortResult<()> {
        Ok(())
    }
    async fn dead_letter(&self, _: &OutboxRow, _: &str, _: Timestamp) -> PortResult<()> {
        Ok(())
    }
    async fn stats(&self, now: Timestamp) -> PortResult<OutboxStats> {
        Ok(OutboxStats { pending: 3, oldest: Some(now.minus(Duration::from_secs(9))) })
    }
}

#[async_trait]
impl DeadLetterStore for Others {
    async fn keep(&self, _: &DeadLetter) -> PortResult<()> {
        Ok(())
    }
    async fn list(&self, query: LetterQuery) -> PortResult<Vec<DeadLetter>> {
        let letters = self.0.letters.lock().unwrap();
        let wanted = letters
            .iter()
            .filter(|letter| query.topic.is_none_or(|topic| letter.envelope.topic == topic))
            .filter(|letter| query.store.is_none_or(|store| letter.store() == Some(store)))
            .filter(|letter| query.state.is_none_or(|state| letter.state == state))
            .filter(|letter| query.after.is_none_or(|after| letter.id.0 < after.0));
        Ok(wanted.take(usize::try_from(query.limit).unwrap()).cloned().collect())
    }
    async fn find(&self, id: DeadLetterId) -> PortResult<Option<DeadLetter>> {
        Ok(self.0.letters.lock().unwrap().iter().find(|letter| letter.id == id).cloned())
    }
    async fn replay(&self, id: DeadLetterId, now: Timestamp) -> PortResult<Option<DeadLetter>> {
        let mut letters = self.0.letters.lock().unwrap();
        let Some(letter) = letters.iter_mut().find(|letter| letter.id == id) else { return Ok(None) };
        (letter.state, letter.replayed_at) = (LetterState::Replaying, Some(now));
        letter.replays += 1;
        Ok(Some(letter.clone()))
    }
}

#[async_trait]
impl Publisher for Others {
    async fn publish(&self, _: Vec<Envelope>) -> Vec<Undelivered> {
        Vec::new()
    }
    fn lane(&self, envelope: &Envelope) -> String {
        envelope.topic.name().to_owned()
    }
    async fn check(&self) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Housekeeping for Others {
    async fn delete_some(&self) -> PortResult<bool> {
        Ok(false)
    }
}

#[async_trait]
impl HealthProbe for Others {
    async fn check(&self) -> Vec<PartHealth> {
        self.0.parts.lock().unwrap().clone()
    }
}

#[async_trait]
impl OrderTraces for Others {
    async fn of_order(&self, _: OrderNo) -> PortResult<Vec<TraceLine>> {
        Ok(Vec::new())
    }
}
