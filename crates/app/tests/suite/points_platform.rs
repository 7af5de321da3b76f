//! Ten thousand orders are paid in points at a platform that fails, delays, hangs up and repeats as it likes: points move
//! exactly once for each paid order, none for a failed one, and every order ends (docs/domain.md S1 rule 9, promise P5).

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use sluice_events::{Fact, OrderCreated, PaymentSettled, SLICES};
use sluice_kernel::{Clock as _, OrderNo, PageRequest, Points, Quantity, SkuId, UserId};
use sluice_order::{
    Attribution, Expected, IdempotencyKey, OrderError, OrderStatus, PayType, PlaceActivityOrder, Recipient, RefundRequest,
    RestockChoice,
};
use sluice_pay::ExceptionQuery;
use sluice_points::PointsDeduction;
use sluice_testkit::{PlatformMood, PlatformRequest, PointsPlatform};
use tokio::task::JoinSet;

use crate::wired::{STORE, Wired};

const ORDERS: usize = 10_000;
const USERS: usize = 200;
const AT_ONCE: usize = 64;
/// Offer 1002: 500 points × 0.8.
const OFFER: SkuId = SkuId(1_002);
const PRICE: i64 = 400;
const PATIENCE: Duration = Duration::from_millis(150);

/// As if thrown by dice, yet the same in every run: about half of all first tries have no answer.
fn mood(request: &PlatformRequest) -> PlatformMood {
    let mut dice = DefaultHasher::new();
    // The number of the order alone is not the same in every run: its last digits are counted up.
    (request.key.get(request.key.len().saturating_sub(4)..), request.attempt).hash(&mut dice);
    match dice.finish() % 100 {
        _ if request.attempt > 6 => PlatformMood::Answers,
        0..10 => PlatformMood::Fails,
        10..20 => PlatformMood::FailsAfterDoing,
        20..27 => PlatformMood::HangsUp,
        27..34 => PlatformMood::HangsUpAfterDoing,
        34..36 => PlatformMood::AnswersLate(PATIENCE * 3),
        36..38 => PlatformMood::DoesLate(PATIENCE * 3),
        38..43 => PlatformMood::IsBusy,
        43..46 => PlatformMood::Babbles,
        46..48 => PlatformMood::IsHidden,
        _ => PlatformMood::Answers,
    }
}

fn user(number: usize) -> String {
    format!("points-{}", number % USERS)
}

/// Every fourth user can pay half of what is ordered, every tenth nothing, the others everything.
fn purse(number: usize) -> i64 {
    let orders = i64::try_from(ORDERS / USERS).unwrap();
    match number {
        _ if number.is_multiple_of(10) => 0,
        _ if number.is_multiple_of(4) => orders / 2 * PRICE + PRICE - 1,
        _ => orders * PRICE,
    }
}

fn command(number: usize) -> PlaceActivityOrder {
    let user = UserId(user(number));
    PlaceActivityOrder {
        store: STORE,
        user: user.clone(),
        key: IdempotencyKey { route: "activities", store: STORE, user, key: format!("points-{number}"), fingerprint: [0; 32] },
        activity: "1".to_owned(),
        product: OFFER.to_string(),
        quantity: Quantity::new(1).unwrap(),
        pay_type: PayType::Points,
        recipient: Recipient::default(),
        own_form: None,
        attribution: Attribution::default(),
        referrer: None,
        expected: Expected::default(),
    }
}

async fn place_all(shop: &Arc<Wired>) -> Vec<(usize, OrderNo)> {
    let mut placing = JoinSet::new();
    let mut placed = Vec::with_capacity(ORDERS);
    for number in 0..ORDERS {
        if placing.len() >= AT_ONCE {
            placed.push(placing.join_next().await.unwrap().unwrap());
        }
        let shop = shop.clone();
        placing.spawn(async move {
            let order = shop.open.shop.orders.place_activity(command(number)).await.unwrap().order;
            assert_eq!((order.status(), order.terms.points_total), (OrderStatus::Confirming, Points(PRICE)));
            (number, order.order_no)
        });
    }
    placed.extend(placing.join_all().await);
    placed
}

fn deduction(order: &OrderCreated) -> PointsDeduction {
    PointsDeduction {
        store: order.store_id,
        user: order.user_id.clone(),
        order_no: order.order_no,
        points: order.points_total,
        currency: order.total.currency,
        traceparent: None,
    }
}

/// What relay and consumers do, with every third event delivered twice. False where the outbox is empty.
async fn deliver(shop: &Arc<Wired>) -> bool {
    let slices: Vec<u16> = (0..SLICES).collect();
    let rows = shop.open.shop.outbox.pending(&slices, shop.clock.now(), 4_000).await.unwrap();
    let (mut created, mut settled): (Vec<PointsDeduction>, Vec<PaymentSettled>) = (Vec::new(), Vec::new());
    for (index, row) in rows.iter().enumerate() {
        for _ in 0..=usize::from(index.is_multiple_of(3)) {
            match serde_json::from_str(&row.payload).unwrap() {
                Fact::OrderPlaced { order } => created.push(deduction(&order)),
                Fact::PaymentSettled { payment } => settled.push(payment),
                Fact::OrderPaid { .. } | Fact::OrderCancelled { .. } | Fact::OrderRefunded { .. } | Fact::StockAdjusted { .. } => {}
            }
        }
    }
    for batch in created.chunks(250) {
        shop.open.shop.points.deduct(batch).await.unwrap();
    }
    let mut settling = JoinSet::new();
    for payment in settled {
        if settling.len() >= 16 {
            settling.join_next().await.unwrap().unwrap();
        }
        let shop = shop.clone();
        settling.spawn(async move { shop.open.shop.orders.settle(&payment).await.unwrap() });
    }
    settling.join_all().await;
    shop.open.shop.outbox.delivered(&rows.iter().map(|row| row.id).collect::<Vec<_>>()).await.unwrap();
    !rows.is_empty()
}

/// Workers at work until no operation waits and nothing is left to tell. Time passes faster here than outside.
async fn work_until_all_is_final(shop: &Arc<Wired>) {
    for turn in 0.. {
        let delivered = deliver(shop).await;
        let points = &shop.open.shop.points;
        // Two workers sweep at the same moment.
        let (one, other) = tokio::join!(points.run_due(1_000), points.run_due(1_000));
        let asked = one.unwrap() + other.unwrap();
        if !delivered && asked == 0 && points.stats().await.unwrap().pending == 0 {
            return;
        }
        assert!(turn < 2_000, "{:?} still wait", points.stats().await.unwrap());
        shop.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn points_move_once_at_a_platform_that_fails_delays_and_repeats() {
    let platform = PointsPlatform::start(mood).await;
    for number in 0..USERS {
        platform.give("1", &user(number), purse(number));
    }
    let shop = Arc::new(Wired::on_sqlite_with_points_at(platform.url(), PATIENCE).await);
    let orders = place_all(&shop).await;
    assert_eq!(orders.len(), ORDERS);
    work_until_all_is_final(&shop).await;

    let moves = platform.moves();
    let mut paid: HashMap<String, i64> = HashMap::new();
    let (mut paid_orders, mut failed_orders, mut asked_again) = (0, 0, 0);
    for (number, order_no) in orders {
        let status = shop.open.shop.orders.find(STORE, None, order_no).await.unwrap().order.status();
        let key = format!("deduct/{order_no}");
        asked_again += usize::from(platform.attempts(&key) > 1);
        match status {
            OrderStatus::Paid => {
                assert_eq!(moves.get(&key), Some(&1), "{order_no} is paid");
                *paid.entry(user(number)).or_default() += PRICE;
                paid_orders += 1;
            }
            OrderStatus::Failed => {
                assert_eq!((moves.get(&key), platform.answer(&key)), (None, Some(409)), "{order_no} has failed");
                failed_orders += 1;
            }
            OrderStatus::Unpaid
            | OrderStatus::Confirming
            | OrderStatus::Fulfilled
            | OrderStatus::Completed
            | OrderStatus::Cancelled
            | OrderStatus::PaidAfterClose
            | OrderStatus::Refunded => panic!("{order_no} is {status:?}"),
        }
    }
    let sold = i64::try_from(paid_orders).unwrap();
    assert_eq!(moves.len(), paid_orders, "nothing else moved points");
    for number in 0..USERS {
        let spent = paid.get(&user(number)).copied().unwrap_or(0);
        assert_eq!(platform.balance("1", &user(number)), purse(number) - spent);
        assert_eq!(spent, purse(number) / PRICE * PRICE, "who could pay has paid");
    }
    assert!(failed_orders > 1_000 && paid_orders > 5_000 && asked_again > 2_000, "{failed_orders} {paid_orders} {asked_again}");

    let stock = shop.open.shop.inventory.stock(STORE, OFFER).await.unwrap();
    assert!(stock.gate.hold());
    assert_eq!((stock.gate.locked, stock.gate.sold, stock.gate), (0, sold, stock.ledger));
    assert_eq!(shop.open.differences().await.unwrap(), Vec::<String>::new());
}

/// Refunds of the order by two keys, the second after the platform has refused the first: nobody loses the points, and
/// staff see that they must act.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn points_that_the_platform_will_not_take_back_are_shown_to_staff_and_may_be_asked_back_again() {
    let refuses_the_first = |request: &PlatformRequest| {
        if request.key.ends_with("-whole") { PlatformMood::Refuses } else { PlatformMood::Answers }
    };
    let platform = PointsPlatform::start(refuses_the_first).await;
    platform.give("1", &user(1), PRICE);
    let shop = Arc::new(Wired::on_sqlite_with_points_at(platform.url(), Duration::from_secs(5)).await);
    let (orders, pay) = (&shop.open.shop.orders, &shop.open.shop.pay);
    let order_no = orders.place_activity(command(1)).await.unwrap().order.order_no;
    work_until_all_is_final(&shop).await;
    let refund = |key: &str, reason: &str| RefundRequest {
        store: STORE,
        order_no,
        key: IdempotencyKey { route: "refunds", key: key.to_owned(), ..command(1).key },
        amount: None,
        reason: reason.to_owned(),
        restock: RestockChoice::Everything,
    };
    let status = async || orders.find(STORE, None, order_no).await.unwrap().order.status();

    let first = orders.refund(refund("r1", "broken")).await.unwrap();
    work_until_all_is_final(&shop).await;
    assert_eq!((first.done, status().await, platform.balance("1", &user(1))), (false, OrderStatus::Paid, 0));
    let page = PageRequest::first(10);
    let query = ExceptionQuery { store: STORE, resolved: Some(false), kind: None, order_no: Some(order_no), page };
    let kept = pay.exceptions(query).await.unwrap().data;
    assert_eq!(kept.iter().map(|exception| exception.kind.as_str()).collect::<Vec<_>>(), ["refund_refused"]);
    assert!(kept[0].detail.contains(&first.id.0) && kept[0].detail.contains("the account is closed"), "{:?}", kept[0]);
    let repeated = orders.refund(refund("r1", "broken")).await.unwrap_err();
    assert!(matches!(repeated, OrderError::RefundRefused(_)), "who repeats it hears what became of it: {repeated}");
    let lines = shop.open.shop.traces.of_order(order_no).await.unwrap();
    assert_eq!(lines.iter().filter(|line| line.what == "exception").count(), 1, "{lines:?}");

    // Another reason: it is no repetition of the first.
    let second = orders.refund(refund("r2", "broken, and the account is open again")).await.unwrap();
    assert_ne!(second.id, first.id);
    work_until_all_is_final(&shop).await;
    assert_eq!((status().await, platform.balance("1", &user(1))), (OrderStatus::Refunded, PRICE));
    assert_eq!(platform.moves().get(&format!("refund/{}", second.id)), Some(&1));
    let stock = shop.open.shop.inventory.stock(STORE, OFFER).await.unwrap();
    assert_eq!((stock.gate.locked, stock.gate.sold, stock.gate), (0, 0, stock.ledger));
    assert_eq!(shop.open.differences().await.unwrap(), Vec::<String>::new());
}
