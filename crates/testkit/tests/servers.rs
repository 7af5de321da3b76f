//! Each server starts, answers, dies and comes back with its data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use sluice_testkit::{Kafka, MariaDb, Redis, fresh_database, unique_prefix, wait_until};

#[tokio::test]
async fn redis_starts_answers_dies_and_returns_with_its_data() {
    let redis = Redis::start().await;
    redis.command(&["SET", "colour", "red"]);
    let before = redis.copy_data();
    redis.command(&["SET", "colour", "blue"]);
    redis.copy_data(); // flushes
    redis.kill().await;
    assert!(TcpStream::connect(address(redis.url())).is_err(), "dead means that nobody listens");

    redis.restart().await;
    assert_eq!(redis.command(&["GET", "colour"]), "blue");
    redis.restart_from(&before).await;
    assert_eq!(redis.command(&["GET", "colour"]), "red");
    redis.restart_empty().await;
    assert_eq!(redis.command(&["GET", "colour"]), "");
}

#[tokio::test]
async fn a_paused_redis_is_silent_until_resumed() {
    let redis = Redis::start().await;
    redis.pause();
    let mut connection = TcpStream::connect(address(redis.url())).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    connection.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    assert!(connection.read(&mut answer).is_err(), "nothing comes while it is paused");
    redis.resume();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own() {
    let first = fresh_database().await;
    let second = fresh_database().await;
    first.sql("CREATE TABLE things (id BIGINT PRIMARY KEY); INSERT INTO things VALUES (7), (8)");
    assert_eq!(first.sql("SELECT id FROM things ORDER BY id"), ["7", "8"]);
    assert_eq!(second.sql("SHOW TABLES"), Vec::<String>::new());
    assert_eq!(second.sql("SELECT @@innodb_flush_log_at_trx_commit"), ["1"], "an acknowledged commit is on disk");

    let name = first.name().to_owned();
    drop(first);
    assert_eq!(second.sql(&format!("SHOW DATABASES LIKE '{name}'")), Vec::<String>::new());
}

#[tokio::test]
async fn mariadb_keeps_what_it_committed_when_killed() {
    let server = MariaDb::start().await;
    let database = server.fresh_database();
    database.sql("CREATE TABLE things (id BIGINT PRIMARY KEY)");
    database.sql("INSERT INTO things VALUES (1)");
    server.kill().await;
    server.restart().await;
    assert_eq!(database.sql("SELECT id FROM things"), ["1"]);
}

#[tokio::test]
async fn kafka_starts_answers_dies_and_returns() {
    let kafka = Kafka::start().await;
    assert!(serves(kafka.bootstrap()));
    kafka.kill().await;
    assert!(!serves(kafka.bootstrap()), "dead means that nobody listens");
    kafka.restart().await;
    wait_until("the broker serves again", Duration::from_secs(10), async || serves(kafka.bootstrap())).await;
    kafka.pause();
    assert!(!serves(kafka.bootstrap()));
    kafka.resume();
    wait_until("the broker goes on", Duration::from_secs(10), async || serves(kafka.bootstrap())).await;
}

#[tokio::test]
async fn the_shared_servers_are_shared() {
    let (first, second) = (Kafka::shared().await, Kafka::shared().await);
    assert_eq!(first.bootstrap(), second.bootstrap());
    assert!(serves(first.bootstrap()));
    assert_ne!(unique_prefix(), unique_prefix());
    assert_eq!(Redis::shared().await.command(&["PING"]), "PONG");
}

fn address(redis_url: &str) -> &str {
    redis_url.trim_start_matches("redis://").trim_end_matches('/')
}

/// Whether the broker answers an `ApiVersions` request, version 0, with our correlation id.
fn serves(bootstrap: &str) -> bool {
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 0xff, 0xff];
    let Ok(mut connection) = TcpStream::connect(bootstrap) else { return false };
    connection.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut answer = [0; 8];
    connection.write_all(&REQUEST).is_ok() && connection.read_exact(&mut answer).is_ok() && answer[4..] == [0, 0, 0, 9]
}
