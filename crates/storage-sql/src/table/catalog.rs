//! Stores, products and SKUs.

use sluice_catalog::ReceivingWay;
use sluice_kernel::Currency;

use super::table;
use crate::stored::{At, Storable, Stored};

impl Storable for ReceivingWay {
    type Raw = i16;

    fn to_raw(&self) -> i16 {
        self.get().into()
    }

    fn from_raw(way: i16) -> Option<Self> {
        Self::new(way.into())
    }
}

table! {
    /// A store with its settings, JSON.
    stores = "stores", key(id: i64) {
        name: String,
        currency: Stored<Currency>,
        settings: String,
        version: i64,
    }
}

table! {
    /// What a store sells; `pictures` and `order_form_items` are JSON lists.
    products = "products", generated(id: i64) {
        store_id: i64,
        title: String,
        pictures: String,
        delivery_place: String,
        receiving_way: Stored<ReceivingWay>,
        customer_product_id: Option<String>,
        order_form_items: String,
        listed: bool,
        deleted: bool,
        version: i64,
        created_at: At,
        offer_only: bool,
    }
}

table! {
    /// What of a product can be bought. `revision` grows with every change of the SKU, of its product and of the offer it is sold under.
    skus = "skus", generated(id: i64) {
        store_id: i64,
        product_id: i64,
        code: String,
        spec: String,
        price: i64,
        points: i64,
        allotable_profit: i64,
        supplier_price: i64,
        listed: bool,
        deleted: bool,
        version: i64,
        revision: i64,
    }
}
