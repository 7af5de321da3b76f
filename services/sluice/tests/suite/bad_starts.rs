//! Starts that must be refused: one clear line that names the cause, and an exit code.

use std::time::{Duration, Instant};

use sluice_testkit::{Kafka, Redis, Scratch, ShopBuilder, ShopProcess, free_port, fresh_database, unique_name, unique_prefix};

use crate::floor::among_others;
use crate::world::{EXECUTABLE, Profile, Storefront, succeed};

/// How long a start may look for a server that is not there.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(20);

/// Starts it and returns the one line with which it refused.
async fn refused(shop: ShopBuilder, arguments: &[&str]) -> String {
    let started = Instant::now();
    let mut process = shop.arguments(arguments).start_unready();
    let status = process.wait_exit().await;
    assert!(started.elapsed() < GIVES_UP_WITHIN, "refused after {:?}", started.elapsed());
    let log = process.log();
    assert!(!status.success() && status.code().is_some(), "{status}:\n{log}");
    assert!(!log.contains("panicked"), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("sluice: ")).collect();
    assert_eq!(lines.len(), 1, "one clear line:\n{log}");
    assert_eq!(log.lines().last(), Some(lines[0]), "the line that says why comes last:\n{log}");
    lines[0].to_owned()
}

fn shop() -> ShopBuilder {
    ShopProcess::builder(EXECUTABLE)
}

#[tokio::test]
async fn a_wrong_setting_is_named() {
    let _floor = among_others().await;
    for (name, value, named) in [
        ("order.payment_window", "soon", "soon"),
        ("order.payment_window", "0s", "payment_window"),
        ("gate.url", "memcached://x", "gate.url"),
        ("database.url", "postgres://x", "database.url"),
        ("bus.url", "nats://x", "bus.url"),
        ("bus.partitions", "0", "partitions"),
        ("bus.partitions", "many", "partitions"),
        ("auth.algorithm", "none", "auth.algorithm"),
        ("public_url", "http://", "public_url"),
        ("public_url", "http://0.0.0.0:8080", "public_url"),
        ("http.cors_origins", "https://shop.example/", "cors_origins"),
        ("limits.orders_per_second", "-1", "orders_per_second"),
        ("log.format", "xml", "log.format"),
        ("order.payment_minutes", "2s", "payment_minutes"),
        ("purchase.payment_window", "2s", "purchase"),
        ("auth.jwt_secret_file", "/nonexistent/secret", "jwt_secret_file"),
    ] {
        let line = refused(shop().setting(name, value), &["serve"]).await;
        assert!(line.contains(named), "{name}={value}: {line}");
    }
    let line = refused(shop(), &["serve", "--listen", "nowhere"]).await;
    assert!(line.contains("listen"), "{line}");
}

#[tokio::test]
async fn a_command_on_a_mistyped_data_folder_makes_no_shop() {
    let _floor = among_others().await;
    for arguments in [
        &["doctor"][..],
        &["trace", "order", "09138521231903948800"],
        &["trace", "sku", "1"],
        &["reconcile"],
        &["reconcile", "--repair"],
        &["dead-letters", "list"],
    ] {
        let folder = Scratch::new();
        let mistyped = folder.path().join("date");
        let line = refused(shop().without("auth.jwt_secret").without("pay.sandbox_secret").data_dir(&mistyped), arguments).await;
        assert!(line.contains("there is no shop") && line.contains("date"), "{arguments:?}: {line}");
        assert!(!mistyped.exists(), "{arguments:?} made {}", mistyped.display());
    }
}

#[tokio::test]
async fn a_wrong_file_is_named() {
    let _floor = among_others().await;
    let folder = Scratch::new();
    for (text, named) in [
        ("[order]\npayment_window = \"soon\"\n", "soon"),
        ("lisen = \"127.0.0.1:1\"\n", "lisen"),
        ("[order\n", "sluice.toml"),
        ("[limits]\norders_per_second = \"many\"\n", "orders_per_second"),
    ] {
        let file = folder.path().join("sluice.toml");
        std::fs::write(&file, text).unwrap();
        let line = refused(shop(), &["--config", file.to_str().unwrap(), "serve"]).await;
        assert!(line.contains(named), "{text}: {line}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let _floor = among_others().await;
    let away = format!("mysql://root:very-secret@127.0.0.1:{}/sluice", free_port());
    for command in ["serve", "api", "worker"] {
        let line = refused(shop().database(&away), &[command]).await;
        assert!(line.contains("database"), "{command}: {line}");
        assert!(!line.contains("very-secret"), "a password is shown: {line}");
    }
    let line = refused(shop().database("sqlite:///nonexistent/folder/shop.db"), &["serve"]).await;
    assert!(line.contains("database"), "{line}");
}

#[tokio::test]
async fn a_gate_that_is_not_there_is_named() {
    let _floor = among_others().await;
    let database = fresh_database().await;
    let migrated = shop().database(database.url());
    succeed(&migrated.run(&["migrate"]));
    let away = migrated.gate(format!("redis://127.0.0.1:{}/", free_port()));
    for command in ["api", "worker"] {
        let line = refused(away.clone(), &[command]).await;
        assert!(line.contains("gate") || line.contains("Redis"), "{command}: {line}");
    }
}

#[tokio::test]
async fn a_bus_that_is_not_there_is_waited_for() {
    let _floor = among_others().await;
    let database = fresh_database().await;
    let settings = shop().database(database.url()).bus(format!("kafka://127.0.0.1:{}", free_port()));
    succeed(&settings.run(&["migrate"]));
    succeed(&settings.run(&["seed"]));
    let api = settings.arguments(&["api"]).start().await;
    let storefront = Storefront { base: api.base_url() };
    let ready = storefront.nobody().send("GET", "/readyz", &[], None).await.expect_status(200);
    assert_eq!(ready.text("/status"), "degraded");
    let _ = storefront.somebody().place(&[("1", 1)]).await.expect_status(201);
}

#[tokio::test]
async fn processes_set_to_different_gates_refuse_to_start() {
    let _floor = among_others().await;
    let world = Profile::MariaDb.shared().await;
    let _ = world.storefront().somebody().place(&[("1", 1)]).await.expect_status(201);
    let redis = Redis::shared().await;
    for command in ["api", "worker"] {
        let other = world.settings.clone().gate(redis.url()).setting("gate.key_prefix", format!("{}:", unique_name("gate")));
        let line = refused(other, &[command]).await;
        assert!(line.contains("gate"), "{command}: {line}");
    }
    let world = Profile::Redis.shared().await;
    let line = refused(world.settings.clone().gate("database:"), &["api"]).await;
    assert!(line.contains("gate"), "{line}");
    let _ = world.storefront().somebody().place(&[("1", 1)]).await.expect_status(201);
}

#[tokio::test]
async fn a_database_without_its_schema_is_refused() {
    let _floor = among_others().await;
    let database = fresh_database().await;
    let unmigrated = shop().database(database.url()).bus(Kafka::shared().await.url()).setting("bus.topic_prefix", unique_prefix());
    for command in ["api", "worker"] {
        let line = refused(unmigrated.clone(), &[command]).await;
        assert!(line.contains("migrate"), "{command} says what to do: {line}");
    }
    let made = database.sql("SHOW TABLES");
    assert!(made.iter().all(|table| table == "seaql_migrations"), "it made tables: {made:?}");
}

#[tokio::test]
async fn the_demo_mode_listens_on_loopback_only() {
    let _floor = among_others().await;
    let demo = shop().without("auth.jwt_secret").without("pay.sandbox_secret");
    for command in ["serve", "api"] {
        let line = refused(demo.clone(), &[command, "--listen", &format!("0.0.0.0:{}", free_port())]).await;
        assert!(line.contains("loopback"), "{command}: {line}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let _floor = among_others().await;
    let world = Profile::Embedded.shared().await;
    let address = world.storefront().base.trim_start_matches("http://").to_owned();
    let line = refused(shop(), &["serve", "--listen", &address]).await;
    assert!(line.contains(&address), "{line}");
}
