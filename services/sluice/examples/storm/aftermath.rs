//! After the storm: through the API and in the database, what was told and what is there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_testkit::storm::{self, Found, Purchase};
use sluice_testkit::{Database, Shopper};

use crate::stage::{Stage, UNITS, WINDOW};

/// Within which everything that was begun has drained, beyond the last deadline.
const DRAIN: Duration = Duration::from_mins(1);
/// Keys that are asked again.
const REPEATED: usize = 50;

/// Of rows that must not be there, in SQL.
const FORBIDDEN: [(&str, &str); 7] = [
    ("rows in the outbox", "SELECT COUNT(*) FROM outbox"),
    ("events that stepped aside and wait", "SELECT COUNT(*) FROM parked_events"),
    ("effects that the gate was not told", "SELECT COUNT(*) FROM gate_effects"),
    (
        "SKUs whose sums do not hold",
        "SELECT COUNT(*) FROM stock WHERE usable + locked + sold <> received OR usable < 0 OR locked < 0 OR sold < 0",
    ),
    (
        "paid payments whose orders were cancelled",
        "SELECT COUNT(*) FROM payments p JOIN orders o ON o.order_no = p.order_no WHERE p.status = 2 AND p.refunded = 0 AND o.paid_at IS NULL",
    ),
    ("orders of one key", "SELECT COUNT(*) - COUNT(DISTINCT key_scope) FROM orders WHERE key_scope IS NOT NULL"),
    ("dead letters", "SELECT COUNT(*) FROM dead_letters"),
];

pub async fn contradictions(stage: &Stage, purchases: &[Purchase]) -> Vec<String> {
    let quiet = Instant::now();
    tokio::time::sleep(WINDOW).await;
    let mut wrong;
    loop {
        let found = read_orders(stage, purchases).await;
        wrong = match found {
            Ok(found) => judge(stage, purchases, &found).await,
            Err(error) => vec![error],
        };
        if wrong.is_empty() || quiet.elapsed() > WINDOW + DRAIN {
            println!("           drained {:.1} s after the last deadline", quiet.elapsed().saturating_sub(WINDOW).as_secs_f64());
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    wrong.extend(repeat_some(stage, purchases).await);
    wrong
}

async fn judge(stage: &Stage, purchases: &[Purchase], found: &BTreeMap<String, Found>) -> Vec<String> {
    let mut wrong = storm::contradictions(purchases, found);
    let staff = stage.staff();
    // The probes between the faults were orders too; nobody paid them, so all are cancelled by now.
    for (sku, figures) in storm::figures(stage.skus(), UNITS, found) {
        let path = format!("/admin/skus/{sku}/stock");
        let seen = staff.get(&path).await;
        if seen.status != 200 {
            wrong.push(format!("the stock of SKU {sku} was answered {}", seen.status));
            continue;
        }
        let of = |at: &str| ["usable", "locked", "sold", "received"].map(|name| seen.number(&format!("{at}/{name}")));
        for (where_, there) in [("gate", of("")), ("ledger", of("/ledger"))] {
            if there != figures {
                wrong.push(format!("SKU {sku}: the {where_} says {there:?}, the orders {figures:?}"));
            }
        }
    }
    let outbox = staff.get("/admin/outbox").await;
    if outbox.status != 200 || outbox.number("/pending") != 0 {
        wrong.push(format!("the outbox is not empty: {}", outbox.body));
    }
    wrong.extend(stage.database().map(forbidden_rows).unwrap_or_default());
    if wrong.is_empty()
        && let Err(said) = stage.reconcile()
    {
        wrong.push(format!("sluice reconcile: {said}"));
    }
    wrong
}

fn forbidden_rows(database: &Database) -> Vec<String> {
    let mut wrong = Vec::new();
    for (what, count) in FORBIDDEN {
        let rows = database.sql(count);
        if rows.first().map(String::as_str) != Some("0") {
            wrong.push(format!("{what}: {rows:?}"));
        }
    }
    wrong
}

/// Every order of every customer, as the API lists them.
async fn read_orders(stage: &Stage, purchases: &[Purchase]) -> Result<BTreeMap<String, Found>, String> {
    let mut found = BTreeMap::new();
    for user in storm::users(purchases) {
        let shopper = stage.customer(user);
        let mut path = "/orders?limit=100".to_owned();
        loop {
            let page = shopper.get(&path).await;
            if page.status != 200 {
                return Err(format!("the orders of {user} were answered {}", page.status));
            }
            for order in page.body.get("data").and_then(Value::as_array).into_iter().flatten() {
                let text = |at: &str| order.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
                let seen = Found { user: user.to_owned(), sku: text("/items/0/sku_id"), status: text("/status") };
                if found.insert(text("/order_no"), seen).is_some() {
                    return Err(format!("order {} is listed twice", text("/order_no")));
                }
            }
            if page.body.get("has_more") != Some(&Value::Bool(true)) {
                break;
            }
            path = format!("/orders?limit=100&cursor={}", page.text("/next_cursor"));
        }
    }
    Ok(found)
}

/// The same keys again are answered with the same orders.
async fn repeat_some(stage: &Stage, purchases: &[Purchase]) -> Vec<String> {
    let mut wrong = Vec::new();
    for purchase in purchases.iter().step_by(purchases.len().div_ceil(REPEATED).max(1)) {
        let storm::Told::Placed(order) = &purchase.told else { continue };
        let shopper = stage.customer(&purchase.user);
        let seen = order_again(&shopper, order, &purchase.key).await;
        if seen.as_deref() != Some(order.as_str()) {
            wrong.push(format!("key {} was answered with order {order}, and now with {seen:?}", purchase.key));
        }
    }
    wrong
}

async fn order_again(shopper: &Shopper, order: &str, key: &str) -> Option<String> {
    let there = shopper.order(order).await;
    let sku = there.body.pointer("/items/0/sku_id")?.clone();
    let body = serde_json::json!({"items": [{"sku_id": sku, "quantity": 1}]});
    let again = shopper.place_body(key, body).await;
    (again.status == 201).then(|| again.order_no())
}
