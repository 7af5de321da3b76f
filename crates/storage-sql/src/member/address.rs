//! Address books. At most one entry of a user is the default.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_kernel::{PortResult, StoreId, Timestamp, UserId};
use sluice_member::{Address, AddressBook, AddressId, NewAddress};

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
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

    async fn read(&self, store: StoreId, user: &UserId) -> StoreResult<Vec<Address>> {
        let select = "SELECT id, name, phone, province, city, district, address, is_default FROM addresses \
            WHERE store_id = ? AND user_id = ? ORDER BY is_default DESC, id DESC";
        self.database.rows(select, vec![store.0.into(), user.as_str().into()]).await?.iter().map(address).collect()
    }
}

fn address(row: &QueryResult) -> StoreResult<Address> {
    Ok(Address {
        id: AddressId(row.try_get_by("id")?),
        entry: NewAddress {
            name: row.try_get_by("name")?,
            phone: row.try_get_by("phone")?,
            province: row.try_get_by("province")?,
            city: row.try_get_by("city")?,
            district: row.try_get_by("district")?,
            address: row.try_get_by("address")?,
            is_default: row.try_get_by("is_default")?,
        },
    })
}

fn fields(entry: &NewAddress) -> [Value; 7] {
    [
        entry.name.as_str().into(),
        entry.phone.as_str().into(),
        entry.province.as_str().into(),
        entry.city.as_str().into(),
        entry.district.as_str().into(),
        entry.address.as_str().into(),
        entry.is_default.into(),
    ]
}

/// Holds the user's book until the commit, so that changes of one book follow each other.
pub(super) async fn lock_book(unit: &UnitOfWork, store: StoreId, user: &UserId) -> StoreResult<()> {
    let keep = unit.dialect().keep_existing("store_id, user_id");
    let insert = format!("INSERT INTO address_books (store_id, user_id) VALUES (?, ?){keep}");
    unit.execute(insert, vec![store.0.into(), user.as_str().into()]).await?;
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
    let count = "SELECT COUNT(*) AS entries FROM addresses WHERE store_id = ? AND user_id = ?";
    let entries: i64 = match unit.row(count, vec![store.0.into(), user.as_str().into()]).await? {
        Some(row) => row.try_get_by("entries")?,
        None => 0,
    };
    if entries >= i64::from(most) {
        return Ok(None);
    }
    let insert = "INSERT INTO addresses (store_id, user_id, name, phone, province, city, district, address, is_default, created_at) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut values = vec![store.0.into(), user.as_str().into()];
    values.extend(fields(entry));
    values.push(now.as_millis().into());
    let inserted = unit.execute_raw(insert, values).await?.last_insert_id();
    let id = AddressId(i64::try_from(inserted).map_err(|_| StoreError::Corrupt("addresses.id"))?);
    if entry.is_default {
        take_mark_from_others(unit, store, user, id).await?;
    }
    Ok(Some(Address { id, entry: entry.clone() }))
}

async fn take_mark_from_others(unit: &UnitOfWork, store: StoreId, user: &UserId, id: AddressId) -> StoreResult<()> {
    let update = "UPDATE addresses SET is_default = FALSE WHERE store_id = ? AND user_id = ? AND is_default = TRUE AND id <> ?";
    unit.execute(update, vec![store.0.into(), user.as_str().into(), id.0.into()]).await?;
    Ok(())
}

async fn replace(unit: &UnitOfWork, store: StoreId, user: &UserId, id: AddressId, entry: &NewAddress) -> StoreResult<bool> {
    lock_book(unit, store, user).await?;
    let update = "UPDATE addresses SET name = ?, phone = ?, province = ?, city = ?, district = ?, address = ?, is_default = ? \
        WHERE store_id = ? AND user_id = ? AND id = ?";
    let mut values: Vec<Value> = fields(entry).into();
    values.extend([store.0.into(), user.as_str().into(), id.0.into()]);
    let found = unit.execute(update, values).await? > 0;
    if found && entry.is_default {
        take_mark_from_others(unit, store, user, id).await?;
    }
    Ok(found)
}

async fn remove(unit: &UnitOfWork, store: StoreId, user: &UserId, id: AddressId) -> StoreResult<bool> {
    let delete = "DELETE FROM addresses WHERE store_id = ? AND user_id = ? AND id = ?";
    Ok(unit.execute(delete, vec![store.0.into(), user.as_str().into(), id.0.into()]).await? > 0)
}

#[async_trait]
impl AddressBook for SqlAddressBook {
    async fn list(&self, store: StoreId, user: &UserId) -> PortResult<Vec<Address>> {
        self.read(store, user).await.map_err(|error| error.into_port("reading an address book"))
    }

    async fn add(
        &self,
        store: StoreId,
        user: &UserId,
        entry: &NewAddress,
        most: u32,
        now: Timestamp,
    ) -> PortResult<Option<Address>> {
        self.database.transact("adding an address", move |unit, _| add(unit, store, user, entry, most, now).boxed()).await
    }

    async fn replace(&self, store: StoreId, user: &UserId, id: AddressId, entry: &NewAddress) -> PortResult<bool> {
        self.database.transact("replacing an address", move |unit, _| replace(unit, store, user, id, entry).boxed()).await
    }

    async fn remove(&self, store: StoreId, user: &UserId, id: AddressId) -> PortResult<bool> {
        self.database.transact("removing an address", move |unit, _| remove(unit, store, user, id).boxed()).await
    }
}
