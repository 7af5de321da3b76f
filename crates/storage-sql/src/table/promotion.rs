//! Activities, offers, campaigns and redemptions.

use sluice_kernel::OrderNo;
use sluice_promotion::{Discount, Mode, SalesStatus};

use super::table;
use crate::stored::{At, Storable, Stored, words};

/// The mode of an activity or an offer is stored as its word; the pay type of an order, which is the same type, as a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeWord(pub Mode);

impl ModeWord {
    fn as_str(self) -> &'static str {
        self.0.as_str()
    }

    fn parse(word: &str) -> Option<Self> {
        Mode::parse(word).map(Self)
    }
}

words!(ModeWord, ModeWord::as_str, ModeWord::parse);

/// In ten-thousandths.
impl Storable for Discount {
    type Raw = i64;

    fn to_raw(&self) -> i64 {
        self.ten_thousandths()
    }

    fn from_raw(raw: i64) -> Option<Self> {
        Self::from_ten_thousandths(raw)
    }
}

impl Storable for SalesStatus {
    type Raw = i64;

    fn to_raw(&self) -> i64 {
        self.number()
    }

    fn from_raw(number: i64) -> Option<Self> {
        Self::from_number(number)
    }
}

table! {
    /// An activity and its window.
    activities = "activities", generated(id: i64) {
        store_id: i64,
        title: String,
        starts_at: At,
        ends_at: At,
        mode: Stored<ModeWord>,
        version: i64,
    }
}

table! {
    /// An offer: a product that only its activity sells.
    activity_products = "activity_products", key(product_id: i64) {
        store_id: i64,
        activity_id: i64,
        sku_id: i64,
        mode: Option<Stored<ModeWord>>,
        discount: Stored<Discount>,
        sales_status: Stored<SalesStatus>,
        per_user_limit: Option<i64>,
        deleted: bool,
        version: i64,
    }
}

table! {
    /// A campaign and its window.
    campaigns = "campaigns", generated(id: i64) {
        store_id: i64,
        name: String,
        starts_at: At,
        ends_at: At,
        version: i64,
    }
}

table! {
    /// An activity order that was paid, or refunded before its payment came.
    redemptions = "redemptions", key(order_no: Stored<OrderNo>) {
        store_id: i64,
        user_id: String,
        activity_id: i64,
        product_id: i64,
        quantity: i64,
        cash: i64,
        /// Empty until the payment comes.
        currency: String,
        points: i64,
        promoter: Option<String>,
        unit_profit: i64,
        total_profit: i64,
        campaign_id: Option<i64>,
        paid_at: Option<At>,
        refunded_at: Option<At>,
    }
}
