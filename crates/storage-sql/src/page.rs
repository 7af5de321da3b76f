//! Lists that are read row by row: a row that cannot be read is told to the operator and left out; it hides no other.

use sea_orm::{QueryResult, Value};
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

/// Up to `limit + 1` entries, newest first: as many as a page needs to know whether there are more. `statement` selects the
/// rows whose `key` lies below its first argument, at most so many as its second one says.
pub(crate) async fn read_page<T>(
    database: &Database,
    table: &'static str,
    key: &'static str,
    page: PageRequest,
    statement: impl Fn(i64, i64) -> (String, Vec<Value>),
    read: impl Fn(&QueryResult) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let surplus = usize::try_from(page.limit).unwrap_or(usize::MAX).saturating_add(1);
    read_newest(database, table, key, page.after, surplus, statement, read).await
}

/// As `read_page`, up to `most` entries.
pub(crate) async fn read_newest<T>(
    database: &Database,
    table: &'static str,
    key: &'static str,
    after: Option<i64>,
    most: usize,
    statement: impl Fn(i64, i64) -> (String, Vec<Value>),
    read: impl Fn(&QueryResult) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let mut after = after.unwrap_or(i64::MAX);
    let mut entries = Vec::new();
    loop {
        let wanted = most.saturating_sub(entries.len());
        let (sql, values) = statement(after, i64::try_from(wanted).unwrap_or(i64::MAX));
        let rows = database.rows(sql, values).await?;
        entries.extend(rows.iter().filter_map(|row| readable(table, row, &read)));
        match rows.last() {
            // The rows that were left out are made up for by older ones.
            Some(last) if rows.len() == wanted && entries.len() < most => after = last.try_get_by(key)?,
            Some(_) | None => return Ok(entries),
        }
    }
}
