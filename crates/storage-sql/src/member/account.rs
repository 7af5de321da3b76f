//! The user's accounts at payment providers.

use async_trait::async_trait;
use sea_orm::{QueryResult, Value};
use sluice_kernel::{PortResult, StoreId, UserId};
use sluice_member::{AccountBook, ThirdPartyAccount};

use crate::{database::Database, error::StoreResult};

#[derive(Clone)]
pub struct SqlAccountBook {
    database: Database,
}

impl SqlAccountBook {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read(&self, filter: &str, values: Vec<Value>) -> StoreResult<Vec<ThirdPartyAccount>> {
        let select = format!("SELECT provider, account FROM third_party_accounts WHERE store_id = ? AND user_id = ?{filter}");
        self.database.rows(select, values).await?.iter().map(account).collect()
    }
}

fn account(row: &QueryResult) -> StoreResult<ThirdPartyAccount> {
    Ok(ThirdPartyAccount { provider: row.try_get_by("provider")?, account: row.try_get_by("account")? })
}

#[async_trait]
impl AccountBook for SqlAccountBook {
    async fn find(&self, store: StoreId, user: &UserId, provider: &str) -> PortResult<Option<ThirdPartyAccount>> {
        let found = self.read(" AND provider = ?", vec![store.0.into(), user.as_str().into(), provider.into()]).await;
        found.map(|rows| rows.into_iter().next()).map_err(|error| error.into_port("reading an account"))
    }

    async fn list(&self, store: StoreId, user: &UserId) -> PortResult<Vec<ThirdPartyAccount>> {
        let found = self.read(" ORDER BY provider", vec![store.0.into(), user.as_str().into()]).await;
        found.map_err(|error| error.into_port("reading accounts"))
    }

    async fn put(&self, store: StoreId, user: &UserId, account: &ThirdPartyAccount) -> PortResult<()> {
        let overwrite = self.database.dialect().overwrite_existing("store_id, user_id, provider", &["account"]);
        let insert =
            format!("INSERT INTO third_party_accounts (store_id, user_id, provider, account) VALUES (?, ?, ?, ?){overwrite}");
        let values = vec![store.0.into(), user.as_str().into(), account.provider.as_str().into(), account.account.as_str().into()];
        let put = self.database.execute(insert, values).await;
        put.map(|_| ()).map_err(|error| error.into_port("putting an account"))
    }
}
