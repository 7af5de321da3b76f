//! Schemas of values whose own types know nothing of documents.

use serde::Serialize;
use utoipa::ToSchema;

/// A field an order of the product must carry.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "a schema: the value itself is sluice_catalog::FormField")]
pub enum FormField {
    /// The recipient's name.
    Recipients,
    /// The recipient's phone.
    Tel,
    /// A code that was sent to this phone and is still valid.
    VerifyCode,
    IdCard,
    /// Name, phone, province, city, district and address.
    ReceivingInfo,
    /// Province, city and district (activity orders).
    TotalAddress,
    /// The detailed address (activity orders).
    Address,
    /// A free-form remark (activity orders).
    OwnForm,
}

/// Why a line of the cart cannot be bought now.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "a schema: the cart writes the word")]
pub enum NotBuyable {
    OffShelf,
    InsufficientStock,
}

/// What happened to money or a notification.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "a schema: the database keeps the word")]
pub enum ExceptionKind {
    PaymentMismatch,
    PaidAfterClose,
    PaidTwice,
    RefundRefused,
    RefundUnanswered,
    SettlementRefused,
}

/// What a subscription can ask for.
#[derive(Serialize, ToSchema)]
#[expect(dead_code, reason = "a schema: the value itself is sluice_partner::EventType")]
pub enum SubscribedType {
    #[serde(rename = "order.paid")]
    OrderPaid,
    #[serde(rename = "order.cancelled")]
    OrderCancelled,
    #[serde(rename = "order.refunded")]
    OrderRefunded,
    #[serde(rename = "referral")]
    Referral,
}
