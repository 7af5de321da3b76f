//! Orders: places whatever is asked for; some SKUs are refused in the way their number stands for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use sluice_events::{Envelope, PaymentSettled, PaymentWindowClosed};
use sluice_kernel::{
    Clock as _, Currency, InvalidField, Money, OrderNo, Page, PageRequest, PaymentHandle, PaymentId, Points, PortError, ProductId,
    RefundId, ReservationId, SkuId, StoreId, SystemClock, Timestamp, UserId, Window,
};
use sluice_order::{
    ActivityPart, CancelReason, CartRequest, ChildOrder, IdempotencyKey, ItemLine, MissingField, Order, OrderDetail, OrderError,
    OrderInput, OrderItem, OrderKind, OrderPreview, OrderQuery, OrderSearch, OrderService, OrderState, OrderStatus, OrderTerms,
    PlaceActivityOrder, PlaceCartOrder, Placed, RefundOutcome, RefundRequest, RefundState, RequestedLine, ShortLine,
};
use tokio::sync::Semaphore;

use super::PAYMENT;

/// Refused with `insufficient_stock`.
pub const SHORT: &str = "18";
/// Refused with `off_shelf`.
pub const UNLISTED: &str = "15";
/// Refused with `field_required`.
pub const NEEDS_NAME: &str = "11";
/// Panics.
pub const PANICS: &str = "666";
/// Waits until the test lets it go.
pub const WAITS: &str = "777";
/// The database is away.
pub const UNAVAILABLE: &str = "888";

pub struct FakeOrders {
    pub kept: Mutex<Vec<Order>>,
    pub keys: Mutex<HashMap<(StoreId, UserId, &'static str, String), ([u8; 32], OrderNo)>>,
    pub commands: Mutex<Vec<PlaceCartOrder>>,
    /// The trace that each command came in.
    pub traces: Mutex<Vec<Option<String>>>,
    pub activity_commands: Mutex<Vec<PlaceActivityOrder>>,
    pub refunds: Mutex<Vec<RefundRequest>>,
    pub queries: Mutex<Vec<OrderQuery>>,
    /// How often statuses were looked at.
    pub looks: Mutex<u32>,
    pub waiting: Semaphore,
    pub let_go: Semaphore,
}

impl Default for FakeOrders {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            keys: Mutex::default(),
            commands: Mutex::default(),
            traces: Mutex::default(),
            activity_commands: Mutex::default(),
            refunds: Mutex::default(),
            queries: Mutex::default(),
            looks: Mutex::default(),
            waiting: Semaphore::new(0),
            let_go: Semaphore::new(0),
        }
    }
}

fn refusal(sku: &str) -> Option<OrderError> {
    match sku {
        SHORT => Some(OrderError::InsufficientStock { lines: vec![ShortLine { line: Some(0), sku: SkuId(18), usable: 1 }] }),
        UNLISTED => Some(OrderError::OffShelf { lines: vec![(0, UNLISTED.to_owned())] }),
        NEEDS_NAME => Some(OrderError::FieldRequired {
            missing: vec![MissingField { pointer: "/recipient/name", field: "name", product: ProductId(11) }],
        }),
        UNAVAILABLE => Some(PortError::unavailable("the database", "connection refused at 10.0.0.1").into()),
        _ => None,
    }
}

/// An activity is refused by its number.
fn activity_refusal(activity: &str) -> Option<OrderError> {
    Some(match activity {
        "404" => OrderError::ActivityNotFound,
        "11" => OrderError::ActivityNotRunning,
        "12" => OrderError::ProductNotInActivity,
        "13" => OrderError::PayTypeMismatch,
        "14" => OrderError::StoreSettingMissing,
        "15" => OrderError::ReferrerInvalid,
        "16" => OrderError::FieldRequired {
            missing: vec![MissingField { pointer: "/own_form", field: "own_form", product: ProductId(1005) }],
        },
        "17" => OrderError::RedemptionLimitReached,
        "18" => OrderError::InsufficientStock { lines: vec![ShortLine { line: None, sku: SkuId(1004), usable: 1 }] },
        _ => return None,
    })
}

pub fn prepared(order: &Order) -> PaymentHandle {
    PaymentHandle {
        payment_id: PaymentId::from(PAYMENT),
        provider: "sandbox".to_owned(),
        url: format!("http://localhost/pay/sandbox/{PAYMENT}"),
        expires_at: order.terms.expires_at,
    }
}

fn order(command: &CartRequest, sku: &str, quantity: sluice_kernel::Quantity, number: i64) -> Order {
    let price = Money::new(1990, Currency::CNY);
    let total = price.times(quantity).unwrap();
    let now = SystemClock.now();
    let line = ItemLine {
        sku_id: sku.parse().unwrap(),
        product_id: ProductId(1),
        title: "Tea".into(),
        picture: None,
        spec: "green".into(),
        code: "T-1".into(),
        quantity,
        unit_price: price,
        unit_points: Points(5),
        line_total: total,
        supplier_price: 1000,
        allotable_profit: 150,
        delivery_place: "1".into(),
        revision: 1,
    };
    let order_no = OrderNo::from_id(number);
    Order {
        order_no,
        store: command.store,
        user: command.user.clone(),
        terms: OrderTerms {
            kind: OrderKind::Cart,
            total,
            points_total: Points(10),
            profit_total: 300,
            created_at: now,
            expires_at: now.plus(std::time::Duration::from_mins(15)),
            recipient: command.recipient.clone(),
            store_code: command.store_code.clone(),
            attribution: command.attribution.clone(),
            referrer: command.referrer.clone(),
            redirect_type: "2".to_owned(),
            activity: None,
            children: vec![ChildOrder {
                order_no: OrderNo::from_id(number + 1),
                delivery_place: Arc::from("1"),
                total,
                points_total: Points(10),
                profit_total: 300,
            }],
        },
        state: OrderState::Unpaid,
        cancel_reason: None,
        reservation: ReservationId::first(order_no),
        refunded: 0,
        refund_state: RefundState::None,
        paid_at: None,
        items: vec![OrderItem { line, restocked: 0 }],
        version: 0,
    }
}

impl FakeOrders {
    fn own(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<Order, OrderError> {
        let kept = self.kept.lock().unwrap();
        let found = kept.iter().find(|kept| kept.order_no == order && kept.store == store);
        found.filter(|kept| user.is_none_or(|user| kept.user == *user)).cloned().ok_or(OrderError::NotFound)
    }

    pub fn move_to(&self, order: OrderNo, state: &OrderState) {
        for kept in self.kept.lock().unwrap().iter_mut().filter(|kept| kept.order_no == order) {
            kept.state = state.clone();
        }
    }

    fn advance(
        &self,
        store: StoreId,
        order: OrderNo,
        step: impl FnOnce(OrderState) -> Result<OrderState, sluice_order::Refused>,
    ) -> Result<OrderDetail, OrderError> {
        let state = step(self.own(store, None, order)?.state).map_err(|refused| OrderError::WrongState(refused.to_string()))?;
        self.move_to(order, &state);
        Ok(OrderDetail { order: self.own(store, None, order)?, payment: None })
    }
}

#[async_trait]
impl OrderService for FakeOrders {
    async fn place(&self, command: PlaceCartOrder) -> Result<Placed, OrderError> {
        self.commands.lock().unwrap().push(command.clone());
        self.traces.lock().unwrap().push(sluice_kernel::TraceContext::current_header());
        let OrderInput::Items(lines) = &command.request.input else {
            return Err(InvalidField::new("from_cart", "the cart is empty").into());
        };
        let (sku, quantity) = (lines[0].sku.clone(), lines[0].quantity);
        if let Some(refusal) = refusal(&sku) {
            return Err(refusal);
        }
        assert!(sku != PANICS, "a defect that was asked for");
        if sku == WAITS {
            self.waiting.add_permits(1);
            self.let_go.acquire().await.unwrap().forget();
        }
        let IdempotencyKey { route, store, user, key, fingerprint } = command.key.clone();
        let known = self.keys.lock().unwrap().get(&(store, user.clone(), route, key.clone())).copied();
        if let Some((before, number)) = known {
            if before != fingerprint {
                return Err(OrderError::KeyReused);
            }
            let order = self.own(store, Some(&user), number)?;
            return Ok(Placed { payment: Some(prepared(&order)), order, replayed: true });
        }
        let mut kept = self.kept.lock().unwrap();
        let order = order(&command.request, &sku, quantity, i64::try_from(kept.len()).unwrap() * 2 + 1);
        kept.push(order.clone());
        self.keys.lock().unwrap().insert((store, user, route, key), (fingerprint, order.order_no));
        Ok(Placed { payment: Some(prepared(&order)), order, replayed: false })
    }

    async fn preview(&self, _: CartRequest) -> Result<OrderPreview, OrderError> {
        Err(OrderError::NotFound)
    }

    async fn place_activity(&self, command: PlaceActivityOrder) -> Result<Placed, OrderError> {
        self.activity_commands.lock().unwrap().push(command.clone());
        if let Some(refusal) = activity_refusal(&command.activity) {
            return Err(refusal);
        }
        let request = CartRequest {
            store: command.store,
            user: command.user.clone(),
            input: OrderInput::Items(vec![RequestedLine { sku: command.product.clone(), quantity: command.quantity }]),
            recipient: command.recipient.clone(),
            verify_code: None,
            store_code: None,
            attribution: command.attribution.clone(),
            referrer: command.referrer.clone(),
            expected: command.expected,
        };
        let mut placed = self.place(PlaceCartOrder { key: command.key.clone(), request }).await?;
        self.commands.lock().unwrap().pop();
        let mut kept = self.kept.lock().unwrap();
        let order = kept.iter_mut().find(|kept| kept.order_no == placed.order.order_no).unwrap();
        let window = Window { starts_at: order.terms.created_at, ends_at: order.terms.expires_at };
        order.terms.kind = OrderKind::Activity;
        order.terms.activity = Some(ActivityPart {
            activity_id: command.activity.parse().unwrap(),
            product_id: ProductId(1),
            campaign_id: None,
            pay_type: command.pay_type,
            discount: "0.80".parse().unwrap(),
            price: order.terms.total,
            points_price: Points(5),
            quantity: command.quantity,
            receiving_way: 0,
            own_form: command.own_form.clone(),
            promoter: None,
            customer_product_id: None,
            partner_unit_price: 0,
            partner_total: 0,
            window,
            most_orders: None,
            most_units: None,
        });
        "1".clone_into(&mut order.terms.redirect_type);
        order.state = order.terms.first_state();
        placed.order = order.clone();
        placed.payment = placed.payment.filter(|_| !order.terms.is_paid_in_points());
        Ok(placed)
    }

    async fn find(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError> {
        let order = self.own(store, user, order)?;
        Ok(OrderDetail { payment: Some(prepared(&order)), order })
    }

    async fn list(&self, query: OrderQuery) -> Result<Page<OrderDetail>, OrderError> {
        self.queries.lock().unwrap().push(query.clone());
        let kept = self.kept.lock().unwrap();
        let mine = kept.iter().rev().filter(|order| order.store == query.store);
        let mine = mine.filter(|order| query.page.after.is_none_or(|after| order.order_no.id() < after));
        let rows = mine.map(|order| OrderDetail { order: order.clone(), payment: None }).collect();
        Ok(Page::from_overfull(rows, query.page.limit, |detail| detail.order.order_no.id()))
    }

    async fn search(&self, store: StoreId, _: &OrderSearch, page: PageRequest) -> Result<Page<OrderDetail>, OrderError> {
        self.list(OrderQuery { store, user: None, status: None, page }).await
    }

    async fn statuses(&self, orders: &[OrderNo]) -> Result<Vec<(OrderNo, OrderStatus)>, OrderError> {
        *self.looks.lock().unwrap() += 1;
        let known = |order: &OrderNo| self.own(StoreId(1), None, *order).ok().map(|found| (*order, found.status()));
        Ok(orders.iter().filter_map(known).collect())
    }

    async fn cancel(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError> {
        let reason = if user.is_some() { CancelReason::User } else { CancelReason::Staff };
        match self.own(store, user, order)?.state {
            OrderState::Cancelled { .. } => {}
            state => {
                let state = state.cancel(reason).map_err(|_| OrderError::NotCancellable)?;
                self.move_to(order, &state);
            }
        }
        self.find(store, user, order).await
    }

    async fn prepare_payment(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        key: IdempotencyKey,
    ) -> Result<(PaymentHandle, bool), OrderError> {
        let order = self.own(store, Some(user), order)?;
        if order.state != OrderState::Unpaid {
            return Err(OrderError::PaymentClosed);
        }
        let before = self.keys.lock().unwrap().insert((store, user.clone(), key.route, key.key), (key.fingerprint, order.order_no));
        match before {
            Some((fingerprint, _)) if fingerprint != key.fingerprint => Err(OrderError::KeyReused),
            before => Ok((prepared(&order), before.is_some())),
        }
    }

    async fn fulfil(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.advance(store, order, OrderState::fulfil)
    }

    async fn complete(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.advance(store, order, OrderState::complete)
    }

    async fn refund(&self, ask: RefundRequest) -> Result<RefundOutcome, OrderError> {
        let order = self.own(ask.store, None, ask.order_no)?;
        if order.state.payment().is_none() {
            return Err(OrderError::NotRefundable("it is unpaid".to_owned()));
        }
        self.refunds.lock().unwrap().push(ask.clone());
        let amount = ask.amount.map_or(order.terms.total.amount, |amount| amount.minor_units);
        let amount = Money { amount, ..order.terms.total };
        let points = order.terms.is_paid_in_points().then_some(order.terms.points_total);
        Ok(RefundOutcome { id: RefundId::from("r1"), order_no: ask.order_no, amount, points, done: true, replayed: false })
    }

    async fn settle(&self, _: &PaymentSettled) -> Result<(), OrderError> {
        Ok(())
    }

    async fn settle_waiting(&self, _: u32) -> Result<usize, OrderError> {
        Ok(0)
    }

    async fn deduct_waiting(&self, _: u32) -> Result<usize, OrderError> {
        Ok(0)
    }

    async fn expire(&self, _: &PaymentWindowClosed) -> Result<(), OrderError> {
        Ok(())
    }

    async fn due(&self, _: u32) -> Result<Vec<Envelope>, OrderError> {
        Ok(Vec::new())
    }

    async fn announced(&self, _: &[OrderNo]) -> Result<(), OrderError> {
        Ok(())
    }

    async fn overdue(&self) -> Result<(u64, Option<Timestamp>), OrderError> {
        Ok((0, None))
    }
}
