//! Real servers and real shop processes for tests.
//!
//! Contract: a test gets a MariaDB, a Redis, a Kafka broker or a running shop by one call, may kill, pause and restart
//! it, and leaves nothing behind: whatever was started here dies with the test process, also when that is killed.
//! Servers named by `SLUICE_TEST_MYSQL_URL`, `SLUICE_TEST_REDIS_URL` and `SLUICE_TEST_KAFKA` are used where they are
//! set (`scripts/servers.sh env` prints them); otherwise a server is started once per test process. Tests that break
//! a server start one of their own. How a server is started stands in one place, `scripts/servers.sh`.
//!
//! Isolation: a database per test ([`fresh_database`]), a Redis per test ([`Redis::start`]), a topic prefix per test
//! ([`unique_prefix`]).
//!
//! Everything here panics with a clear sentence when it cannot do its work: a test without its server has failed.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot get what it needs fails at once, with the reason")]
#![allow(clippy::missing_panics_doc, reason = "every function here panics when it cannot do its work, as the crate's head says")]

mod environment;
mod http;
mod kafka;
mod local_server;
mod machine_clock;
mod mariadb;
mod names;
mod points_platform;
mod proxy;
mod redis;
mod scratch;
mod shop;
mod shopper;
mod signing;
mod small_disk;
mod status_stream;
pub mod storm;
mod tokens;
mod wait;
mod webhook_target;

pub use http::http_client;
pub use kafka::{Kafka, SecondBroker};
pub use machine_clock::MachineClock;
pub use mariadb::{Database, MariaDb, Session, fresh_database};
pub use names::{free_port, unique_name, unique_prefix};
pub use points_platform::{PlatformMood, PlatformRequest, PointsPlatform};
pub use proxy::TcpProxy;
pub use redis::{Redis, RedisData};
pub use scratch::Scratch;
pub use shop::{JWT_SECRET, SANDBOX_SECRET, ShopBuilder, ShopProcess};
pub use shopper::{Answer, Shopper};
pub use signing::SignedCallback;
pub use small_disk::SmallDisk;
pub use status_stream::StatusStream;
pub use tokens::{claims, signed_token, token};
pub use wait::{wait_for, wait_until};
pub use webhook_target::{Received, WebhookTarget};
