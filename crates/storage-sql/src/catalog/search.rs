//! Searching products: by their ids, or for words of their title or of a SKU's code.
//!
//! No index finds a word within a text. So a search looks at the newest products first, a bounded number for a page, and says
//! how far it came. Whether a word stands in a text is asked by INSTR, for which no letter has a meaning of its own.

use sea_orm::{ColumnTrait as _, QueryFilter as _, Value};
use sluice_catalog::{MAX_SEARCHED, Product, ProductSearch};
use sluice_kernel::{Page, PageRequest, StoreId};

use super::{
    read::{attach_shown_skus, shown},
    row,
};
use crate::{
    database::Database,
    error::StoreResult,
    multi_row::tuple,
    page::{read_list, read_page},
    statement::{padded, placeholders},
    table::products,
};

/// Newest first.
pub(super) async fn products(
    database: &Database,
    store: StoreId,
    listed_only: bool,
    search: &ProductSearch,
    page: PageRequest,
) -> StoreResult<Page<Product>> {
    // None of what was asked for is an id: nothing has it, and a list of no values is no SQL.
    if search.ids.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Page::from_overfull(Vec::new(), page.limit, |product: &Product| product.id.0));
    }
    let mut page = if search.words().next().is_some() {
        with_words(database, store, listed_only, search, page).await?
    } else {
        let ids = search.ids.iter().flatten().map(|id| id.0);
        let wanted = shown(store, listed_only).filter(products::Column::Id.is_in(ids));
        let found = read_page(database, wanted, products::Column::Id, page, row::product).await?;
        Page::from_overfull(found, page.limit, |product| product.id.0)
    };
    attach_shown_skus(database, store, listed_only, &mut page.data).await?;
    Ok(page)
}

async fn with_words(
    database: &Database,
    store: StoreId,
    listed_only: bool,
    search: &ProductSearch,
    page: PageRequest,
) -> StoreResult<Page<Product>> {
    let looked_at = LookedAt::of(store, listed_only, search, page);
    let mut numbers = looked_at.with_words(database, search, listed_only, page.limit).await?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let next = if numbers.len() > limit {
        numbers.truncate(limit);
        numbers.last().copied()
    } else {
        looked_at.end(database).await?
    };
    let wanted = shown(store, listed_only).filter(products::Column::Id.is_in(numbers));
    let mut found = read_list(database, wanted, row::product).await?;
    found.sort_unstable_by_key(|product| std::cmp::Reverse(product.id));
    Ok(Page::going_on_after(found, next))
}

/// The newest products beyond the cursor, as many as one page looks at.
struct LookedAt {
    condition: String,
    values: Vec<Value>,
}

impl LookedAt {
    fn of(store: StoreId, listed_only: bool, search: &ProductSearch, page: PageRequest) -> Self {
        let shown = if listed_only { " AND listed = TRUE AND deleted = FALSE AND offer_only = FALSE" } else { "" };
        let ids: Option<Vec<i64>> = search.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect());
        let among = ids.as_ref().map(|ids| format!(" AND id IN ({})", placeholders(ids.len()))).unwrap_or_default();
        let condition = format!("store_id = ? AND id < ?{shown}{among}");
        let mut values: Vec<Value> = vec![store.0.into(), page.after.unwrap_or(i64::MAX).into()];
        values.extend(ids.iter().flat_map(|ids| padded(ids).map(Value::from)));
        values.push(i64::from(MAX_SEARCHED).into());
        Self { condition, values }
    }

    /// The ids of up to `limit + 1` of them, each of whose words stands in the title or in a code.
    async fn with_words(
        &self,
        database: &Database,
        search: &ProductSearch,
        listed_only: bool,
        limit: u32,
    ) -> StoreResult<Vec<i64>> {
        let shown = if listed_only { " AND s.listed = TRUE" } else { "" };
        let mut values = self.values.clone();
        let mut conditions = Vec::new();
        for word in search.words() {
            // As it was written, or in small letters on both sides: SQLite knows the small letters of ASCII alone. SKUs are counted and
            // not asked for by EXISTS, which MariaDB would answer from a copy of all SKUs.
            conditions.push(format!(
                "(INSTR(looked_at.title, ?) > 0 OR INSTR(LOWER(looked_at.title), ?) > 0 OR (SELECT COUNT(*) FROM skus s \
                 WHERE s.product_id = looked_at.id AND s.deleted = FALSE{shown} AND (INSTR(s.code, ?) > 0 OR INSTR(LOWER(s.code), ?) > 0)) > 0)"
            ));
            let small = word.to_lowercase();
            values.extend([word, &small, word, &small].map(Value::from));
        }
        let sql = format!(
            "SELECT looked_at.id FROM (SELECT id, title FROM products WHERE {} ORDER BY id DESC LIMIT ?) AS looked_at WHERE {} \
             ORDER BY looked_at.id DESC LIMIT ?",
            self.condition,
            conditions.join(" AND ")
        );
        values.push(i64::from(limit).saturating_add(1).into());
        database.rows(sql, values).await?.iter().map(tuple).collect()
    }

    /// The last of them, where there may be older ones.
    async fn end(&self, database: &Database) -> StoreResult<Option<i64>> {
        let sql = format!(
            "SELECT MIN(id), COUNT(*) FROM (SELECT id FROM products WHERE {} ORDER BY id DESC LIMIT ?) AS looked_at",
            self.condition
        );
        let Some(found) = database.row(sql, self.values.clone()).await? else { return Ok(None) };
        let (last, count): (Option<i64>, i64) = tuple(&found)?;
        Ok(last.filter(|_| count >= i64::from(MAX_SEARCHED)))
    }
}
