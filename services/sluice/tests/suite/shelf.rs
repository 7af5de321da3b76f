//! Products of a test's own, and what becomes of their stock.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_testkit::unique_name;

use crate::world::{SOON, Storefront};

/// Price of a product in minor units, as of the demo's products.
pub const PRICE: i64 = 1990;

/// A product with one SKU.
#[derive(Debug, Clone)]
pub struct Product {
    pub id: String,
    pub sku: String,
}

/// A product as staff put it on the shelf.
pub fn plain_product() -> Value {
    json!({
        "title": unique_name("Product"), "pictures": ["/pictures/product.png"], "delivery_place": "1", "order_form_items": [],
        "listed": true,
        "skus": [{
            "code": "W-1", "spec": "red / 64 GB", "price": {"amount": PRICE, "currency": "CNY"}, "points": 5,
            "allotable_profit": 150, "supplier_price": 990, "listed": true,
        }],
    })
}

impl Storefront {
    /// A plain product with so many units.
    pub async fn add_product(&self, stock: i64) -> Product {
        self.add_product_like(plain_product(), stock).await
    }

    /// A product with so many units.
    pub async fn add_product_like(&self, product: Value, stock: i64) -> Product {
        let made = self.staff().post("/admin/products", product).await.expect_status(201);
        let product = Product { id: made.text("/id"), sku: made.text("/skus/0/sku_id") };
        if stock > 0 {
            self.receive(&product.sku, stock).await;
        }
        self.expect_stock(&product.sku, [stock, 0, 0, stock]).await;
        product
    }

    /// Staff receive units.
    pub async fn receive(&self, sku: &str, units: i64) {
        let path = format!("/admin/skus/{sku}/stock-adjustments");
        let body = json!({"delta": units, "reason": "a delivery"});
        let answer = self.staff().post_with_key(&path, &unique_name("delivery"), body).await;
        assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
    }

    /// Gate and ledger both come to [usable, locked, sold, received].
    pub async fn expect_stock(&self, sku: &str, figures: [i64; 4]) {
        self.expect_stock_within(sku, figures, SOON).await;
    }

    pub async fn expect_stock_within(&self, sku: &str, figures: [i64; 4], within: Duration) {
        let staff = self.staff();
        let deadline = Instant::now() + within;
        loop {
            let seen = staff.stock(sku).await;
            for [usable, locked, sold, received] in seen {
                assert!(usable >= 0 && locked >= 0 && sold >= 0, "negative stock of SKU {sku}: {seen:?}");
                assert_eq!(usable + locked + sold, received, "the sums of SKU {sku} do not hold: {seen:?}");
            }
            if seen == [figures, figures] {
                return;
            }
            assert!(Instant::now() < deadline, "after {within:?} SKU {sku} has {seen:?} in gate and ledger, not {figures:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The trace of a SKU comes to these movements, and proves its figures.
    pub async fn expect_trace_adds_up(&self, sku: &str, kinds: &[&str]) {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        let path = format!("/admin/skus/{sku}/stock/trace");
        let deadline = Instant::now() + SOON;
        loop {
            let trace = self.staff().get(&path).await.expect_status(200);
            let mut seen: Vec<&str> =
                trace.body["movements"].as_array().unwrap().iter().map(|movement| movement["kind"].as_str().unwrap()).collect();
            seen.sort_unstable();
            if seen == kinds {
                assert_eq!(trace.body["adds_up"], true, "{}", trace.body);
                assert_eq!(trace.body["computed"], trace.body["ledger"], "{}", trace.body);
                return;
            }
            assert!(Instant::now() < deadline, "after {SOON:?} the movements are {seen:?}, not {kinds:?}: {}", trace.body);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
