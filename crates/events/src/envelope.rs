//! CloudEvents 1.0 in binary mode: attributes travel as headers, the value is the payload's JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_kernel::{Timestamp, json};

use crate::Payload;

/// The topics (docs/api.md, Events on Kafka); dead letters of a topic go to `TOPIC.dlq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    OrderCreated,
    StockSync,
    AutoCancel,
    PaymentSettled,
    OrderPaid,
    OrderCancelled,
    OrderRefunded,
}

impl Topic {
    pub const ALL: [Self; 7] = [
        Self::OrderCreated,
        Self::StockSync,
        Self::AutoCancel,
        Self::PaymentSettled,
        Self::OrderPaid,
        Self::OrderCancelled,
        Self::OrderRefunded,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::OrderCreated => "order-created",
            Self::StockSync => "stock-sync",
            Self::AutoCancel => "auto-cancel",
            Self::PaymentSettled => "payment-settled",
            Self::OrderPaid => "order-paid",
            Self::OrderCancelled => "order-cancelled",
            Self::OrderRefunded => "order-refunded",
        }
    }

    /// Name of the topic that keeps what could not be handled.
    pub fn dead_letter_name(self) -> String {
        format!("{}.dlq", self.name())
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// One event on its way. `data` is the payload as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub topic: Topic,
    /// Partition key: the order's number or the SKU's id. Events of one key keep their order.
    pub key: String,
    /// `ce_id`: the same whenever the same event is published again.
    pub id: String,
    /// `ce_type`, for instance `sluice.order.created.v1`.
    pub kind: Cow<'static, str>,
    /// `ce_time`: when it happened, not when it was published.
    pub time: Timestamp,
    /// W3C `traceparent` of the request that caused it.
    pub traceparent: Option<String>,
    pub data: String,
}

impl Envelope {
    /// `ce_source` of everything Sluice publishes.
    pub const SOURCE: &'static str = "/sluice";
    /// `ce_specversion`.
    pub const SPEC_VERSION: &'static str = "1.0";
    /// `kind` of what was found on the bus and is no event.
    pub const UNREADABLE: &'static str = "unreadable";
    /// `kind` of an outbox row that is no fact; `data` is the row's text.
    pub const UNREADABLE_FACT: &'static str = "sluice.outbox.unreadable";

    /// Reads the payload, strictly ([`json`]); an error means the event does not speak our language.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        json::from_str(&self.data)
    }

    /// Reads the payload if it is of type `P`; `None` where the event is of another type, which is none of the
    /// reader's business.
    pub fn read<P: Payload>(&self) -> Option<Result<P, serde_json::Error>> {
        (self.kind == P::KIND).then(|| self.payload())
    }
}
