//! Events over Kafka: producer, consumer loop, dead letters.
//!
//! Contract: docs/api.md, "Events on Kafka". An event travels as a CloudEvent in binary mode, keyed by its order or SKU,
//! and is published with all replicas' acknowledgement by an idempotent producer. Each consumer is a group of its own
//! and commits an offset only after the event was handled or stands as a dead letter, in the store for staff and in
//! `TOPIC.dlq`. A broker that is away stops nobody: publishing says of each event whether it was taken, consumers keep trying.

mod connection;
mod consumer;
mod dead_letters;
mod lag;
mod lanes;
mod lots;
mod message;
mod publication;
mod publisher;
mod refusal;
mod settings;
mod topics;
mod troubles;

pub use consumer::KafkaSubscriber;
pub use publisher::KafkaPublisher;
pub use settings::KafkaSettings;
