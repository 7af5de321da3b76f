//! The executable `sluice` as a process of its own: started, asked, killed, started again.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use crate::environment;
use crate::http::http_client;
use crate::names::{free_port, unique_name, unique_prefix};
use crate::scratch::{Scratch, freeze, signal};
use crate::shopper::Shopper;
use crate::wait::{wait_for, wait_until};

/// The secrets that every shop gets unless the test sets others, so that several processes and the test agree.
pub const JWT_SECRET: &str = "a-secret-for-tests-alone-0123456789abcdef";
pub const SANDBOX_SECRET: &str = "a-sandbox-secret-for-tests-alone-01234567";

/// Migrations and demo data on two busy cores take their time.
const START: Duration = Duration::from_mins(1);
const FAREWELL: Duration = Duration::from_secs(30);
/// What of the log is shown when the test fails.
const LOG_LINES: usize = 60;

/// What to start, and with which settings. Nothing of the test's own environment reaches the process but the search
/// path and the log filter.
#[derive(Debug, Clone)]
pub struct ShopBuilder {
    executable: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    data_dir: Option<PathBuf>,
    room_may_end: bool,
}

/// A running `sluice`, killed when dropped. Its log is printed when the test fails.
#[derive(Debug)]
pub struct ShopProcess {
    builder: ShopBuilder,
    port: u16,
    child: Option<Child>,
    scratch: Scratch,
}

impl ShopBuilder {
    /// The settings that the product documents: `setting("order.payment_window", "2s")` is
    /// `SLUICE__ORDER__PAYMENT_WINDOW=2s`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(variable(name), value.into());
        self
    }

    /// A variable of the environment that is no setting of ours.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Takes a setting back, also one that every shop gets.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.remove(&variable(name));
        self
    }

    /// The arguments, `serve` unless given: `["api"]`, `["worker", "--only", "stock-sync"]`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    #[must_use]
    pub fn database(self, url: impl Into<String>) -> Self {
        self.setting("database.url", url)
    }

    #[must_use]
    pub fn gate(self, url: impl Into<String>) -> Self {
        self.setting("gate.url", url)
    }

    #[must_use]
    pub fn bus(self, url: impl Into<String>) -> Self {
        self.setting("bus.url", url)
    }

    /// Redis keys and Kafka topics of the shop's own, on servers that other tests use too. Clones share them: build once,
    /// and start the API and the worker from clones.
    #[must_use]
    pub fn isolated(self) -> Self {
        self.setting("gate.key_prefix", format!("{}:", unique_name("shop"))).setting("bus.topic_prefix", unique_prefix())
    }

    /// A data folder that outlives the process, for two processes on one embedded database.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(folder.into());
        self
    }

    /// Lets [`ShopProcess::limit_files`] take the room away: a write beyond the limit then fails, as on a full disk, and does
    /// not end the process.
    #[must_use]
    pub fn room_may_end(mut self) -> Self {
        self.room_may_end = true;
        self
    }

    /// Starts the process on a free port of 127.0.0.1 and waits until `/readyz` says yes.
    pub async fn start(self) -> ShopProcess {
        let mut shop = self.start_unready();
        shop.wait_ready().await;
        shop
    }

    /// Starts the process and waits for nothing: for starts that must be refused, or that wait for a server.
    pub fn start_unready(self) -> ShopProcess {
        let mut shop = ShopProcess { builder: self, port: free_port(), child: None, scratch: Scratch::new() };
        shop.spawn();
        shop
    }

    /// Runs one command to its end with these settings (`&["migrate"]`, `&["seed", "--products", "10"]`). The embedded
    /// default's data is in a folder that is gone afterwards, unless [`Self::data_dir`] names one.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let scratch = Scratch::new();
        self.command(scratch.path(), arguments).stdin(Stdio::null()).output().expect("the executable can be started")
    }

    fn command(&self, folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = if self.room_may_end {
            let mut shell = Command::new("sh");
            shell.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]).arg(&self.executable);
            shell
        } else {
            Command::new(&self.executable)
        };
        let data_dir = self.data_dir.clone().unwrap_or_else(|| folder.join("data"));
        command.args(arguments).current_dir(folder).env_clear().env("SLUICE__DATA_DIR", data_dir).envs(&self.environment);
        for name in ["PATH", "RUST_LOG", "RUST_BACKTRACE", "TMPDIR"] {
            if let Some(value) = environment::variable(name) {
                command.env(name, value);
            }
        }
        command
    }
}

/// The environment variable of a setting.
fn variable(name: &str) -> String {
    format!("SLUICE__{}", name.replace('.', "__").to_uppercase())
}

impl ShopProcess {
    /// The shop that the executable runs: `ShopProcess::builder(env!("CARGO_BIN_EXE_sluice"))`. Where
    /// `SLUICE_TEST_EXECUTABLE` names another build, that one runs: so a new test can be shown to fail on old code.
    pub fn builder(executable: impl Into<PathBuf>) -> ShopBuilder {
        let executable = environment::variable("SLUICE_TEST_EXECUTABLE").map_or_else(|| executable.into(), PathBuf::from);
        let builder = ShopBuilder {
            executable,
            arguments: vec!["serve".to_owned()],
            environment: BTreeMap::new(),
            data_dir: None,
            room_may_end: false,
        };
        builder.setting("auth.jwt_secret", JWT_SECRET).setting("pay.sandbox_secret", SANDBOX_SECRET)
    }

    /// `http://127.0.0.1:PORT`
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The data folder in use.
    pub fn data_dir(&self) -> PathBuf {
        self.builder.data_dir.clone().unwrap_or_else(|| self.scratch.path().join("data"))
    }

    /// Everything the process has written so far, of all its lives: its standard error, then its standard output.
    pub fn log(&self) -> String {
        format!("{}{}", self.written("log"), self.printed())
    }

    /// What it has written to standard output alone.
    pub fn printed(&self) -> String {
        self.written("out")
    }

    fn written(&self, name: &str) -> String {
        std::fs::read(self.scratch.path().join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// A token as the command line makes it.
    pub fn token(&self, store: i64, user: &str, staff: bool) -> String {
        let store = store.to_string();
        let mut arguments = vec!["token", "--store", &store, "--user", user];
        if staff {
            arguments.extend(["--role", "staff"]);
        }
        let output = self.run(&arguments);
        assert!(output.status.success(), "sluice token: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A customer of the store, with a token.
    pub fn customer(&self, store: i64, user: &str) -> Shopper {
        Shopper::new(&self.base_url(), self.token(store, user, false))
    }

    /// A member of the store's staff, with a token.
    pub fn staff(&self, store: i64) -> Shopper {
        Shopper::new(&self.base_url(), self.token(store, "staff-1", true))
    }

    /// Runs one command beside the process, with the same settings and data folder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.builder.command(self.scratch.path(), arguments).stdin(Stdio::null()).output().expect("the executable can be started")
    }

    /// Waits until `/readyz` says yes; a process that ended is not waited for.
    pub async fn wait_ready(&mut self) {
        let url = format!("{}/readyz", self.base_url());
        let client = http_client().build().expect("an HTTP client can be made");
        wait_until("the shop is ready", START, async || {
            assert!(self.exited().is_none(), "the shop ended while starting");
            let answer = client.get(&url).timeout(Duration::from_secs(5)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Memory in use, in KiB: the resident set.
    pub fn memory(&self) -> u64 {
        let child = self.child.as_ref().expect("the shop runs");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a running process has memory");
        line.trim().trim_end_matches(" kB").parse().expect("the kernel writes a number")
    }

    /// From now on no file of the process grows beyond so many bytes, its database and its log included; `None` gives the
    /// room back. For shops that were built with [`ShopBuilder::room_may_end`].
    pub fn limit_files(&self, bytes: Option<u64>) {
        let child = self.child.as_ref().expect("the shop runs");
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let changed = Command::new("prlimit").args(["--pid", &child.id().to_string(), &format!("--fsize={limit}:")]).status();
        assert!(changed.expect("prlimit can be started").success(), "the limit of a running child can be changed");
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().expect("a child can be asked")
    }

    /// Waits for the process to end by itself.
    pub async fn wait_exit(&mut self) -> ExitStatus {
        wait_for("the shop ends", FAREWELL, async || self.exited()).await
    }

    /// `kill -9`; returns when the process is gone.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child can be killed");
            child.wait().expect("a child can be waited for");
        }
    }

    /// SIGTERM, and the way it ended.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.send("TERM");
        let status = self.wait_exit().await;
        self.child = None;
        status
    }

    /// Stops the process in its tracks until [`Self::resume`].
    pub fn pause(&self) {
        let child = self.child.as_ref().expect("the shop runs");
        assert!(freeze(child.id()), "the shop has ended");
    }

    pub fn resume(&self) {
        self.send("CONT");
    }

    /// Starts it again with the same port, settings and data, after `kill -9` when it still runs; waits until ready.
    pub async fn restart(&mut self) {
        self.kill9();
        self.spawn();
        self.wait_ready().await;
    }

    fn send(&self, name: &str) {
        let child = self.child.as_ref().expect("the shop runs");
        assert!(signal(child.id(), name), "the shop has ended");
    }

    fn writes(&self, name: &str) -> File {
        let path = self.scratch.path().join(name);
        OpenOptions::new().create(true).append(true).open(path).expect("the log can be opened")
    }

    fn spawn(&mut self) {
        let child = self
            .builder
            .command(self.scratch.path(), &self.builder.arguments)
            .env("SLUICE__LISTEN", format!("127.0.0.1:{}", self.port))
            .stdin(Stdio::null())
            .stdout(self.writes("out"))
            .stderr(self.writes("log"))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.builder.executable.display()));
        self.child = Some(child);
    }
}

impl Drop for ShopProcess {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.iter().skip(lines.len().saturating_sub(LOG_LINES));
            eprintln!("--- last lines of the shop's log ({:?}) ---", self.builder.arguments);
            for line in tail {
                eprintln!("{line}");
            }
        }
    }
}
