//! Address books. At most one entry of a user is the default.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_kernel::{PortResult, StoreId, Timestamp, UserId};
use sluice_member::{Address, AddressBook, AddressId, NewAddress};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    multi_row::MultiRow,
    stored::Stored,
    table::{
        address_books,
        addresses::{ActiveModel, Column, Entity, Model},
    },
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlAddressBook {
    database: Database,
}

impl SqlAddressBook {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

fn address(row: Model) -> Address {
    Address {
        id: AddressId(row.id),
        entry: NewAddress {
            name: row.name,
            phone: row.phone,
            province: row.province,
            city: row.city,
            district: row.district,
            address: row.address,
            is_default: row.is_default,
        },
    }
}

fn values(entry: &NewAddress) -> ActiveModel {
    ActiveModel {
        name: Set(entry.name.clone()),
        phone: Set(entry.phone.clone()),
        province: Set(entry.province.clone()),
        city: Set(entry.city.clone()),
        district: Set(entry.district.clone()),
        address: Set(entry.address.clone()),
        is_default: Set(entry.is_default),
        ..Default::default()
    }
}

fn of_user(store: StoreId, user: &UserId) -> Expr {
    Column::StoreId.eq(store.0).and(Column::UserId.eq(user.as_str()))
}

static BOOKS: MultiRow<address_books::Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("store_id, user_id"));

/// Holds the user's book until the commit, so that changes of one book follow each other.
pub(super) async fn lock_book(unit: &UnitOfWork, store: StoreId, user: &UserId) -> StoreResult<()> {
    BOOKS.run(unit, [address_books::Model { store_id: store.0, user_id: user.0.clone() }]).await?;
    Ok(())
}

async fn add(
    unit: &UnitOfWork,
    store: StoreId,
    user: &UserId,
    entry: &NewAddress,
    most: u32,
    now: Timestamp,
) -> StoreResult<Option<Address>> {
    lock_book(unit, store, user).await?;
    if Entity::find().filter(of_user(store, user)).count(unit).await? >= u64::from(most) {
        return Ok(None);
    }
    let row = ActiveModel { store_id: Set(store.0), user_id: Set(user.0.clone()), created_at: Set(Stored(now)), ..values(entry) };
    let id = AddressId(Entity::insert(row).exec(unit).await?.last_insert_id);
    if entry.is_default {
        take_mark_from_others(unit, store, user, id).await?;
    }
    Ok(Some(Address { id, entry: entry.clone() }))
}

async fn take_mark_from_others(unit: &UnitOfWork, store: StoreId, user: &UserId, id: AddressId) -> StoreResult<()> {
    Entity::update_many()
        .set(ActiveModel { is_default: Set(false), ..Default::default() })
        .filter(of_user(store, user).and(Column::IsDefault.eq(true)).and(Column::Id.ne(id.0)))
        .exec(unit)
        .await?;
    Ok(())
}

async fn replace(unit: &UnitOfWork, store: StoreId, user: &UserId, id: AddressId, entry: &NewAddress) -> StoreResult<bool> {
    lock_book(unit, store, user).await?;
    let one = of_user(store, user).and(Column::Id.eq(id.0));
    let found = Entity::update_many().set(values(entry)).filter(one).exec(unit).await?.rows_affected > 0;
    if found && entry.is_default {
        take_mark_from_others(unit, store, user, id).await?;
    }
    Ok(found)
}

async fn remove(unit: &UnitOfWork, store: StoreId, user: &UserId, id: AddressId) -> StoreResult<bool> {
    let one = of_user(store, user).and(Column::Id.eq(id.0));
    Ok(Entity::delete_many().filter(one).exec(unit).await?.rows_affected > 0)
}

#[async_trait]
impl AddressBook for SqlAddressBook {
    async fn list(&self, store: StoreId, user: &UserId) -> PortResult<Vec<Address>> {
        let found = Entity::find().filter(of_user(store, user));
        let found = found.order_by_desc(Column::IsDefault).order_by_desc(Column::Id).all(&self.database).await;
        found.map(|rows| rows.into_iter().map(address).collect()).into_port("reading an address book")
    }

    async fn add(
        &self,
        store: StoreId,
        user: &UserId,
        entry: &NewAddress,
        most: u32,
        now: Timestamp,
    ) -> PortResult<Option<Address>> {
        self.database.transact(move |unit, _| add(unit, store, user, entry, most, now).boxed()).await.into_port("adding an address")
    }

    async fn replace(&self, store: StoreId, user: &UserId, id: AddressId, entry: &NewAddress) -> PortResult<bool> {
        self.database.transact(move |unit, _| replace(unit, store, user, id, entry).boxed()).await.into_port("replacing an address")
    }

    async fn remove(&self, store: StoreId, user: &UserId, id: AddressId) -> PortResult<bool> {
        self.database.transact(move |unit, _| remove(unit, store, user, id).boxed()).await.into_port("removing an address")
    }
}
