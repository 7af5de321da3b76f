//! Carts. The cart's row is locked before its lines, so changes of one cart follow each other.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_cart::{CartLine, CartRepository, OrderedLines, PutOutcome, SelectedLines};
use sluice_kernel::{PortResult, Quantity, SkuId, StoreId, Timestamp, UserId};

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    unit_of_work::UnitOfWork,
};

mod subtract;

#[derive(Clone)]
pub struct SqlCartRepository {
    database: Database,
}

impl SqlCartRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read_lines(&self, store: StoreId, user: &UserId) -> StoreResult<Vec<CartLine>> {
        let select =
            "SELECT sku_id, quantity, selected FROM cart_lines WHERE store_id = ? AND user_id = ? ORDER BY added_at, sku_id";
        let rows = self.database.rows(select, owner(store, user)).await?;
        rows.iter()
            .map(|row| {
                Ok(CartLine {
                    sku_id: SkuId(row.try_get_by("sku_id")?),
                    quantity: quantity(row)?,
                    selected: row.try_get_by("selected")?,
                })
            })
            .collect()
    }

    /// One statement, so that lines and version belong together.
    async fn read_selected(&self, store: StoreId, user: &UserId) -> StoreResult<SelectedLines> {
        let select = "SELECT c.version, l.sku_id, l.quantity FROM carts c \
            LEFT JOIN cart_lines l ON l.store_id = c.store_id AND l.user_id = c.user_id AND l.selected = TRUE \
            WHERE c.store_id = ? AND c.user_id = ? ORDER BY l.added_at, l.sku_id";
        let mut selected = SelectedLines { version: 0, lines: Vec::new() };
        for row in self.database.rows(select, owner(store, user)).await? {
            selected.version = row.try_get_by("version")?;
            if let Some(sku) = row.try_get_by::<Option<i64>, _>("sku_id")? {
                selected.lines.push((SkuId(sku), quantity(&row)?));
            }
        }
        Ok(selected)
    }
}

fn owner(store: StoreId, user: &UserId) -> Vec<Value> {
    vec![store.0.into(), user.as_str().into()]
}

fn quantity(row: &QueryResult) -> StoreResult<Quantity> {
    Quantity::new(row.try_get_by("quantity")?).map_err(|_| StoreError::Corrupt("cart_lines.quantity"))
}

/// Makes sure that the cart stands and holds its row until the commit.
async fn lock_cart(unit: &UnitOfWork, store: StoreId, user: &UserId) -> StoreResult<()> {
    let keep = unit.dialect().keep_existing("store_id, user_id");
    unit.execute(format!("INSERT INTO carts (store_id, user_id, version) VALUES (?, ?, 0){keep}"), owner(store, user)).await?;
    Ok(())
}

async fn raise_version(unit: &UnitOfWork, store: StoreId, user: &UserId) -> StoreResult<()> {
    unit.execute("UPDATE carts SET version = version + 1 WHERE store_id = ? AND user_id = ?", owner(store, user)).await?;
    Ok(())
}

async fn put(
    unit: &UnitOfWork,
    store: StoreId,
    user: &UserId,
    line: CartLine,
    most: u32,
    now: Timestamp,
) -> StoreResult<PutOutcome> {
    lock_cart(unit, store, user).await?;
    let count = "SELECT COUNT(*) AS others FROM cart_lines WHERE store_id = ? AND user_id = ? AND sku_id <> ?";
    let mut values = owner(store, user);
    values.push(line.sku_id.0.into());
    let others: i64 = match unit.row(count, values).await? {
        Some(row) => row.try_get_by("others")?,
        None => 0,
    };
    if others >= i64::from(most) {
        return Ok(PutOutcome::Full);
    }
    let overwrite = unit.dialect().overwrite_existing("store_id, user_id, sku_id", &["quantity", "selected"]);
    let insert = format!(
        "INSERT INTO cart_lines (store_id, user_id, sku_id, quantity, selected, added_at) VALUES (?, ?, ?, ?, ?, ?){overwrite}"
    );
    let mut values = owner(store, user);
    values.extend([line.sku_id.0.into(), line.quantity.get().into(), line.selected.into(), now.as_millis().into()]);
    unit.execute(insert, values).await?;
    raise_version(unit, store, user).await?;
    Ok(PutOutcome::Done)
}

/// Deletes lines by a statement that ends where owner (and SKU) follow.
async fn delete(unit: &UnitOfWork, store: StoreId, user: &UserId, sku: Option<SkuId>) -> StoreResult<()> {
    lock_cart(unit, store, user).await?;
    let mut values = owner(store, user);
    let statement = match sku {
        None => "DELETE FROM cart_lines WHERE store_id = ? AND user_id = ?",
        Some(sku) => {
            values.push(sku.0.into());
            "DELETE FROM cart_lines WHERE store_id = ? AND user_id = ? AND sku_id = ?"
        }
    };
    if unit.execute(statement, values).await? > 0 {
        raise_version(unit, store, user).await?;
    }
    Ok(())
}

#[async_trait]
impl CartRepository for SqlCartRepository {
    async fn lines(&self, store: StoreId, user: &UserId) -> PortResult<Vec<CartLine>> {
        self.read_lines(store, user).await.map_err(|error| error.into_port("reading a cart"))
    }

    async fn selected(&self, store: StoreId, user: &UserId) -> PortResult<SelectedLines> {
        self.read_selected(store, user).await.map_err(|error| error.into_port("reading a cart's selection"))
    }

    async fn put(&self, store: StoreId, user: &UserId, line: CartLine, most: u32, now: Timestamp) -> PortResult<PutOutcome> {
        self.database.transact("putting a cart line", move |unit, _| put(unit, store, user, line, most, now).boxed()).await
    }

    async fn remove(&self, store: StoreId, user: &UserId, sku: SkuId, _now: Timestamp) -> PortResult<()> {
        self.database.transact("removing a cart line", move |unit, _| delete(unit, store, user, Some(sku)).boxed()).await
    }

    async fn clear(&self, store: StoreId, user: &UserId, _now: Timestamp) -> PortResult<()> {
        self.database.transact("clearing a cart", move |unit, _| delete(unit, store, user, None).boxed()).await
    }

    async fn subtract(&self, consumer: &str, ordered: &[OrderedLines], now: Timestamp) -> PortResult<()> {
        self.database
            .transact("taking ordered lines out of carts", move |unit, _| subtract::subtract(unit, consumer, ordered, now).boxed())
            .await
    }
}
