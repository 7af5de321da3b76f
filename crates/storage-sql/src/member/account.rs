//! The user's accounts at payment providers.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_kernel::{PortResult, StoreId, UserId};
use sluice_member::{AccountBook, ThirdPartyAccount};

use super::address::lock_book;
use crate::{database::Database, error::StoreResult, unit_of_work::UnitOfWork};

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

async fn put(unit: &UnitOfWork, store: StoreId, user: &UserId, account: &ThirdPartyAccount, most: u32) -> StoreResult<bool> {
    lock_book(unit, store, user).await?;
    let others = "SELECT COUNT(*) AS others FROM third_party_accounts WHERE store_id = ? AND user_id = ? AND provider <> ?";
    let values = vec![store.0.into(), user.as_str().into(), account.provider.as_str().into()];
    let others: i64 = unit.row(others, values).await?.map_or(Ok(0), |row| row.try_get_by("others"))?;
    if others >= i64::from(most) {
        return Ok(false);
    }
    let overwrite = unit.dialect().overwrite_existing("store_id, user_id, provider", &["account"]);
    let insert = format!("INSERT INTO third_party_accounts (store_id, user_id, provider, account) VALUES (?, ?, ?, ?){overwrite}");
    let values = vec![store.0.into(), user.as_str().into(), account.provider.as_str().into(), account.account.as_str().into()];
    unit.execute(insert, values).await?;
    Ok(true)
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

    async fn put(&self, store: StoreId, user: &UserId, account: &ThirdPartyAccount, most: u32) -> PortResult<bool> {
        self.database.transact("putting an account", move |unit, _| put(unit, store, user, account, most).boxed()).await
    }
}
