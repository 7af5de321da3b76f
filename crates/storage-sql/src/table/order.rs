//! Orders and what belongs to them.

use sluice_kernel::{Currency, OrderNo};
use sluice_order::{CancelReason, OrderKind, OrderStatus, PayType, RefundState};

use super::table;
use crate::stored::{At, Stored, codes};

codes!(OrderKind { Cart = 1, Activity = 2 });
codes!(OrderStatus {
    Unpaid = 1,
    Confirming = 2,
    Paid = 3,
    Fulfilled = 4,
    Completed = 5,
    Cancelled = 6,
    Failed = 7,
    PaidAfterClose = 8,
    Refunded = 9,
});
codes!(CancelReason { User = 1, Expired = 2, Staff = 3 });
codes!(RefundState { None = 0, Partial = 1, Full = 2 });
codes!(PayType { Cash = 1, Points = 2 });

table! {
    /// A main order with its recipient and its idempotency key.
    orders = "orders", key(order_no: Stored<OrderNo>) {
        store_id: i64,
        user_id: String,
        kind: Stored<OrderKind>,
        status: Stored<OrderStatus>,
        cancel_reason: Option<Stored<CancelReason>>,
        attempt: i16,
        currency: Stored<Currency>,
        total: i64,
        points_total: i64,
        profit_total: i64,
        refunded: i64,
        refund_state: Stored<RefundState>,
        created_at: At,
        expires_at: At,
        due_at: At,
        paid_at: Option<At>,
        payment_id: Option<String>,
        store_code: Option<String>,
        rq: Option<String>,
        cookie_id: Option<String>,
        referrer: Option<String>,
        redirect_type: String,
        version: i64,
        recipient_name: Option<String>,
        recipient_phone: Option<String>,
        recipient_id_card: Option<String>,
        recipient_province: Option<String>,
        recipient_city: Option<String>,
        recipient_district: Option<String>,
        recipient_address: Option<String>,
        key_scope: Option<Vec<u8>>,
        key_fingerprint: Option<Vec<u8>>,
    }
}

table! {
    /// What an activity order keeps beside.
    order_activities = "order_activities", key(order_no: Stored<OrderNo>) {
        store_id: i64,
        activity_id: i64,
        product_id: i64,
        sku_id: i64,
        campaign_id: Option<i64>,
        pay_type: Stored<PayType>,
        discount: String,
        price: i64,
        points_price: i64,
        quantity: i64,
        receiving_way: i16,
        own_form: Option<String>,
        promoter: Option<String>,
        customer_product_id: Option<String>,
        partner_unit_price: i64,
        partner_total: i64,
        starts_at: At,
        ends_at: At,
        most_orders: Option<i64>,
        most_units: Option<i64>,
    }
}

table! {
    /// The part of an order that goes to one delivery place.
    order_children = "order_children", key(order_no: Stored<OrderNo>) {
        main_no: Stored<OrderNo>,
        store_id: i64,
        delivery_place: String,
        total: i64,
        points_total: i64,
        profit_total: i64,
    }
}

table! {
    /// A line of an order.
    order_items = "order_items", key(main_no: Stored<OrderNo>, sku_id: i64) {
        store_id: i64,
        child_no: Stored<OrderNo>,
        product_id: i64,
        title: String,
        picture: Option<String>,
        spec: String,
        code: String,
        quantity: i64,
        unit_price: i64,
        unit_points: i64,
        line_total: i64,
        supplier_price: i64,
        allotable_profit: i64,
        delivery_place: String,
        revision: i64,
        restocked: i64,
    }
}

table! {
    /// A refund that took effect on its order.
    order_refunds = "order_refunds", key(refund_id: String) {
        order_no: Stored<OrderNo>,
        amount: i64,
        at: At,
    }
}

table! {
    /// What pay and points settled for an order that has not taken it yet; `payload` is JSON.
    order_settlements = "order_settlements", key(settlement_id: String) {
        order_no: Stored<OrderNo>,
        store_id: i64,
        payload: String,
        due_at: Option<At>,
        attempts: Stored<u32>,
    }
}

table! {
    /// What requests after placing were asked under, and claims to carts.
    idempotency_keys = "idempotency_keys", key(scope: Vec<u8>) {
        order_no: Stored<OrderNo>,
        fingerprint: Vec<u8>,
        created_at: At,
    }
}

table! {
    /// A ticket that was not used yet.
    follow_tickets = "follow_tickets", key(digest: String) {
        store_id: i64,
        order_no: Stored<OrderNo>,
        user_id: String,
        expires_at: At,
        stream_ends_at: At,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::{Storable, code};

    #[test]
    fn every_code_reads_back() {
        fn reads_back<T: Storable<Raw = i16> + Copy + PartialEq>(values: &[T]) -> bool {
            values.iter().all(|value| T::from_raw(code(*value)) == Some(*value))
        }
        assert!(reads_back(&OrderStatus::ALL));
        assert!(reads_back(&[OrderKind::Cart, OrderKind::Activity]));
        assert!(reads_back(&[PayType::Cash, PayType::Points]));
        assert!(reads_back(&[CancelReason::User, CancelReason::Expired, CancelReason::Staff]));
        assert!(reads_back(&[RefundState::None, RefundState::Partial, RefundState::Full]));
        assert!(OrderStatus::from_raw(0).is_none() && OrderKind::from_raw(3).is_none() && PayType::from_raw(0).is_none());
        assert!(CancelReason::from_raw(4).is_none() && RefundState::from_raw(3).is_none());
    }
}
