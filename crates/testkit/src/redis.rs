//! Redis for tests.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::environment;
use crate::local_server::LocalServer;

static SHARED: OnceCell<Redis> = OnceCell::const_new();

/// The folder in which Redis keeps its append-only log.
const LOG_FOLDER: &str = "appendonlydir";

/// A Redis server with an append-only log, flushed every second.
#[derive(Debug)]
pub struct Redis {
    url: String,
    own: Option<LocalServer>,
}

/// What a Redis held on disk at some moment.
#[derive(Debug)]
pub struct RedisData(TempDir);

impl Redis {
    /// An empty server of the test's own, gone when this value is dropped.
    pub async fn start() -> Self {
        let server = LocalServer::start("redis").await;
        Self { url: format!("redis://127.0.0.1:{}/", server.port()), own: Some(server) }
    }

    /// The server that `SLUICE_TEST_REDIS_URL` names, otherwise one per test process. Keys of other tests are in it.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(async || match environment::variable("SLUICE_TEST_REDIS_URL") {
                Some(url) => Self { url, own: None },
                None => Self::start().await,
            })
            .await
    }

    /// `redis://127.0.0.1:PORT/`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs one command with Redis' own client and returns what it prints, without the line's end.
    pub fn command(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-u", &self.url, "--no-auth-warning"])
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("redis-cli can be started");
        assert!(output.status.success(), "redis-cli {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// `kill -9`.
    pub async fn kill(&self) {
        self.own().kill().await;
    }

    /// On the same port, with the data that reached the disk.
    pub async fn restart(&self) {
        self.own().restart().await;
    }

    /// On the same port, with everything lost.
    pub async fn restart_empty(&self) {
        self.own().kill().await;
        remove_log(&self.own().folder());
        self.own().restart().await;
    }

    /// On the same port, with the data of an earlier moment.
    pub async fn restart_from(&self, data: &RedisData) {
        self.own().kill().await;
        remove_log(&self.own().folder());
        copy(&data.0.path().join(LOG_FOLDER), &self.own().folder());
        self.own().restart().await;
    }

    /// A copy of what is on disk now, everything written so far included.
    pub fn copy_data(&self) -> RedisData {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // Turning the policy to `always` and back flushes what waits for its second.
        self.command(&["CONFIG", "SET", "appendfsync", "always"]);
        self.command(&["PING"]);
        self.command(&["CONFIG", "SET", "appendfsync", "everysec"]);
        copy(&self.own().folder().join(LOG_FOLDER), folder.path());
        RedisData(folder)
    }

    pub fn pause(&self) {
        self.own().pause();
    }

    pub fn resume(&self) {
        self.own().resume();
    }

    fn own(&self) -> &LocalServer {
        self.own.as_ref().expect("only a server of the test's own may be broken: Redis::start()")
    }
}

fn remove_log(folder: &Path) {
    std::fs::remove_dir_all(folder.join(LOG_FOLDER)).expect("the log folder can be removed");
}

fn copy(from: &Path, into: &Path) {
    let status = Command::new("cp").arg("-a").args([from, into]).status().expect("cp can be started");
    assert!(status.success(), "{} can be copied", from.display());
}
