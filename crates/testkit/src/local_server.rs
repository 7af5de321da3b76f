//! One server in a folder of its own, started by `scripts/servers.sh`, which knows how.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::names::free_port;
use crate::scratch::{Scratch, freeze, is_gone, signal};
use crate::wait::wait_until;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/servers.sh");
const DEATH: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(crate) struct LocalServer {
    name: &'static str,
    port: u16,
    controller_port: u16,
    /// Further variables for the script.
    environment: Vec<(&'static str, String)>,
    scratch: Scratch,
}

impl LocalServer {
    /// Starts `mysql`, `redis` or `kafka` with nothing in it and waits until it answers.
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::start_in(name, Vec::new(), Scratch::new()).await
    }

    /// With further variables for `scripts/servers.sh`, and a folder of the caller's.
    pub(crate) async fn start_in(name: &'static str, environment: Vec<(&'static str, String)>, scratch: Scratch) -> Self {
        let server = Self { name, port: free_port(), controller_port: free_port(), environment, scratch };
        server.up().await;
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the server's data and log.
    pub(crate) fn folder(&self) -> PathBuf {
        self.scratch.path().join(self.name)
    }

    async fn up(&self) {
        let variable = |what: &str| format!("SLUICE_{}_{what}", self.name.to_uppercase());
        let output = Command::new(SCRIPT)
            .args(["up", self.name])
            .env("SLUICE_SERVERS_DIR", self.scratch.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(variable("PORT"), self.port.to_string())
            .env(variable("CONTROLLER_PORT"), self.controller_port.to_string())
            .stdin(Stdio::null())
            .output()
            .await
            .expect("scripts/servers.sh can be started");
        assert!(output.status.success(), "{} did not start:\n{}", self.name, String::from_utf8_lossy(&output.stderr));
    }

    /// False where it has ended by itself.
    pub(crate) fn is_running(&self) -> bool {
        self.process().is_some_and(|process| !is_gone(process))
    }

    pub(crate) fn process(&self) -> Option<u32> {
        std::fs::read_to_string(self.folder().join("pid")).ok()?.trim().parse().ok()
    }

    /// `kill -9`; returns when the process is gone.
    pub(crate) async fn kill(&self) {
        let Some(process) = self.process() else { return };
        signal(process, "KILL");
        wait_until(&format!("{} dies", self.name), DEATH, async || is_gone(process)).await;
    }

    /// Starts it again on the same port with the data that is there, after `kill -9` when it still runs.
    pub(crate) async fn restart(&self) {
        self.kill().await;
        self.up().await;
    }

    /// Stops the process in its tracks: connections stay open, nothing answers.
    pub(crate) fn pause(&self) {
        assert!(freeze(self.started()), "{} is not running", self.name);
    }

    /// The end of a pause.
    pub(crate) fn resume(&self) {
        self.send("CONT");
    }

    fn send(&self, name: &str) {
        assert!(signal(self.started(), name), "{} is not running", self.name);
    }

    fn started(&self) -> u32 {
        self.process().unwrap_or_else(|| panic!("{} was never started", self.name))
    }
}
