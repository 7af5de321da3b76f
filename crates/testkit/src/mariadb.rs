//! MariaDB for tests, and a database for each.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use reqwest::Url;
use tokio::sync::OnceCell;

use crate::environment;
use crate::local_server::LocalServer;
use crate::names::unique_name;
use crate::scratch::Scratch;
use crate::small_disk::SmallDisk;

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

/// A session that is open at a server.
#[derive(Debug)]
pub struct Session {
    child: Child,
    input: Option<ChildStdin>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // The client ends with its input, and its session with it.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// An empty database on the shared server.
pub async fn fresh_database() -> Database {
    MariaDb::shared().await.fresh_database()
}

impl MariaDb {
    /// A server of the test's own, for tests that break it; gone when this value is dropped. Takes some seconds.
    pub async fn start() -> Self {
        Self::of(LocalServer::start("mysql").await)
    }

    /// The same with its data on a disk that can be filled.
    pub async fn start_on(disk: &SmallDisk) -> Self {
        Self::of(LocalServer::start_in("mysql", Vec::new(), Scratch::below(disk.path())).await)
    }

    fn of(server: LocalServer) -> Self {
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

    /// The TCP port it listens on, for a proxy before it.
    pub fn port(&self) -> u16 {
        self.access.port
    }

    /// An empty database with the server's default collation.
    pub fn fresh_database(&self) -> Database {
        let name = unique_name("sluice");
        self.access.run(None, &format!("CREATE DATABASE `{name}`"));
        Database { name, access: self.access.clone() }
    }

    /// Runs statements as root, outside any database.
    pub fn sql(&self, text: &str) -> Vec<String> {
        self.access.run(None, text).lines().map(str::to_owned).collect()
    }

    /// Like [`MariaDb::sql`], where a failure is no failure of the test.
    pub fn try_sql(&self, text: &str) -> Result<String, String> {
        self.access.try_run(None, text)
    }

    /// Gives another server a copy of a database as it is now, with the plain users of this server.
    pub fn copy(&self, database: &Database, other: &Self) {
        let users = self.sql("SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user WHERE user LIKE 'shop%'");
        for user in users {
            for statement in
                self.sql(&format!("SHOW CREATE USER {user}")).into_iter().chain(self.sql(&format!("SHOW GRANTS FOR {user}")))
            {
                let _ = other.try_sql(&statement);
            }
        }
        let mut dump = Command::new("mariadb-dump");
        dump.args(["--no-defaults", "--single-transaction", "--protocol=tcp", "--databases", &database.name])
            .args([format!("--user={}", self.access.user), format!("--host={}", self.access.host)])
            .arg(format!("--port={}", self.access.port))
            .stdout(Stdio::piped());
        let mut dump = dump.spawn().expect("mariadb-dump can be started");
        let rows = dump.stdout.take().expect("the output was asked for");
        let loaded = other.access.client().stdin(rows).stdout(Stdio::null()).status();
        assert!(loaded.is_ok_and(|status| status.success()), "the copy is loaded");
        assert!(dump.wait().is_ok_and(|status| status.success()), "the copy is made");
    }

    /// Runs statements in a session of root's that stays until the value is dropped; returns when they are done.
    pub fn session(&self, text: &str) -> Session {
        let started = self.access.client().arg("--unbuffered").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.expect("the client `mariadb` can be started");
        let mut input = child.stdin.take().expect("the input was asked for");
        writeln!(input, "{text}; SELECT 'done';").expect("the client reads");
        let output = BufReader::new(child.stdout.take().expect("the output was asked for"));
        let done = output.lines().map_while(Result::ok).any(|line| line == "done");
        assert!(done, "{text}: the session ended");
        Session { child, input: Some(input) }
    }

    /// `kill -9`.
    pub async fn kill(&self) {
        self.own().kill().await;
    }

    /// On the same port, with the data that is there.
    pub async fn restart(&self) {
        self.own().restart().await;
    }

    /// False where the test's own server has ended by itself.
    pub fn is_running(&self) -> bool {
        self.own().is_running()
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
        self.access.url(&self.name)
    }

    /// The same by way of another port, a proxy's.
    pub fn url_by(&self, port: u16) -> String {
        Access { port, ..self.access.clone() }.url(&self.name)
    }

    /// A user of this database alone, without the rights of root: `read_only` holds for them. The user's URL.
    pub fn plain_user(&self) -> String {
        let (user, name) = (unique_name("shop"), &self.name);
        self.access.run(None, &format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'secret'; GRANT ALL ON `{name}`.* TO '{user}'@'%'"));
        format!("mysql://{user}:secret@{}:{}/{name}", self.access.host, self.access.port)
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

    fn url(&self, database: &str) -> String {
        let Self { user, password, host, port, .. } = self;
        let password = password.as_ref().map(|password| format!(":{password}")).unwrap_or_default();
        format!("mysql://{user}{password}@{host}:{port}/{database}")
    }

    fn run(&self, database: Option<&str>, text: &str) -> String {
        self.try_run(database, text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// MariaDB's own client, on its way in.
    fn client(&self) -> Command {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--batch", "--skip-column-names", "--connect-timeout=10", "--protocol=tcp"]).args([
            format!("--user={}", self.user),
            format!("--host={}", self.host),
            format!("--port={}", self.port),
        ]);
        if let Some(password) = &self.password {
            client.env("MYSQL_PWD", password);
        }
        client
    }

    /// What the client printed, on success to its standard output, otherwise to its standard error.
    fn try_run(&self, database: Option<&str>, text: &str) -> Result<String, String> {
        let mut client = self.client();
        client.arg(format!("--execute={text}")).args(database).stdin(Stdio::null());
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
