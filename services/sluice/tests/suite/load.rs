//! Shoppers who order, pay and cancel without end, and the proof that everything acknowledged is there, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_testkit::{Shopper, unique_name, wait_for};
use tokio::task::JoinSet;

use crate::world::Storefront;

/// So many orders as fast as they go; then a calmer pace, so that what is to be checked afterwards stays within bounds.
const BURST: usize = 120;
const CALM: Duration = Duration::from_millis(250);

/// Fewer than a user may leave unpaid.
const ORDERS_OF_A_USER: usize = 15;

/// What became of a request, as its sender saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Placed(String),
    /// Status and code.
    Refused(u16, String),
    /// The connection broke.
    Unknown,
}

#[derive(Debug, Clone)]
pub struct Sent {
    pub user: String,
    pub key: String,
    pub sku: String,
    pub outcome: Outcome,
    /// The cashier said 200.
    pub paid: bool,
}

/// Shoppers at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    shoppers: JoinSet<Vec<Sent>>,
}

impl Storefront {
    /// A customer whom nobody has seen before, and their name.
    fn newcomer(&self) -> (String, Shopper) {
        let user = unique_name("load");
        let shopper = self.customer(1, &user);
        (user, shopper)
    }
}

/// Each request names one unit.
fn one_of(sku: &str) -> Value {
    json!({"items": [{"sku_id": sku, "quantity": 1}]})
}

impl Load {
    /// So many shoppers, spread over the storefronts and the SKUs.
    pub fn start(storefronts: &[Storefront], skus: &[String], shoppers: usize) -> Self {
        let mut load =
            Self { stop: Arc::default(), acknowledged: Arc::default(), refused: Arc::default(), shoppers: JoinSet::new() };
        for number in 0..shoppers {
            let storefront = storefronts[number % storefronts.len()].clone();
            let sku = skus[number % skus.len()].clone();
            let (stop, acknowledged, refused) = (load.stop.clone(), load.acknowledged.clone(), load.refused.clone());
            load.shoppers.spawn(async move {
                let mut sent = Vec::new();
                let (mut user, mut shopper) = storefront.newcomer();
                while !stop.load(Ordering::Relaxed) {
                    if sent.len() % ORDERS_OF_A_USER == ORDERS_OF_A_USER - 1 {
                        (user, shopper) = storefront.newcomer();
                    }
                    let request = order_once(&shopper, &user, &sku, sent.len()).await;
                    match &request.outcome {
                        Outcome::Placed(_) => {
                            acknowledged.fetch_add(1, Ordering::Relaxed);
                        }
                        Outcome::Refused(..) | Outcome::Unknown => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(20)).await; // a client backs off
                        }
                    }
                    sent.push(request);
                    if acknowledged.load(Ordering::Relaxed) > BURST {
                        tokio::time::sleep(CALM).await;
                    }
                }
                sent
            });
        }
        load
    }

    /// Waits until so many more orders are acknowledged.
    pub async fn more_orders(&self, count: usize) {
        let wanted = self.acknowledged.load(Ordering::Relaxed) + count;
        wait_for(&format!("{count} more orders are acknowledged"), Duration::from_mins(1), async || {
            (self.acknowledged.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }

    /// Waits until so many more requests failed or were refused.
    pub async fn more_refusals(&self, count: usize) {
        let wanted = self.refused.load(Ordering::Relaxed) + count;
        wait_for(&format!("{count} more requests are refused"), Duration::from_mins(1), async || {
            (self.refused.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }

    /// Sends the shoppers home; everything they sent.
    pub async fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.shoppers.join_all().await.concat()
    }
}

async fn order_once(shopper: &Shopper, user: &str, sku: &str, turn: usize) -> Sent {
    let key = unique_name("key");
    let headers = [("Idempotency-Key", key.as_str())];
    let answer = shopper.try_send("POST", "/api/v1/orders", &headers, Some(one_of(sku).to_string())).await;
    let mut sent = Sent { user: user.to_owned(), key: key.clone(), sku: sku.to_owned(), outcome: Outcome::Unknown, paid: false };
    let Ok(answer) = answer else { return sent };
    if answer.status != 201 {
        sent.outcome = Outcome::Refused(answer.status, answer.code().to_owned());
        return sent;
    }
    let order_no = answer.order_no();
    if turn.is_multiple_of(3) && answer.body["payment"].is_object() {
        let path = format!("/pay/sandbox/{}", answer.text("/payment/payment_id"));
        let paid = shopper.try_send("POST", &path, &[], Some(json!({"outcome": "paid"}).to_string())).await;
        sent.paid = paid.is_ok_and(|answer| answer.status == 200);
    } else if turn % 3 == 1 {
        let path = format!("/api/v1/orders/{order_no}/cancel");
        let _ = shopper.try_send("POST", &path, &[], None).await;
    }
    sent.outcome = Outcome::Placed(order_no);
    sent
}

/// Nothing but these refusals came, and no 5xx but 503.
pub fn expect_only(sent: &[Sent], allowed: &[(u16, &str)]) {
    for request in sent {
        if let Outcome::Refused(status, code) = &request.outcome {
            assert!(allowed.contains(&(*status, code.as_str())), "a request was answered {status} {code}");
        }
    }
}

/// All orders of a user, by number.
async fn orders_of(shopper: &Shopper) -> BTreeMap<String, Value> {
    let mut orders = BTreeMap::new();
    let mut path = "/orders?limit=100".to_owned();
    loop {
        let page = shopper.get(&path).await.expect_status(200);
        for order in page.body["data"].as_array().unwrap() {
            let number = order["order_no"].as_str().unwrap().to_owned();
            assert!(orders.insert(number, order.clone()).is_none(), "an order is listed twice");
        }
        if page.body["has_more"] != json!(true) {
            return orders;
        }
        path = format!("/orders?limit=100&cursor={}", page.text("/next_cursor"));
    }
}

/// Every acknowledged order exists once; every other request resolves to one knowable outcome under its key; whatever
/// was paid becomes paid; then stock in gate and ledger is what the orders say.
pub async fn expect_everything_there(sent: &[Sent], storefront: &Storefront, skus: &[String], received: i64) {
    let users: BTreeSet<&str> = sent.iter().map(|request| request.user.as_str()).collect();
    let mut numbers: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for request in sent {
        let shopper = storefront.customer(1, &request.user);
        let number = match &request.outcome {
            Outcome::Placed(number) => number.clone(),
            Outcome::Refused(..) | Outcome::Unknown => {
                shopper.place_body(&request.key, one_of(&request.sku)).await.expect_status(201).order_no()
            }
        };
        assert!(numbers.entry(&request.user).or_default().insert(number), "two keys have one order");
    }
    // The same key again is the same order: some of each kind.
    for request in sent.iter().step_by(sent.len().div_ceil(20).max(1)) {
        let shopper = storefront.customer(1, &request.user);
        let replay = shopper.place_body(&request.key, one_of(&request.sku)).await.expect_status(201);
        assert!(numbers[request.user.as_str()].contains(&replay.order_no()), "a key has a second order");
    }
    for user in &users {
        let listed: BTreeSet<String> = orders_of(&storefront.customer(1, user)).await.into_keys().collect();
        assert_eq!(listed, numbers[user], "what is acknowledged is what is there");
    }
    expect_stock_of_orders(sent, storefront, skus, &users, received).await;
}

async fn expect_stock_of_orders(sent: &[Sent], storefront: &Storefront, skus: &[String], users: &BTreeSet<&str>, received: i64) {
    let must_be_paid: BTreeSet<&str> = sent
        .iter()
        .filter(|request| request.paid)
        .filter_map(|request| match &request.outcome {
            Outcome::Placed(number) => Some(number.as_str()),
            Outcome::Refused(..) | Outcome::Unknown => None,
        })
        .collect();
    let staff = storefront.staff();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut figures: BTreeMap<String, [i64; 4]> = skus.iter().map(|sku| (sku.clone(), [received, 0, 0, received])).collect();
        let mut unpaid_yet = 0;
        for user in users {
            for (number, order) in orders_of(&storefront.customer(1, user)).await {
                let status = order["status"].as_str().unwrap();
                unpaid_yet += usize::from(must_be_paid.contains(number.as_str()) && status != "paid");
                let place = match status {
                    "unpaid" => 1,
                    "paid" => 2,
                    "cancelled" => 0,
                    other => panic!("order {number} is {other}"),
                };
                for item in order["items"].as_array().unwrap() {
                    let stock = figures.get_mut(item["sku_id"].as_str().unwrap()).unwrap();
                    stock[0] -= 1;
                    stock[place] += 1;
                }
            }
        }
        let mut seen = BTreeMap::new();
        for sku in skus {
            seen.insert(sku.clone(), staff.stock(sku).await);
        }
        let agree = figures.iter().all(|(sku, figures)| seen[sku] == [*figures, *figures]);
        if agree && unpaid_yet == 0 {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "after 30 s: {unpaid_yet} paid orders are not paid; the orders say {figures:?}, gate and ledger say {seen:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
