//! sea-orm's queries run like every other statement: through [`Database`] and [`UnitOfWork`], with their bounds, tries and
//! doubts.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value};

use crate::{database::Database, error::StoreError, statement::Dialect, unit_of_work::UnitOfWork};

impl Dialect {
    pub(crate) fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::MySql => DbBackend::MySql,
        }
    }
}

fn parts(statement: Statement) -> (String, Vec<Value>) {
    (statement.sql, statement.values.map(|values| values.0).unwrap_or_default())
}

/// sea-orm knows no other error. What is not of the engine counts as a connection that cannot be used.
fn of_engine(error: StoreError) -> DbErr {
    match error {
        StoreError::Db(error) => error,
        other @ (StoreError::CommitUnknown(_)
        | StoreError::CommitLost
        | StoreError::Broken
        | StoreError::Corrupt(_)
        | StoreError::Json(_)
        | StoreError::Contradiction(_)) => DbErr::Conn(RuntimeErr::Internal(other.to_string())),
    }
}

/// Statements of entities run as those of our own do: `$execute` of the runner, its `row` and its `rows`.
macro_rules! runs_entities {
    ($runner:ty, $execute:ident) => {
        #[async_trait::async_trait]
        impl ConnectionTrait for $runner {
            fn get_database_backend(&self) -> DbBackend {
                self.dialect().backend()
            }

            async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
                let (sql, values) = parts(statement);
                Self::$execute(self, sql, values).await.map_err(of_engine)
            }

            async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
                Self::$execute(self, sql, Vec::new()).await.map_err(of_engine)
            }

            async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
                let (sql, values) = parts(statement);
                self.row(sql, values).await.map_err(of_engine)
            }

            async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
                let (sql, values) = parts(statement);
                self.rows(sql, values).await.map_err(of_engine)
            }
        }
    };
}

runs_entities!(Database, execute);
runs_entities!(UnitOfWork, execute_raw);
