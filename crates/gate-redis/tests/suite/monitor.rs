//! What a Redis server was asked over which connection, by its own MONITOR.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sluice_testkit::wait_until;
use tempfile::NamedTempFile;

use crate::server::RedisServer;

const BOUND: Duration = Duration::from_secs(10);

/// Writes down every command that the server runs from now on.
pub struct Monitor {
    process: Child,
    heard: NamedTempFile,
    port: u16,
}

impl Monitor {
    pub async fn start(server: &RedisServer) -> Self {
        let heard = NamedTempFile::new().unwrap();
        let output = File::create(heard.path()).unwrap();
        let mut command = Command::new("redis-cli");
        command.args(["-p", &server.port().to_string(), "MONITOR"]).stdin(Stdio::null()).stdout(output);
        let monitor = Self { process: command.spawn().unwrap(), heard, port: server.port() };
        wait_until("MONITOR answers", BOUND, async || monitor.text().starts_with("OK")).await;
        monitor
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.heard.path()).unwrap()).into_owned()
    }

    /// The commands by the client's address, each with its arguments; what scripts run is left out.
    pub async fn by_connection(&self) -> BTreeMap<String, Vec<String>> {
        let last = format!("end-of-{}", self.port);
        Command::new("redis-cli").args(["-p", &self.port.to_string(), "ECHO", &last]).output().unwrap();
        wait_until("everything is written down", BOUND, async || self.text().contains(&last)).await;
        let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // 1700000000.123456 [0 127.0.0.1:50000] "EVALSHA" "…" …
        for line in self.text().lines() {
            let Some((client, command)) = line.split_once(" [").and_then(|(_, rest)| rest.split_once("] ")) else { continue };
            let address = client.split_once(' ').map_or(client, |(_, address)| address);
            if address != "lua" {
                heard.entry(address.to_owned()).or_default().push(command.to_owned());
            }
        }
        heard
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The names of these commands.
pub fn names(commands: &[String]) -> BTreeSet<String> {
    commands.iter().filter_map(|command| Some(command.split('"').nth(1)?.to_uppercase())).collect()
}
