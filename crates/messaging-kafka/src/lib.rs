//! sluice-messaging-kafka
