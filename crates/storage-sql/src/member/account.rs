//! The user's accounts at payment providers.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _, Select};
use sluice_kernel::{PortResult, StoreId, UserId};
use sluice_member::{AccountBook, ThirdPartyAccount};

use super::address::lock_book;
use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    multi_row::MultiRow,
    table::third_party_accounts::{Column, Entity, Model},
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlAccountBook {
    database: Database,
}

impl SqlAccountBook {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

fn account(row: Model) -> ThirdPartyAccount {
    ThirdPartyAccount { provider: row.provider, account: row.account }
}

fn of_user(store: StoreId, user: &UserId) -> Select<Entity> {
    Entity::find().filter(Column::StoreId.eq(store.0)).filter(Column::UserId.eq(user.as_str()))
}

static ACCOUNTS: MultiRow<Model> =
    MultiRow::with_tail(|dialect| dialect.overwrite_existing("store_id, user_id, provider", &["account"]));

async fn put(unit: &UnitOfWork, store: StoreId, user: &UserId, account: &ThirdPartyAccount, most: u32) -> StoreResult<bool> {
    lock_book(unit, store, user).await?;
    let others = of_user(store, user).filter(Column::Provider.ne(account.provider.as_str())).count(unit).await?;
    if others >= u64::from(most) {
        return Ok(false);
    }
    let ThirdPartyAccount { provider, account } = account.clone();
    ACCOUNTS.run(unit, [Model { store_id: store.0, user_id: user.0.clone(), provider, account }]).await?;
    Ok(true)
}

#[async_trait]
impl AccountBook for SqlAccountBook {
    async fn find(&self, store: StoreId, user: &UserId, provider: &str) -> PortResult<Option<ThirdPartyAccount>> {
        let found = of_user(store, user).filter(Column::Provider.eq(provider)).one(&self.database).await;
        found.map(|found| found.map(account)).into_port("reading an account")
    }

    async fn list(&self, store: StoreId, user: &UserId) -> PortResult<Vec<ThirdPartyAccount>> {
        let found = of_user(store, user).order_by_asc(Column::Provider).all(&self.database).await;
        found.map(|rows| rows.into_iter().map(account).collect()).into_port("reading accounts")
    }

    async fn put(&self, store: StoreId, user: &UserId, account: &ThirdPartyAccount, most: u32) -> PortResult<bool> {
        self.database.transact(move |unit, _| put(unit, store, user, account, most).boxed()).await.into_port("putting an account")
    }
}
