//! A migrated database for each test: a SQLite file, or a database on a real MariaDB.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement, TryGetable, Value};
use sluice_storage_sql::{Database, DatabaseSettings};

/// What keeps the database there until the test ends.
enum Keeper {
    Folder(#[expect(dead_code, reason = "removes the file when dropped")] tempfile::TempDir),
    Server(sluice_testkit::Database),
}

pub struct TestDatabase {
    pub database: Database,
    pub url: String,
    keeper: Keeper,
}

impl TestDatabase {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        Self::migrated(url, Keeper::Folder(folder)).await
    }

    pub async fn mariadb() -> Self {
        let fresh = sluice_testkit::fresh_database().await;
        Self::migrated(fresh.url(), Keeper::Server(fresh)).await
    }

    /// The same MariaDB database by way of another port, a proxy's.
    pub fn url_by(&self, port: u16) -> String {
        match &self.keeper {
            Keeper::Server(server) => server.url_by(port),
            Keeper::Folder(_) => panic!("a file has no port"),
        }
    }

    async fn migrated(url: String, keeper: Keeper) -> Self {
        let database = Database::connect(&DatabaseSettings::new(url.clone())).await.unwrap();
        database.migrate().await.unwrap();
        Self { database, url, keeper }
    }

    /// A connection beside the adapters, for what a test reads or plants by itself.
    pub async fn beside(&self) -> Beside {
        Beside(sea_orm::Database::connect(&self.url).await.unwrap())
    }
}

pub struct Beside(DatabaseConnection);

impl Beside {
    pub fn connection(&self) -> &DatabaseConnection {
        &self.0
    }

    fn statement(&self, sql: &str, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(self.0.get_database_backend(), sql, values)
    }

    pub async fn execute(&self, sql: &str, values: Vec<Value>) -> u64 {
        self.0.execute_raw(self.statement(sql, values)).await.unwrap().rows_affected()
    }

    pub async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        self.0.query_all_raw(self.statement(sql, vec![])).await.unwrap()
    }

    /// The first column of every row.
    pub async fn column<T: TryGetable>(&self, sql: &str) -> Vec<T> {
        self.rows(sql).await.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.column(sql).await[0]
    }
}

/// One test on SQLite and one on MariaDB for each case, a function that takes `&TestDatabase`.
macro_rules! on_every_database {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                super::$case(&$crate::databases::TestDatabase::sqlite().await).await;
            })+
        }
        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                super::$case(&$crate::databases::TestDatabase::mariadb().await).await;
            })+
        }
    };
}

pub(crate) use on_every_database;
