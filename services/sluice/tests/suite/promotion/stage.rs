//! Activities and offers of a test's own, and customers who take them.

use serde_json::{Value, json};
use sluice_testkit::{Answer, Shopper, unique_name};

use crate::world::Storefront;

/// List price of an offer in minor units, and its points price.
pub const PRICE: i64 = 1990;
pub const POINTS: i64 = 500;

/// A window that every clock of these tests is inside of.
pub const OPEN: [&str; 2] = ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"];

/// One product of one activity.
#[derive(Debug, Clone)]
pub struct Offer {
    pub activity: String,
    pub product: String,
    pub sku: String,
}

/// `more`'s fields over those of `base`.
pub fn with(mut base: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        base[name] = value.clone();
    }
    base
}

/// An offer as staff make it: cash, no discount, physical, no required field.
pub fn plain_offer() -> Value {
    json!({
        "title": unique_name("Offer"), "pictures": ["/pictures/offer.png"], "delivery_place": "1", "receiving_way": 0,
        "order_form_items": [], "customer_product_id": "CP-9", "code": "O-1", "spec": "blue", "price": PRICE, "points": POINTS,
        "allotable_profit": 150, "supplier_price": 990, "discount": 1,
    })
}

impl Storefront {
    /// An activity of the store in this window, with a default mode.
    pub async fn activity(&self, store: i64, mode: &str, [starts_at, ends_at]: [&str; 2]) -> String {
        let body = json!({"title": unique_name("Activity"), "starts_at": starts_at, "ends_at": ends_at, "mode": mode});
        self.staff_of(store).post("/admin/activities", body).await.expect_status(201).text("/id")
    }

    /// A running activity of store 1 with one offer of so many units; `more` changes the plain offer.
    pub async fn offer(&self, mode: &str, more: Value, units: i64) -> Offer {
        let activity = self.activity(1, mode, OPEN).await;
        self.offer_in(1, &activity, more, units).await
    }

    pub async fn offer_in(&self, store: i64, activity: &str, more: Value, units: i64) -> Offer {
        let path = format!("/admin/activities/{activity}/products");
        let staff = self.staff_of(store);
        let made = staff.post(&path, with(plain_offer(), &more)).await.expect_status(201);
        let offer = Offer { activity: activity.to_owned(), product: made.text("/product_id"), sku: made.text("/sku_id") };
        if units > 0 {
            let path = format!("/admin/skus/{}/stock-adjustments", offer.sku);
            let body = json!({"delta": units, "reason": "a delivery"});
            let answer = staff.post_with_key(&path, &unique_name("delivery"), body).await;
            assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
        }
        offer
    }

    /// A PATCH of what staff see at `path`, from its present version.
    pub async fn patch(&self, store: i64, path: &str, change: Value) -> Answer {
        let staff = self.staff_of(store);
        let etag = staff.get(path).await.expect_status(200).header("etag").expect("an ETag").to_owned();
        staff.send("PATCH", &format!("/api/v1{path}"), &[("If-Match", &etag)], Some(change)).await
    }

    /// A new customer of the store with so many points.
    pub async fn somebody_with_points(&self, store: i64, points: i64) -> Shopper {
        let user = unique_name("buyer");
        let body = json!({"user_id": user, "points": points, "reason": "for a test"});
        let answer = self.staff_of(store).post_with_key("/admin/points/grants", &unique_name("grant"), body).await;
        assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
        self.customer(store, &user)
    }
}

/// A name and a phone, as physical goods of a special store need them.
pub fn recipient() -> Value {
    json!({"name": "韩梅梅", "phone": "13900000001"})
}

impl Offer {
    pub async fn take(&self, buyer: &Shopper, quantity: i64, pay_type: &str) -> Answer {
        self.take_with(buyer, quantity, pay_type, json!({})).await
    }

    pub async fn take_with(&self, buyer: &Shopper, quantity: i64, pay_type: &str, more: Value) -> Answer {
        take(buyer, &self.activity, &self.product, quantity, pay_type, more).await
    }
}

/// Places an activity order under a key of its own; `more` adds fields.
pub async fn take(buyer: &Shopper, activity: &str, product: &str, quantity: i64, pay_type: &str, more: Value) -> Answer {
    let body = with(json!({"product_id": product, "quantity": quantity, "pay_type": pay_type}), &more);
    buyer.post_with_key(&format!("/activities/{activity}/orders"), &unique_name("key"), body).await
}

#[track_caller]
pub fn expect_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
}

pub async fn balance(buyer: &Shopper) -> i64 {
    buyer.get("/points").await.expect_status(200).number("/balance")
}
