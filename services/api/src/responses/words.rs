//! Words for a state or a kind: each is one of few, and the document lists them.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr,
        schema::{Schema, Type},
    },
};

/// What is written as one word of few.
pub trait Worded: Copy + 'static {
    /// Name of its schema.
    const NAME: &'static str;
    const SAYS: &'static str;

    fn all() -> Vec<Self>;
    fn word(self) -> &'static str;
}

/// The value that a word stands for.
pub fn read<T: Worded>(word: &str) -> Option<T> {
    T::all().into_iter().find(|value| value.word() == word)
}

/// A value as its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<T> From<T> for Word<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Worded> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<T: Worded> PartialSchema for Word<T> {
    fn schema() -> RefOr<Schema> {
        let words = T::all().into_iter().map(T::word);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(T::SAYS)).into()
    }
}

impl<T: Worded> ToSchema for Word<T> {
    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }
}

macro_rules! words {
    ($($name:ident: $kind:ty, $says:literal, $all:expr, $word:expr;)+) => {$(
        pub type $name = Word<$kind>;

        impl Worded for $kind {
            const NAME: &'static str = stringify!($name);
            const SAYS: &'static str = $says;

            fn all() -> Vec<Self> {
                $all.into()
            }

            fn word(self) -> &'static str {
                $word(self)
            }
        }
    )+};
}

mod of {
    pub use sluice_events::{LetterState, MovementKind, Topic};
    pub use sluice_kernel::{OrderKind, PayType, RefundState, WindowStatus};
    pub use sluice_order::{CancelReason, OrderStatus};
    pub use sluice_partner::{DeliveryState, EventType};
    pub use sluice_pay::{PaymentStatus, RefundStatus, SandboxOutcome};
    pub use sluice_points::PointsKind;
}

fn outcome(outcome: of::SandboxOutcome) -> &'static str {
    match outcome {
        of::SandboxOutcome::Paid => "paid",
        of::SandboxOutcome::Failed => "failed",
    }
}

words! {
    OrderKind: of::OrderKind, "What was ordered from.", [of::OrderKind::Cart, of::OrderKind::Activity], of::OrderKind::as_str;
    OrderStatus: of::OrderStatus, "Where an order stands.", of::OrderStatus::ALL, of::OrderStatus::as_str;
    CancelReason: of::CancelReason, "Who or what cancelled an order.",
        [of::CancelReason::User, of::CancelReason::Expired, of::CancelReason::Staff], of::CancelReason::as_str;
    PayType: of::PayType, "What an order is paid with, and so the mode of an offer.", [of::PayType::Cash, of::PayType::Points], of::PayType::as_str;
    RefundState: of::RefundState, "How much of an order's money went back.",
        [of::RefundState::None, of::RefundState::Partial, of::RefundState::Full], of::RefundState::as_str;
    RefundStatus: of::RefundStatus, "`pending` until the provider has answered.",
        [of::RefundStatus::Pending, of::RefundStatus::Done, of::RefundStatus::Refused], of::RefundStatus::as_str;
    PaymentStatus: of::PaymentStatus, "Where a payment stands.",
        [of::PaymentStatus::Pending, of::PaymentStatus::Paid, of::PaymentStatus::Failed, of::PaymentStatus::Closed],
        of::PaymentStatus::as_str;
    CashierOutcome: of::SandboxOutcome, "What the buyer chose at the cashier.",
        [of::SandboxOutcome::Paid, of::SandboxOutcome::Failed], outcome;
    ActivityStatus: of::WindowStatus, "Where a window stands against the time now.",
        [of::WindowStatus::Coming, of::WindowStatus::Running, of::WindowStatus::Over], of::WindowStatus::as_str;
    MovementKind: of::MovementKind, "What a movement did to the stock.", of::MovementKind::ALL, of::MovementKind::as_str;
    PointsKind: of::PointsKind, "What moved the points.", of::PointsKind::ALL, of::PointsKind::as_str;
    EventType: of::EventType, "What a subscription can receive; `ping` is the test message that staff send.", of::EventType::ALL, of::EventType::as_str;
    DeliveryState: of::DeliveryState, "Where a delivery stands.", of::DeliveryState::ALL, of::DeliveryState::as_str;
    LetterState: of::LetterState, "`replaying`: it is tried again just now.", of::LetterState::ALL, of::LetterState::as_str;
    Topic: of::Topic, "A topic of events.", of::Topic::ALL, of::Topic::name;
}
