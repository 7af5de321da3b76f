//! A Redis server in a folder of its own, and a cluster of three.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use deadpool_redis::redis;
use tempfile::TempDir;

pub struct RedisServer {
    port: u16,
    cluster: bool,
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
        let mut server = Self { port: free_ports().0, cluster: false, folder: tempfile::tempdir().unwrap(), process: None };
        server.run().await;
        server
    }

    /// Starts the server, again after [`RedisServer::stop`], on the data it kept.
    pub async fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes"]);
        command.args(["--appendfsync", "always", "--save", "", "--dir"]).arg(self.folder.path());
        if self.cluster {
            command.args(["--cluster-enabled", "yes", "--cluster-port", &free_ports().1.to_string()]);
        }
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

    /// Sends a command past the gate; `None` where the server does not answer.
    pub async fn command(&self, command: redis::Cmd) -> Option<redis::Value> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        command.query_async(&mut connection).await.ok()
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
            let folder = tempfile::tempdir().unwrap();
            let mut node = RedisServer { port: free_ports().0, cluster: true, folder, process: None };
            node.run().await;
            nodes.push(node);
        }
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        let created = create.args(["--cluster-replicas", "0", "--cluster-yes"]).output().unwrap();
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        let cluster = Self { nodes };
        for node in &cluster.nodes {
            node.wait_for_cluster().await;
        }
        cluster
    }

    pub fn url(&self, prefix: &str) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}?prefix={prefix}", hosts.join(","))
    }
}

impl RedisServer {
    async fn wait_for_cluster(&self) {
        let started = Instant::now();
        loop {
            let mut info = redis::cmd("CLUSTER");
            info.arg("INFO");
            if format!("{:?}", self.command(info).await).contains("cluster_state:ok") {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "the cluster does not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
