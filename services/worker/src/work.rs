//! All that a worker does, in two tables: what it consumes, and what it sweeps.

use std::{sync::Arc, time::Duration};

use sluice_app::Shop;
use sluice_events::{BatchHandler, Topic};
use tokio::sync::Notify;

use crate::{
    Hints, Shares, WorkerSettings,
    consumers::{
        ClearCarts, Consumer, DeductPoints, ExpireOrders, MarkRedemptions, RecordMovements, RecordRedemptions, SettleOrders,
        TellPartners, WakeGateEffects,
    },
    sweepers::{
        DeductWaiting, DeleteExpired, DeliverCallbacks, FinishAdjustments, Measure, RecordMissing, ReleaseOrphans, RetryParked,
        RetryRefunds, RunPoints, SendPushes, SettleWaiting, Sweeper, TellGate, Timer,
    },
};

/// Topic, group, handler. The bus keeps its place under the group's name, and the inbox and dead letters name it too: a
/// consumer that is renamed reads everything again.
pub fn consumers(shop: &Shop, hints: &Hints, settings: &WorkerSettings) -> Vec<Arc<dyn BatchHandler>> {
    use Topic::{AutoCancel, OrderCancelled, OrderCreated, OrderPaid, OrderRefunded, PaymentSettled, StockSync};
    let concurrency = settings.concurrency;
    let (orders, promotion, partner) = (&shop.orders, &shop.promotion, &shop.partner);
    let mut table = vec![
        Consumer::new(OrderCreated, ClearCarts::GROUP, ClearCarts { carts: shop.cart.clone() }),
        Consumer::new(OrderCreated, "member.order-created", DeductPoints { points: shop.points.clone() }),
        Consumer::new(AutoCancel, "order.auto-cancel", ExpireOrders { orders: orders.clone(), concurrency }),
        Consumer::new(PaymentSettled, "order.payment-settled", SettleOrders { orders: orders.clone(), concurrency }),
        Consumer::new(OrderPaid, "promotion.order-paid", RecordRedemptions { promotion: promotion.clone() }),
        Consumer::new(OrderRefunded, "promotion.order-refunded", MarkRedemptions { promotion: promotion.clone() }),
        Consumer::new(OrderPaid, "partner.order-paid", TellPartners { partner: partner.clone() }),
        Consumer::new(OrderCancelled, "partner.order-cancelled", TellPartners { partner: partner.clone() }),
        Consumer::new(OrderRefunded, "partner.order-refunded", TellPartners { partner: partner.clone() }),
    ];
    // Behind a gate outside the database the ledger follows by message, and the gate hears of what became of an order.
    if shop.inventory.follows_messages() {
        let effects = &hints.effects;
        table.extend([
            Consumer::new(StockSync, "inventory.stock-sync", RecordMovements { inventory: shop.inventory.clone() }),
            Consumer::new(OrderPaid, "inventory.order-paid", WakeGateEffects { effects: effects.clone() }),
            Consumer::new(OrderCancelled, "inventory.order-cancelled", WakeGateEffects { effects: effects.clone() }),
            Consumer::new(OrderRefunded, "inventory.order-refunded", WakeGateEffects { effects: effects.clone() }),
        ]);
    }
    table
}

/// Name, how often it looks, and what it does with how much in a turn. `older_than` is how old something must be before it
/// counts as left behind.
pub fn sweepers(shop: &Shop, hints: &Hints, shares: &Shares, settings: &WorkerSettings) -> Vec<Sweeper> {
    let (secs, millis) = (Duration::from_secs, Duration::from_millis);
    let (orders, stock, timer) = (&shop.orders, &shop.inventory, settings.timer);
    let auto_cancel = Timer::new(orders.clone(), shop.publisher.clone(), shop.clock.clone(), timer);
    let measure = Measure {
        orders: orders.clone(),
        points: shop.points.clone(),
        outbox: shop.outbox.clone(),
        partner: shop.partner.clone(),
        clock: shop.clock.clone(),
    };
    let mut table = vec![
        // In one worker at a time.
        Sweeper::in_one_worker("auto-cancel timer", timer.every, shares, auto_cancel),
        Sweeper::in_one_worker("reservations", secs(5), shares, ReleaseOrphans { inventory: stock.clone(), older_than: secs(15) }),
        Sweeper::in_one_worker(
            "adjustments",
            secs(5),
            shares,
            FinishAdjustments { inventory: stock.clone(), older_than: secs(10) },
        ),
        Sweeper::in_one_worker("settlements", secs(1), shares, SettleWaiting { orders: orders.clone(), limit: 64 }),
        Sweeper::in_one_worker("deductions", secs(5), shares, DeductWaiting { orders: orders.clone(), limit: 256 }),
        Sweeper::in_one_worker("refunds", secs(5), shares, RetryRefunds { pay: shop.pay.clone(), limit: 100 }),
        Sweeper::in_one_worker("sandbox callbacks", secs(1), shares, DeliverCallbacks { cashier: shop.cashier.clone() }),
        Sweeper::in_one_worker("gauges", secs(2), shares, measure),
        Sweeper::in_one_worker("housekeeping", secs(60), shares, DeleteExpired { housekeeping: shop.housekeeping.clone() }),
        // In every worker: what they take they take by leases of rows, or this process must be told at once.
        Sweeper::everywhere("gate effects", millis(500), &hints.effects, TellGate { inventory: stock.clone(), limit: 500 }),
        Sweeper::everywhere("points", secs(1), &hints.points, RunPoints { points: shop.points.clone(), limit: 1_000 }),
        Sweeper::everywhere("pushes", millis(500), &shop.partner.hint(), SendPushes { partner: shop.partner.clone(), limit: 64 }),
        Sweeper::everywhere("parked events", millis(500), &Arc::new(Notify::new()), retry_parked(shop, hints, settings)),
    ];
    if stock.follows_messages() {
        // Later than any message is late in quiet times.
        let records = RecordMissing { inventory: stock.clone(), older_than: Duration::from_mins(15) };
        table.push(Sweeper::in_one_worker("records", secs(5), shares, records));
    }
    table
}

/// Every lane is leased by itself, and each process must hear which of them are empty again.
pub fn retry_parked(shop: &Shop, hints: &Hints, settings: &WorkerSettings) -> RetryParked {
    RetryParked {
        parking: shop.parking.clone(),
        handlers: crate::consumers(shop, hints, settings),
        publisher: shop.publisher.clone(),
        clock: shop.clock.clone(),
        policy: settings.retry,
    }
}
