//! Kafka for tests: one broker in KRaft mode.

use std::io::Write;
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;

use crate::environment;
use crate::local_server::LocalServer;

static SHARED: OnceCell<Kafka> = OnceCell::const_new();

/// A Kafka broker. Tests share one and keep apart by [`unique_prefix`](crate::unique_prefix).
#[derive(Debug)]
pub struct Kafka {
    bootstrap: String,
    own: Option<LocalServer>,
}

impl Kafka {
    /// A broker of the test's own, for tests that break it; gone when this value is dropped. Takes some seconds.
    pub async fn start() -> Self {
        let server = LocalServer::start("kafka").await;
        Self { bootstrap: format!("127.0.0.1:{}", server.port()), own: Some(server) }
    }

    /// The broker that `SLUICE_TEST_KAFKA` names, otherwise one per test process.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(async || match environment::variable("SLUICE_TEST_KAFKA") {
                Some(bootstrap) => Self { bootstrap, own: None },
                None => Self::start().await,
            })
            .await
    }

    /// `host:port`
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The setting `bus.url`: `kafka://host:port`
    pub fn url(&self) -> String {
        format!("kafka://{}", self.bootstrap)
    }

    /// Publishes one message with an independent client, Debian's `kcat`. Headers as `name=value`.
    pub fn produce(&self, topic: &str, key: &str, headers: &[&str], value: &str) {
        let mut client = Command::new("kcat");
        client.args(["-P", "-b", &self.bootstrap, "-t", topic, "-k", key]);
        for header in headers {
            client.args(["-H", header]);
        }
        let mut client = client.stdin(Stdio::piped()).spawn().expect("kcat can be started (apt-get install kcat)");
        client.stdin.take().expect("the input is piped").write_all(value.as_bytes()).expect("kcat reads its input");
        assert!(client.wait().expect("kcat can be waited for").success(), "kcat could not publish to {topic}");
    }

    /// Every message of a topic, from the beginning to now, one line each: `key|headers|value`.
    pub fn messages(&self, topic: &str) -> Vec<String> {
        let output = Command::new("kcat")
            .args(["-C", "-b", &self.bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k|%h|%s\\n"])
            .stdin(Stdio::null())
            .output()
            .expect("kcat can be started (apt-get install kcat)");
        assert!(output.status.success(), "kcat could not read {topic}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// `kill -9`.
    pub async fn kill(&self) {
        self.own().kill().await;
    }

    /// On the same port, with the data that is there.
    pub async fn restart(&self) {
        self.own().restart().await;
    }

    pub fn pause(&self) {
        self.own().pause();
    }

    pub fn resume(&self) {
        self.own().resume();
    }

    fn own(&self) -> &LocalServer {
        self.own.as_ref().expect("only a broker of the test's own may be broken: Kafka::start()")
    }
}
