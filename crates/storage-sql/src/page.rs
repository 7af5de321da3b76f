//! Lists that are read row by row: a row that cannot be read is told to the operator and left out; it hides no other.

use sea_orm::{
    ColumnTrait, ConnectionTrait as _, EntityTrait, FromQueryResult as _, IdenStatic as _, QueryFilter as _, QueryOrder as _,
    QueryResult, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_kernel::PageRequest;

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
};

/// Reads one row of a list; `None`, and a line in the log, where it cannot be read.
pub(crate) fn readable<T>(table: &'static str, row: &QueryResult, read: impl Fn(&QueryResult) -> StoreResult<T>) -> Option<T> {
    read(row).map_err(|error| leave_out(table, &error)).ok()
}

pub(crate) fn leave_out(table: &'static str, error: &StoreError) {
    tracing::error!(table, error = %error, "A row of a list cannot be read and is left out.");
}

pub(crate) fn readable_of<E: EntityTrait, T>(row: &QueryResult, read: impl Fn(E::Model) -> StoreResult<T>) -> Option<T> {
    readable(E::default().table_name(), row, |row| read(E::Model::from_query_result(row, "")?))
}

/// All rows of a selection that can be read.
pub(crate) async fn read_list<E: EntityTrait, T>(
    database: &Database,
    selected: Select<E>,
    read: impl Fn(E::Model) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let rows = database.query_all_raw(selected.build(database.get_database_backend())).await?;
    Ok(rows.iter().filter_map(|row| readable_of::<E, T>(row, &read)).collect())
}

/// As `read_list`, with up to `most` rows; and the `key` of the last one where there may be more, read or left out.
pub(crate) async fn read_some<E: EntityTrait, T>(
    database: &Database,
    selected: Select<E>,
    key: E::Column,
    most: u64,
    read: impl Fn(E::Model) -> StoreResult<T>,
) -> StoreResult<(Vec<T>, Option<i64>)> {
    let rows = database.query_all_raw(selected.limit(most).build(database.get_database_backend())).await?;
    let full = u64::try_from(rows.len()).is_ok_and(|count| count >= most);
    let last = rows.last().filter(|_| full).map(|row| row.try_get_by(key.as_str())).transpose()?;
    Ok((rows.iter().filter_map(|row| readable_of::<E, T>(row, &read)).collect(), last))
}

/// Up to `limit + 1` entries of a selection, newest first by `key`: as many as a page needs to know whether there are more.
pub(crate) async fn read_page<E: EntityTrait, T>(
    database: &Database,
    selected: Select<E>,
    key: E::Column,
    page: PageRequest,
    read: impl Fn(E::Model) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let surplus = usize::try_from(page.limit).unwrap_or(usize::MAX).saturating_add(1);
    read_newest(database, selected, (key, Expr::col(key.as_column_ref())), page.after, surplus, read).await
}

/// As `read_page`, up to `most` entries, in the order of an expression that has the values of `key`.
pub(crate) async fn read_newest<E: EntityTrait, T>(
    database: &Database,
    selected: Select<E>,
    (key, order): (E::Column, Expr),
    after: Option<i64>,
    most: usize,
    read: impl Fn(E::Model) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let mut after = after.unwrap_or(i64::MAX);
    let mut entries = Vec::new();
    loop {
        let wanted = most.saturating_sub(entries.len());
        let next = selected.clone().filter(order.clone().lt(after)).order_by_desc(order.clone());
        let next = next.limit(u64::try_from(wanted).unwrap_or(u64::MAX));
        let rows = database.query_all_raw(next.build(database.get_database_backend())).await?;
        entries.extend(rows.iter().filter_map(|row| readable_of::<E, T>(row, &read)));
        match rows.last() {
            // The rows that were left out are made up for by older ones.
            Some(last) if rows.len() == wanted && entries.len() < most => after = last.try_get_by(key.as_str())?,
            Some(_) | None => return Ok(entries),
        }
    }
}
