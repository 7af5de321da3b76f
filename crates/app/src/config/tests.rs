//! Where a setting comes from, and how a wrong one is told.

use std::{collections::HashMap, time::Duration};

use super::*;

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, String)]) -> Result<Config, ConfigError> {
    let variables: HashMap<String, String> =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let environment = config::Environment::with_prefix("SLUICE")
        .prefix_separator("__")
        .separator("__")
        .ignore_empty(true)
        .source(Some(variables));
    Config::from_sources(config::File::from_str(file, config::FileFormat::Toml), environment, flags)
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = "listen = \"127.0.0.1:1\"\n[order]\npayment_window = \"1m\"\n[bus]\npartitions = 3";
    let environment = [("SLUICE__LISTEN", "127.0.0.1:2"), ("SLUICE__ORDER__PAYMENT_WINDOW", "2s")];
    let config = load(file, &environment, &[("listen", "127.0.0.1:3".to_owned())]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:3");
    assert_eq!(config.order.payment_window.0, Duration::from_secs(2));
    assert_eq!(config.bus.partitions, 3);
    assert_eq!(config.limits.orders_per_second, 50);
    assert_eq!(config.parts(), Parts { sqlite: true, redis_gate: false, kafka: false });
}

#[test]
fn a_secret_of_digits_stays_as_it_was_written() {
    let config = load("", &[("SLUICE__AUTH__JWT_SECRET", "000123")], &[]).unwrap();
    assert_eq!(config.auth.jwt_secret.unwrap().expose(), "000123");
}

#[test]
fn a_wrong_setting_is_one_clear_line_that_names_it() {
    for (file, expected) in [
        ("lisen = \"x\"", "lisen"),
        ("[order]\npayment_window = \"soon\"", "soon"),
        ("[gate]\nurl = \"memcached://x\"", "gate.url"),
        ("[database]\nurl = \"postgres://x\"", "database.url"),
        ("[bus]\nurl = \"nats://x\"", "bus.url"),
        ("[auth]\nalgorithm = \"none\"", "auth.algorithm"),
        ("[order]\npayment_window = \"1ms\"", "order.payment_window"),
        ("[limits]\norders_per_second = \"many\"", "orders_per_second"),
        ("[promotion]\nreferrer_keys = \"k1\"", "promotion.referrer_keys"),
        ("public_url = \"http://\"", "public_url"),
        ("public_url = \"http://0.0.0.0:8080\"", "public_url"),
        ("[pay]\nsandbox_callback_url = \"shop\"", "pay.sandbox_callback_url"),
        ("[limits]\nstreams = 0", "limits.streams"),
        ("[database]\nacquire_timeout = \"100000y\"", "database.acquire_timeout"),
        ("[http]\nread_timeout = \"0s\"", "http.read_timeout"),
    ] {
        let line = load(file, &[], &[]).unwrap_err().to_string();
        assert!(line.contains(expected), "{file}: {line}");
        assert!(!line.trim().contains('\n'), "{file}: {line}");
    }
}

#[test]
fn an_empty_setting_counts_as_unset() {
    let environment =
        [("SLUICE__PUBLIC_URL", ""), ("SLUICE__DATABASE__URL", ""), ("SLUICE__LISTEN", ""), ("SLUICE__BUS__PARTITIONS", "")];
    let file = "public_url = \"\"\nlisten = \"127.0.0.1:1\"\n[auth]\njwt_secret = \"\"\n[limits]\norders_per_second = \"\"";
    let config = load(file, &environment, &[("data_dir", String::new())]).unwrap();
    assert_eq!((config.public_url.as_deref(), config.listen.as_str()), (None, "127.0.0.1:1"));
    assert!(config.auth.jwt_secret.is_none() && config.database.url.is_none());
    assert_eq!((config.limits.orders_per_second, config.bus.partitions), (50, 6));
    assert_eq!(config.data_dir, PathBuf::from("./data"));
}

#[test]
fn origins_are_a_list_or_one_text() {
    let origins = |file: &str, environment: &[(&str, &str)]| load(file, environment, &[]).map(|config| config.http.cors_origins.0);
    let both = ["https://shop.example", "http://localhost:3000"];
    let list = "[http]\ncors_origins = [\"https://shop.example\", \"http://localhost:3000\"]";
    assert_eq!(origins(list, &[]).unwrap(), both);
    let text = [("SLUICE__HTTP__CORS_ORIGINS", "https://shop.example, http://localhost:3000")];
    assert_eq!(origins("", &text).unwrap(), both);
    assert_eq!(origins("", &[("SLUICE__HTTP__CORS_ORIGINS", "*")]).unwrap(), ["*"]);
    assert!(origins("", &[("SLUICE__HTTP__CORS_ORIGINS", "")]).unwrap().is_empty() && origins("", &[]).unwrap().is_empty());
    for wrong in ["[\"*\", \"https://shop.example\"]", "[1]", "true", "{ a = 1 }", "[\"https://shop.example/shop\"]"] {
        let line = origins(&format!("[http]\ncors_origins = {wrong}"), &[]).unwrap_err().to_string();
        assert!(line.contains("cors_origins") && !line.trim().contains('\n'), "{wrong}: {line}");
    }
}

#[test]
fn a_list_is_never_taken_for_a_section() {
    for (file, named) in [("order = [\"2s\", 1]", "order"), ("[[limits]]\norders_per_second = 1", "limits")] {
        let line = load(file, &[], &[]).unwrap_err().to_string();
        assert!(line.contains(named) && line.contains("not a list"), "{file}: {line}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_a_setting_says_the_answer_is_one_line(value in "\\PC{0,24}|-?[0-9]{1,24}(ms|s|h|y)?|https?://\\PC{0,12}", name in 0_usize..12) {
        let names = [
            "SLUICE__PUBLIC_URL", "SLUICE__LISTEN", "SLUICE__ORDER__PAYMENT_WINDOW", "SLUICE__LIMITS__ORDERS_PER_SECOND",
            "SLUICE__HTTP__READ_TIMEOUT", "SLUICE__POINTS__URL", "SLUICE__POINTS__TIMEOUT", "SLUICE__PUSH__GIVE_UP_AFTER",
            "SLUICE__DATABASE__URL", "SLUICE__GATE__URL", "SLUICE__BUS__PARTITIONS", "SLUICE__AUTH__ALGORITHM",
        ];
        match load("", &[(names[name], &value)], &[]) {
            Ok(config) => {
                let listen: SocketAddr = "127.0.0.1:8080".parse().unwrap();
                proptest::prop_assert!(config.public_base(listen).len() > "http://".len());
                proptest::prop_assert!(config.order.payment_window.0 >= Duration::from_millis(100));
            }
            Err(error) => proptest::prop_assert!(!error.to_string().trim().contains('\n'), "{}", error),
        }
    }
}

#[test]
fn secrets_are_never_shown() {
    let config =
        load("", &[("SLUICE__AUTH__JWT_SECRET", "very-secret"), ("SLUICE__DATABASE__URL", "mysql://u:pw@h/d")], &[]).unwrap();
    let shown = format!("{config:?}{}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("very-secret") && !shown.contains("pw@"), "{shown}");
}
