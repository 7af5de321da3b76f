//! Customers: each wants one unit at a time and asks under one key, at one process after the other, until it knows the outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_testkit::storm::{Afterwards, Dice, Purchase, Told};
use sluice_testkit::{Answer, Shopper, token, unique_name};
use tokio::task::JoinSet;

use crate::stage::Stage;

/// After which a customer asks again.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(150);
/// Between two purchases: the storm is about faults, not about speed.
const CALM: u64 = 400;
/// After the storm whoever still has no answer gives up, which is a violation.
const MAX_ASKING: Duration = Duration::from_secs(90);

pub struct Crowd {
    stop: Arc<AtomicBool>,
    customers: JoinSet<Vec<Purchase>>,
}

/// Everything one customer goes by.
struct Customer {
    user: String,
    shopper: Shopper,
    bases: Vec<String>,
    skus: Vec<String>,
    dice: Dice,
    stop: Arc<AtomicBool>,
}

/// What a call came to after it was repeated: the last answer, and whether an earlier try may have taken effect unseen.
struct Asked {
    answer: Option<Answer>,
    doubtful: bool,
}

impl Crowd {
    pub fn gather(stage: &Stage, customers: u64, dice: &mut Dice) -> Self {
        let mut crowd = Self { stop: Arc::default(), customers: JoinSet::new() };
        let bases = stage.bases();
        for _ in 0..customers {
            let user = unique_name("storm");
            let customer = Customer {
                shopper: Shopper::new(bases.first().expect("there is an API process"), token(1, &user, "customer")),
                user,
                bases: bases.clone(),
                skus: stage.skus().to_vec(),
                dice: dice.split(),
                stop: crowd.stop.clone(),
            };
            crowd.customers.spawn(customer.shop());
        }
        crowd
    }

    /// No new wishes; what was begun is asked for until its outcome is known.
    pub async fn go_home(self) -> Vec<Purchase> {
        self.stop.store(true, Ordering::Relaxed);
        self.customers.join_all().await.concat()
    }
}

impl Customer {
    async fn shop(mut self) -> Vec<Purchase> {
        let mut purchases = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            purchases.push(self.buy().await);
            tokio::time::sleep(Duration::from_millis(self.dice.below(CALM))).await;
        }
        purchases
    }

    async fn buy(&mut self) -> Purchase {
        let key = unique_name("key");
        let sku = usize::try_from(self.dice.below(u64::try_from(self.skus.len()).unwrap_or(1))).unwrap_or(0);
        let body = json!({"items": [{"sku_id": self.skus.get(sku), "quantity": 1}]}).to_string();
        let asked = self.ask("POST", "/api/v1/orders", &[("Idempotency-Key", key.as_str())], Some(body)).await;
        let mut purchase = Purchase { user: self.user.clone(), key, told: Told::Nothing, afterwards: Afterwards::Left };
        let Some(placed) = asked.answer else { return purchase };
        if placed.status != 201 {
            purchase.told = Told::Refused(placed.code().to_owned());
            return purchase;
        }
        purchase.afterwards = match self.dice.below(4) {
            0 | 1 if placed.body.get("payment").is_some_and(serde_json::Value::is_object) => self.pay(&placed).await,
            2 => self.cancel(&placed).await,
            _ => Afterwards::Left,
        };
        purchase.told = Told::Placed(placed.order_no());
        purchase
    }

    async fn pay(&mut self, placed: &Answer) -> Afterwards {
        let path = format!("/pay/sandbox/{}", placed.text("/payment/payment_id"));
        let asked = self.ask("POST", &path, &[], Some(json!({"outcome": "paid"}).to_string())).await;
        match asked.answer.map(|answer| answer.status) {
            Some(200) => Afterwards::Paid,
            // Its deadline has passed meanwhile.
            Some(409) if !asked.doubtful => Afterwards::Left,
            _ => Afterwards::Unclear,
        }
    }

    async fn cancel(&mut self, placed: &Answer) -> Afterwards {
        let path = format!("/api/v1/orders/{}/cancel", placed.order_no());
        let asked = self.ask("POST", &path, &[], None).await;
        match asked.answer.map(|answer| answer.status) {
            Some(200) => Afterwards::Cancelled,
            _ => Afterwards::Unclear,
        }
    }

    /// Again and again, at one process after the other, until the answer is one that stays.
    async fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Asked {
        let mut doubtful = false;
        let mut gives_up_at = None;
        loop {
            let base = usize::try_from(self.dice.below(u64::try_from(self.bases.len()).unwrap_or(1))).unwrap_or(0);
            let shopper = self.shopper.at(self.bases.get(base).expect("there is an API process"));
            let answer = tokio::time::timeout(PATIENCE, shopper.try_send(method, path, headers, body.clone())).await;
            match answer {
                Ok(Ok(answer)) if is_final(&answer) => return Asked { answer: Some(answer), doubtful },
                // Of a change whose COMMIT was not answered nobody knows whether it took effect.
                Ok(Ok(answer)) => doubtful |= answer.status >= 500,
                Ok(Err(_)) | Err(_) => doubtful = true,
            }
            if self.stop.load(Ordering::Relaxed) {
                let deadline = *gives_up_at.get_or_insert_with(|| Instant::now() + MAX_ASKING);
                if Instant::now() > deadline {
                    return Asked { answer: None, doubtful: true };
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Everything but "later", "too many" and "still running".
fn is_final(answer: &Answer) -> bool {
    answer.status < 500 && answer.status != 429 && answer.code() != "request_in_progress"
}
