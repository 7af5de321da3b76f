//! Kafka for tests: one broker in KRaft mode.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::environment;
use crate::local_server::LocalServer;
use crate::names::free_port;
use crate::scratch::Scratch;
use crate::wait::wait_until;

/// What tests do to a broker that other clients cannot.
const ADMIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kafka/KafkaAdmin.java");
const START: Duration = Duration::from_mins(1);

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

    /// A broker of the test's own that can forbid things: see [`Self::admin`].
    pub async fn start_guarded() -> Self {
        let guard =
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\nallow.everyone.if.no.acl.found=true";
        let server = LocalServer::start_in("kafka", vec![("SLUICE_KAFKA_PROPERTIES", guard.to_owned())], Scratch::new()).await;
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

    /// Has a broker of the test's own do one of the things that `kafka/KafkaAdmin.java` knows, for instance
    /// `&["create", "TOPIC", "3", "max.message.bytes=1500"]` or `&["forbid-creation"]`.
    pub fn admin(&self, arguments: &[&str]) {
        let (java, classes) = self.java();
        let output = Command::new(java)
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-cp", &classes, ADMIN, &self.bootstrap])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("java can be started");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A second broker, number 2, for as long as the value lives; its partitions have no leader afterwards.
    pub async fn second_broker(&self) -> SecondBroker {
        let folder = self.own().folder().join("second");
        let (java, classes) = self.java();
        let first = std::fs::read_to_string(self.own().folder().join("server.properties")).expect("the broker has settings");
        let (port, data) = (free_port(), folder.join("data"));
        let kept = first.lines().filter(|line| {
            !["process.roles", "node.id", "listeners", "advertised.listeners", "log.dirs"]
                .iter()
                .any(|name| line.starts_with(&format!("{name}=")))
        });
        let mut settings: Vec<String> = kept.map(str::to_owned).collect();
        settings.push(format!("process.roles=broker\nnode.id=2\nlog.dirs={}", data.display()));
        settings.push(format!("listeners=PLAINTEXT://127.0.0.1:{port}\nadvertised.listeners=PLAINTEXT://127.0.0.1:{port}\n"));
        std::fs::create_dir_all(&data).expect("a folder can be made");
        let file = folder.join("server.properties");
        std::fs::write(&file, settings.join("\n")).expect("settings can be written");
        let cluster = std::fs::read_to_string(self.own().folder().join("data/meta.properties")).expect("the broker has an id");
        let cluster = cluster.lines().find_map(|line| line.strip_prefix("cluster.id=")).expect("the cluster has an id").to_owned();
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&java);
            command.args(["-Xmx256m", "-XX:+UseSerialGC", "-cp", &classes]).args(arguments).arg(&file);
            command.current_dir(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        let format = ["kafka.tools.StorageTool", "format", "-t", &cluster, "--ignore-formatted", "--no-initial-controllers", "-c"];
        assert!(run(&format).status().expect("java can be started").success(), "the second broker's storage is formatted");
        let child = run(&["kafka.Kafka"]).spawn().expect("java can be started");
        let broker = SecondBroker { child };
        wait_until("the second broker is one of the brokers", START, async || {
            let known = Command::new("kcat").args(["-L", "-b", &self.bootstrap]).stdin(Stdio::null()).output();
            known.is_ok_and(|known| String::from_utf8_lossy(&known.stdout).contains("broker 2 at"))
        })
        .await;
        broker
    }

    /// The Java and the classes that the broker itself runs with.
    fn java(&self) -> (PathBuf, String) {
        let process = self.own().process().expect("the broker was started");
        let command = std::fs::read(format!("/proc/{process}/cmdline")).expect("a running process has a command line");
        let arguments: Vec<String> =
            command.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let classes = arguments.iter().skip_while(|word| *word != "-cp").nth(1).expect("the broker has a class path").clone();
        (PathBuf::from(arguments.first().expect("a command line names its program")), classes)
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

/// See [`Kafka::second_broker`].
#[derive(Debug)]
pub struct SecondBroker {
    child: Child,
}

impl Drop for SecondBroker {
    fn drop(&mut self) {
        // One that ended by itself is gone as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
