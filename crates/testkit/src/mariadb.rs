//! MariaDB for tests, and a database for each.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use reqwest::Url;
use tokio::sync::OnceCell;

use crate::environment;
use crate::local_server::LocalServer;
use crate::names::unique_name;

static SHARED: OnceCell<MariaDb> = OnceCell::const_new();

/// How a client gets in.
#[derive(Debug, Clone)]
struct Access {
    user: String,
    password: Option<String>,
    host: String,
    port: u16,
    socket: Option<PathBuf>,
}

/// A MariaDB server that flushes at every commit.
#[derive(Debug)]
pub struct MariaDb {
    access: Access,
    own: Option<LocalServer>,
}

/// A database of one test, dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    access: Access,
}

/// An empty database on the shared server.
pub async fn fresh_database() -> Database {
    MariaDb::shared().await.fresh_database()
}

impl MariaDb {
    /// A server of the test's own, for tests that break it; gone when this value is dropped. Takes some seconds.
    pub async fn start() -> Self {
        let server = LocalServer::start("mysql").await;
        let access =
            Access { user: "root".to_owned(), password: None, host: "127.0.0.1".to_owned(), port: server.port(), socket: None };
        Self { access, own: Some(server) }
    }

    /// The server that `SLUICE_TEST_MYSQL_URL` names, otherwise one per test process.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(async || match environment::variable("SLUICE_TEST_MYSQL_URL") {
                Some(url) => {
                    let socket = environment::variable("SLUICE_TEST_MYSQL_SOCKET_URL").and_then(|url| Access::read(&url).socket);
                    Self { access: Access { socket, ..Access::read(&url) }, own: None }
                }
                None => Self::start().await,
            })
            .await
    }

    /// An empty database with the server's default collation.
    pub fn fresh_database(&self) -> Database {
        let name = unique_name("sluice");
        self.access.run(None, &format!("CREATE DATABASE `{name}`"));
        Database { name, access: self.access.clone() }
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
        self.own.as_ref().expect("only a server of the test's own may be broken: MariaDb::start()")
    }
}

impl Database {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `mysql://user@host:port/name`
    pub fn url(&self) -> String {
        let Access { user, password, host, port, .. } = &self.access;
        let password = password.as_ref().map(|password| format!(":{password}")).unwrap_or_default();
        format!("mysql://{user}{password}@{host}:{port}/{}", self.name)
    }

    /// The same through the Unix socket, where the server's socket is known.
    pub fn socket_url(&self) -> Option<String> {
        let Access { user, socket, .. } = &self.access;
        socket.as_ref().map(|socket| format!("mysql://{user}@localhost/{}?socket={}", self.name, socket.display()))
    }

    /// Runs statements with MariaDB's own client; the rows, columns parted by tabs.
    pub fn sql(&self, text: &str) -> Vec<String> {
        self.access.run(Some(&self.name), text).lines().map(str::to_owned).collect()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The server may have been killed by the test: then the database goes with it.
        self.access.try_run(None, &format!("DROP DATABASE IF EXISTS `{}`", self.name)).ok();
    }
}

impl Access {
    fn read(url: &str) -> Self {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("'{url}' is not a database URL: {error}"));
        Self {
            user: if url.username().is_empty() { "root".to_owned() } else { url.username().to_owned() },
            password: url.password().map(str::to_owned),
            host: url.host_str().unwrap_or("127.0.0.1").to_owned(),
            port: url.port().unwrap_or(3306),
            socket: url.query_pairs().find(|(name, _)| name == "socket").map(|(_, path)| PathBuf::from(path.as_ref())),
        }
    }

    fn run(&self, database: Option<&str>, text: &str) -> String {
        self.try_run(database, text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// What the client printed, on success to its standard output, otherwise to its standard error.
    fn try_run(&self, database: Option<&str>, text: &str) -> Result<String, String> {
        let mut client = Command::new("mariadb");
        client
            .args(["--no-defaults", "--batch", "--skip-column-names", "--connect-timeout=10", "--protocol=tcp"])
            .args([format!("--user={}", self.user), format!("--host={}", self.host), format!("--port={}", self.port)])
            .arg(format!("--execute={text}"))
            .args(database)
            .stdin(Stdio::null());
        if let Some(password) = &self.password {
            client.env("MYSQL_PWD", password);
        }
        let output = client.output().expect("the client `mariadb` can be started");
        let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(printed(&output.stdout)) } else { Err(printed(&output.stderr)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        let access = Access::read("mysql://shop:secret@db.example:3307/");
        let database = Database { name: "a_b".to_owned(), access: access.clone() };
        assert_eq!(database.url(), "mysql://shop:secret@db.example:3307/a_b");
        assert_eq!(database.socket_url(), None);
        std::mem::forget(database); // there is no such server to drop it on
        let over_socket = Access::read("mysql://root@localhost/?socket=/run/s.sock");
        assert_eq!((over_socket.port, over_socket.socket), (3306, Some(PathBuf::from("/run/s.sock"))));
    }
}
