//! A Redis server in a folder of its own, a cluster of three, and a primary with a replica under a Sentinel.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use deadpool_redis::redis;
use tempfile::TempDir;

pub struct RedisServer {
    port: u16,
    /// What makes it a cluster node, a replica or a Sentinel.
    role: Vec<String>,
    folder: TempDir,
    process: Option<Child>,
}

/// Two ports that were free a moment ago: the server's, and the cluster bus's.
fn free_ports() -> (u16, u16) {
    let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (one, two) = (bind(), bind());
    (one.local_addr().unwrap().port(), two.local_addr().unwrap().port())
}

impl RedisServer {
    pub async fn start() -> Self {
        Self::start_as(free_ports().0, Vec::new()).await
    }

    async fn start_as(port: u16, role: Vec<String>) -> Self {
        let mut server = Self { port, role, folder: tempfile::tempdir().unwrap(), process: None };
        server.run().await;
        server
    }

    /// Starts the server, again after [`RedisServer::stop`], on the data it kept.
    pub async fn run(&mut self) {
        let mut command = Command::new("redis-server");
        let sentinel = self.role.first().is_some_and(|settings| settings.starts_with("sentinel"));
        if sentinel {
            let settings = self.folder.path().join("sentinel.conf");
            std::fs::write(&settings, self.role.concat().replace(';', "\n")).unwrap();
            command.arg(settings).arg("--sentinel");
        } else {
            command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]).args(&self.role);
        }
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(self.folder.path());
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("redis-server is installed"));
        let started = Instant::now();
        while self.command(redis::cmd("PING")).await.is_none() {
            assert!(started.elapsed() < Duration::from_secs(20), "redis-server does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills the server as a power cut would.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub fn url(&self, prefix: &str) -> String {
        format!("redis://127.0.0.1:{}?prefix={prefix}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a command past the gate; `None` where the server does not answer.
    pub async fn command(&self, command: redis::Cmd) -> Option<redis::Value> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        command.query_async(&mut connection).await.ok()
    }
}

impl RedisServer {
    /// What `redis-cli` prints, for commands that need a password or block.
    pub fn cli(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn config(&self, name: &str, value: &str) {
        assert_eq!(self.cli(&["CONFIG", "SET", name, value]), "OK", "{name}");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

pub struct RedisCluster {
    pub nodes: Vec<RedisServer>,
}

impl RedisCluster {
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let (port, bus) = free_ports();
            let role = ["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()].map(str::to_owned);
            nodes.push(RedisServer::start_as(port, role.to_vec()).await);
        }
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        let created = create.args(["--cluster-replicas", "0", "--cluster-yes"]).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self { nodes };
        for node in &cluster.nodes {
            node.wait_until("CLUSTER INFO", "cluster_state:ok").await;
        }
        cluster
    }

    pub fn url(&self, prefix: &str) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}?prefix={prefix}", hosts.join(","))
    }
}

/// A primary, its replica, and one Sentinel that may promote it.
pub struct Watched {
    pub primary: RedisServer,
    _replica: RedisServer,
    sentinel: RedisServer,
}

impl Watched {
    pub async fn start() -> Self {
        let primary = RedisServer::start().await;
        let of = format!("127.0.0.1 {}", primary.port);
        let replica = RedisServer::start_as(free_ports().0, vec!["--replicaof".to_owned(), of.clone()]).await;
        replica.wait_until("INFO replication", "master_link_status:up").await;
        let settings =
            format!("sentinel monitor shop {of} 1;sentinel down-after-milliseconds shop 500;sentinel failover-timeout shop 3000;");
        let sentinel = RedisServer::start_as(free_ports().0, vec![settings]).await;
        sentinel.wait_until("SENTINEL REPLICAS shop", &replica.port.to_string()).await;
        Self { primary, _replica: replica, sentinel }
    }

    pub fn url(&self, prefix: &str) -> String {
        format!("redis+sentinel://127.0.0.1:{}/shop?prefix={prefix}", self.sentinel.port)
    }
}

impl RedisServer {
    async fn wait_until(&self, ask: &str, word: &str) {
        let started = Instant::now();
        loop {
            let mut words = ask.split(' ');
            let mut command = redis::cmd(words.next().unwrap());
            command.arg(words.collect::<Vec<_>>());
            if format!("{:?}", self.command(command).await).contains(word) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{ask} never says {word}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
