//! Carts. The cart's row is locked before its lines, so changes of one cart follow each other.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_cart::{CartLine, CartRepository, OrderedLines, PutOutcome, SelectedLines};
use sluice_kernel::{PortResult, Quantity, SkuId, StoreId, Timestamp, UserId};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::{MultiRow, tuple},
    stored::Stored,
    table::{
        cart_lines::{self, Column},
        carts,
    },
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
        let lines = cart_lines::Entity::find().filter(of_owner(store, user));
        let lines = lines.order_by_asc(Column::AddedAt).order_by_asc(Column::SkuId).all(&self.database).await?;
        let line = |row: cart_lines::Model| {
            Ok(CartLine { sku_id: SkuId(row.sku_id), quantity: quantity(row.quantity)?, selected: row.selected })
        };
        lines.into_iter().map(line).collect()
    }

    /// One statement, so that lines and version belong together.
    async fn read_selected(&self, store: StoreId, user: &UserId) -> StoreResult<SelectedLines> {
        let select = "SELECT c.version, l.sku_id, l.quantity FROM carts c \
            LEFT JOIN cart_lines l ON l.store_id = c.store_id AND l.user_id = c.user_id AND l.selected = TRUE \
            WHERE c.store_id = ? AND c.user_id = ? ORDER BY l.added_at, l.sku_id";
        let mut selected = SelectedLines { version: 0, lines: Vec::new() };
        for row in self.database.rows(select, vec![store.0.into(), user.as_str().into()]).await? {
            let (version, sku, units): (i64, Option<i64>, Option<i64>) = tuple(&row)?;
            selected.version = version;
            if let Some((sku, units)) = sku.zip(units) {
                selected.lines.push((SkuId(sku), quantity(units)?));
            }
        }
        Ok(selected)
    }
}

fn of_owner(store: StoreId, user: &UserId) -> Expr {
    Column::StoreId.eq(store.0).and(Column::UserId.eq(user.as_str()))
}

fn quantity(stored: i64) -> StoreResult<Quantity> {
    Quantity::new(stored).map_err(|_| StoreError::Corrupt("cart_lines.quantity"))
}

static CARTS: MultiRow<carts::Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("store_id, user_id"));
static LINES: MultiRow<cart_lines::Model> =
    MultiRow::with_tail(|dialect| dialect.overwrite_existing("store_id, user_id, sku_id", &["quantity", "selected"]));

/// Makes sure that the cart stands and holds its row until the commit.
async fn lock_cart(unit: &UnitOfWork, store: StoreId, user: &UserId) -> StoreResult<()> {
    CARTS.run(unit, [carts::Model { store_id: store.0, user_id: user.0.clone(), version: 0 }]).await?;
    Ok(())
}

async fn raise_version(unit: &UnitOfWork, store: StoreId, user: &UserId) -> StoreResult<()> {
    carts::Entity::update_many()
        .col_expr(carts::Column::Version, Expr::col(carts::Column::Version).add(1))
        .filter(carts::Column::StoreId.eq(store.0).and(carts::Column::UserId.eq(user.as_str())))
        .exec(unit)
        .await?;
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
    let others = cart_lines::Entity::find().filter(of_owner(store, user)).filter(Column::SkuId.ne(line.sku_id.0));
    if others.count(unit).await? >= u64::from(most) {
        return Ok(PutOutcome::Full);
    }
    let row = cart_lines::Model {
        store_id: store.0,
        user_id: user.0.clone(),
        sku_id: line.sku_id.0,
        quantity: line.quantity.get(),
        selected: line.selected,
        added_at: Stored(now),
    };
    LINES.run(unit, [row]).await?;
    raise_version(unit, store, user).await?;
    Ok(PutOutcome::Done)
}

/// Deletes all lines, or the one of a SKU.
async fn delete(unit: &UnitOfWork, store: StoreId, user: &UserId, sku: Option<SkuId>) -> StoreResult<()> {
    lock_cart(unit, store, user).await?;
    let mut lines = cart_lines::Entity::delete_many().filter(of_owner(store, user));
    if let Some(sku) = sku {
        lines = lines.filter(Column::SkuId.eq(sku.0));
    }
    if lines.exec(unit).await?.rows_affected > 0 {
        raise_version(unit, store, user).await?;
    }
    Ok(())
}

#[async_trait]
impl CartRepository for SqlCartRepository {
    async fn lines(&self, store: StoreId, user: &UserId) -> PortResult<Vec<CartLine>> {
        self.read_lines(store, user).await.into_port("reading a cart")
    }

    async fn selected(&self, store: StoreId, user: &UserId) -> PortResult<SelectedLines> {
        self.read_selected(store, user).await.into_port("reading a cart's selection")
    }

    async fn put(&self, store: StoreId, user: &UserId, line: CartLine, most: u32, now: Timestamp) -> PortResult<PutOutcome> {
        self.database
            .transact(move |unit, _| put(unit, store, user, line, most, now).boxed())
            .await
            .into_port("putting a cart line")
    }

    async fn remove(&self, store: StoreId, user: &UserId, sku: SkuId, _now: Timestamp) -> PortResult<()> {
        self.database.transact(move |unit, _| delete(unit, store, user, Some(sku)).boxed()).await.into_port("removing a cart line")
    }

    async fn clear(&self, store: StoreId, user: &UserId, _now: Timestamp) -> PortResult<()> {
        self.database.transact(move |unit, _| delete(unit, store, user, None).boxed()).await.into_port("clearing a cart")
    }

    async fn subtract(&self, consumer: &str, ordered: &[OrderedLines], now: Timestamp) -> PortResult<()> {
        self.database
            .transact(move |unit, _| subtract::subtract(unit, consumer, ordered, now).boxed())
            .await
            .into_port("taking ordered lines out of carts")
    }
}
