//! Payment and timer race for the same order, a thousand times: never both paid and cancelled, and the sums hold
//! (docs/domain.md S2 rules 8 and 9, promises P1 and P5).

use std::{sync::Arc, time::Duration};

use sluice_events::PaymentWindowClosed;
use sluice_kernel::{OrderNo, SkuId};
use sluice_order::{OrderStatus, Placed};

use crate::wired::{STORE, WINDOW, Wired};

const RACES: usize = 1_000;
const AT_ONCE: usize = 20;
const SKU: SkuId = SkuId(1);

async fn expire(shop: &Wired, placed: &Placed) {
    let order = &placed.order;
    let closed = PaymentWindowClosed { order_no: order.order_no, store_id: order.store, expires_at: order.terms.expires_at };
    shop.open.shop.orders.expire(&closed).await.unwrap();
}

async fn race_a_thousand_times(shop: Wired) {
    let shop = Arc::new(shop);
    let mut cancelled_first = 0;
    for round in 0..RACES / AT_ONCE {
        let mut placed = Vec::new();
        for place in 0..AT_ONCE {
            placed.push(shop.place(&format!("race-{round}-{place}"), SKU, 1).await);
        }
        shop.clock.advance(WINDOW);
        let racers = placed.iter().enumerate().map(|(place, order)| {
            let (payer, timer) = (shop.clone(), shop.clone());
            let (paid, due) = (order.clone(), order.clone());
            let money = async move {
                payer.money_arrives(&paid).await.unwrap();
                payer.deliver_settlements(&[paid.order.order_no]).await;
            };
            let timer = async move { expire(&timer, &due).await };
            tokio::spawn(async move {
                match place % 10 {
                    // Both orders of events happen for certain; the others race.
                    0 => {
                        timer.await;
                        money.await;
                    }
                    1 => {
                        money.await;
                        timer.await;
                    }
                    _ => {
                        let (money, timer) = (tokio::spawn(money), tokio::spawn(timer));
                        money.await.unwrap();
                        timer.await.unwrap();
                    }
                }
            })
        });
        for racer in racers.collect::<Vec<_>>() {
            racer.await.unwrap();
        }
        // Everything comes again: settlements, timers, callbacks.
        let orders: Vec<OrderNo> = placed.iter().map(|placed| placed.order.order_no).collect();
        shop.deliver_settlements(&orders).await;
        for order in &placed {
            expire(&shop, order).await;
            shop.money_arrives(order).await.unwrap();
            let found = shop.open.shop.orders.find(STORE, None, order.order.order_no).await.unwrap();
            // The money is there and the stock allows it: whoever was faster, the order ends paid, and only once.
            assert_eq!(found.order.status(), OrderStatus::Paid, "{:?}", found.order);
            cancelled_first += usize::from(found.order.reservation.attempt > 1);
        }
        let slices: Vec<u16> = (0..sluice_events::SLICES).collect();
        let rows = shop.open.shop.outbox.pending(&slices, sluice_kernel::Clock::now(shop.clock.as_ref()), 100_000).await.unwrap();
        shop.open.shop.outbox.delivered(&rows.iter().map(|row| row.id).collect::<Vec<_>>()).await.unwrap();
    }
    assert!(cancelled_first >= RACES / 10, "where the timer came first the money came late: {cancelled_first}");
    assert!(cancelled_first <= RACES - RACES / 10, "where the money came first the timer found nothing: {cancelled_first}");

    let stock = shop.open.shop.inventory.stock(STORE, SKU).await.unwrap();
    assert!(stock.gate.hold());
    assert_eq!((stock.gate.locked, stock.gate.sold), (0, i64::try_from(RACES).unwrap()));
    assert_eq!(stock.gate, stock.ledger);
    assert_eq!(shop.open.differences().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn payment_and_timer_race_a_thousand_times_on_sqlite() {
    race_a_thousand_times(Wired::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn payment_and_timer_race_a_thousand_times_on_mariadb() {
    race_a_thousand_times(Wired::on_mariadb().await).await;
}

/// Nobody pays: the deadline passes, every unit comes back once, however often the timer rings.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_timer_that_rings_often_returns_the_units_once() {
    let shop = Arc::new(Wired::on_sqlite().await);
    let placed = shop.place("often", SkuId(16), 10).await;
    expire(&shop, &placed).await;
    let before = shop.open.shop.orders.find(STORE, None, placed.order.order_no).await.unwrap();
    assert_eq!(before.order.status(), OrderStatus::Unpaid, "a message that comes early changes nothing");

    shop.clock.advance(WINDOW + Duration::from_millis(1));
    let rings: Vec<_> = (0..20)
        .map(|_| {
            let (shop, placed) = (shop.clone(), placed.clone());
            tokio::spawn(async move { expire(&shop, &placed).await })
        })
        .collect();
    for ring in rings {
        ring.await.unwrap();
    }
    let stock = shop.open.shop.inventory.stock(STORE, SkuId(16)).await.unwrap();
    assert_eq!((stock.gate.usable, stock.gate.locked, stock.gate.received), (10, 0, 10));
}
