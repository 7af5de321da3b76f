//! Kafka for tests: one broker in KRaft mode.

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
