//! Typed ids. Numeric ids are `i64` inside and strings in JSON (docs/api.md: "Ids are strings"); clients treat them as opaque.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::OrderNo;

macro_rules! numeric_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Self) }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(d)?;
                text.parse().map_err(|_| de::Error::custom("an id is a string of digits"))
            }
        }
    )+};
}

numeric_id! {
    /// The tenant. Stands in every key and every WHERE.
    StoreId,
    ProductId,
    /// A stock keeping unit; also the key of its stock row.
    SkuId,
    /// A discount promotion.
    ActivityId,
    /// An invitation campaign of a store.
    CampaignId,
}

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self(text.to_owned()) }
        }
    )+};
}

text_id! {
    /// The `sub` of the token; at most 64 characters.
    UserId,
    /// 128 random bits in 32 lower-case hexadecimal digits: the cashier needs no token.
    PaymentId,
    /// 128 random bits in hexadecimal; names a refund towards the provider, and the restock it causes.
    RefundId,
}

/// Names one attempt to hold stock for an order: a re-reservation after late money is a new attempt, so its
/// movements never look like a replay of the first. Text form `ORDER-ATTEMPT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId {
    pub order: OrderNo,
    pub attempt: u16,
}

impl ReservationId {
    pub fn first(order: OrderNo) -> Self {
        Self { order, attempt: 1 }
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.order, self.attempt)
    }
}

impl FromStr for ReservationId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "a reservation id is ORDER-ATTEMPT";
        let (order, attempt) = text.split_once('-').ok_or(SHAPE)?;
        Ok(Self { order: order.parse().map_err(|_| SHAPE)?, attempt: attempt.parse().map_err(|_| SHAPE)? })
    }
}

impl Serialize for ReservationId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReservationId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}
