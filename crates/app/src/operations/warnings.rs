//! What works today and will hurt in production (`sluice doctor`).

use sluice_storage_sql::ServerLimits;

use crate::{Config, OpenShop, Secret, Secrets};

/// A secret of fewer bytes can be guessed from what it signed.
const MIN_SECRET_BYTES: usize = 32;
/// An API and a worker: fewer processes are no shop.
const MIN_PROCESSES: i64 = 2;

impl OpenShop {
    /// A line each; none where the shop is fit for production as far as can be seen.
    pub async fn warnings(&self, config: &Config, secrets: &Secrets) -> Vec<String> {
        let mut warnings = of_settings(config, secrets);
        match self.trial.server_limits(self.shop.clock.now()).await {
            Ok(Some(limits)) => {
                let needs =
                    Needs { connections: self.trial.connections_of_a_process(), statements: self.trial.statements_of_a_process() };
                warnings.extend(of_server(&limits, &needs));
            }
            Ok(None) => {}
            Err(error) => warnings.push(format!("the database server's settings cannot be read: {error}")),
        }
        warnings
    }
}

/// What one process takes of a database server at most.
struct Needs {
    connections: i64,
    statements: i64,
}

fn of_settings(config: &Config, secrets: &Secrets) -> Vec<String> {
    let mut warnings = Vec::new();
    if secrets.generated {
        warnings.push("auth.jwt_secret is not set: the shop runs as a demo, with a secret from its data folder".to_owned());
    }
    if config.pay.sandbox_secret.is_none() {
        warnings.push("pay.sandbox_secret is not set: processes with other data folders refuse each other's payments".to_owned());
    }
    let mut weak = |name: &str, secret: &Secret| {
        if secret.expose().len() < MIN_SECRET_BYTES {
            warnings.push(format!("{name} has fewer than {MIN_SECRET_BYTES} bytes and can be guessed"));
        }
    };
    weak("auth.jwt_secret", &secrets.jwt);
    weak("pay.sandbox_secret", &secrets.sandbox);
    if config.parts().kafka && config.bus.replication < 2 {
        warnings.push("bus.replication is 1: a broker that is lost takes events with it; set 3".to_owned());
    }
    match &config.public_url {
        None => warnings.push("public_url is not set: payment links name the address that the API listens on".to_owned()),
        Some(url) if url.starts_with("http://") => {
            warnings.push("public_url begins with http://: buyers and providers need https://".to_owned());
        }
        Some(_) => {}
    }
    warnings
}

fn of_server(limits: &ServerLimits, needs: &Needs) -> Vec<String> {
    let mut warnings = Vec::new();
    let processes = limits.processes.max(MIN_PROCESSES);
    let connections = processes.saturating_mul(needs.connections);
    if connections > limits.max_connections {
        warnings.push(format!(
            "max_connections of the server is {}, but {processes} processes open up to {connections} (database.max_connections)",
            limits.max_connections
        ));
    }
    let statements = processes.saturating_mul(needs.statements);
    if statements > limits.max_prepared_statements {
        warnings.push(format!(
            "max_prepared_stmt_count of the server is {}, but {processes} processes keep up to {statements}",
            limits.max_prepared_statements
        ));
    }
    if !limits.sql_mode.contains("STRICT_TRANS_TABLES") && !limits.sql_mode.contains("STRICT_ALL_TABLES") {
        warnings.push("sql_mode of the server is not strict: values that do not fit are cut off instead of refused".to_owned());
    }
    if limits.flush_at_commit != 1 {
        warnings.push(format!(
            "innodb_flush_log_at_trx_commit of the server is {}: orders that were acknowledged are lost with its machine; set 1",
            limits.flush_at_commit
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(processes: i64) -> ServerLimits {
        ServerLimits {
            version: "10.11".to_owned(),
            max_connections: 151,
            max_prepared_statements: 16_382,
            sql_mode: "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION".to_owned(),
            flush_at_commit: 1,
            processes,
        }
    }

    #[test]
    fn a_server_that_is_too_small_for_its_processes_is_named() {
        let needs = Needs { connections: 34, statements: 4_000 };
        assert!(of_server(&server(4), &needs).is_empty());
        let lines = of_server(&server(6), &needs);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("max_connections") && lines[0].contains("204"), "{lines:?}");
        assert!(lines[1].contains("max_prepared_stmt_count") && lines[1].contains("24000"), "{lines:?}");
    }

    #[test]
    fn a_server_that_forgives_or_forgets_is_named() {
        let needs = Needs { connections: 1, statements: 1 };
        let lenient = ServerLimits { sql_mode: "ANSI_QUOTES".to_owned(), flush_at_commit: 2, ..server(2) };
        let lines = of_server(&lenient, &needs).join("\n");
        assert!(lines.contains("sql_mode") && lines.contains("innodb_flush_log_at_trx_commit"), "{lines}");
    }

    #[test]
    fn weak_secrets_one_copy_and_a_plain_address_are_named() {
        let short = Secrets { jwt: Secret::new("short"), sandbox: Secret::new("x".repeat(32)), generated: false };
        let mut config = Config { public_url: Some("http://shop.example".to_owned()), ..Config::default() };
        "kafka://one:9092".clone_into(&mut config.bus.url);
        let lines = of_settings(&config, &short).join("\n");
        for named in ["auth.jwt_secret", "pay.sandbox_secret is not set", "bus.replication", "public_url"] {
            assert!(lines.contains(named), "{named}: {lines}");
        }
        config.pay.sandbox_secret = Some(Secret::new("x".repeat(32)));
        let lines = of_settings(&config, &short).join("\n");
        assert!(!lines.contains("pay.sandbox_secret"), "{lines}");
    }
}
