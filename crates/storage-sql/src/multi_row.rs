//! Statements over many rows, in a bounded number of shapes whose texts are built once.

use std::{marker::PhantomData, sync::OnceLock};

use sea_orm::{QueryResult, TryGetableMany, Value};

use crate::{
    error::StoreResult,
    statement::{Dialect, MAX_ROWS, padded, padded_len, placeholders},
    table::Row,
    unit_of_work::UnitOfWork,
};

const SHAPES: usize = MAX_ROWS + 1;

/// Texts by dialect and row count.
struct Texts([[OnceLock<String>; SHAPES]; 2]);

impl Texts {
    const fn new() -> Self {
        Self([[const { OnceLock::new() }; SHAPES], [const { OnceLock::new() }; SHAPES]])
    }

    fn get(&self, dialect: Dialect, rows: usize, build: impl Fn() -> String) -> String {
        let [sqlite, mysql] = &self.0;
        let texts = match dialect {
            Dialect::Sqlite => sqlite,
            Dialect::MySql => mysql,
        };
        texts.get(rows).map_or_else(&build, |text| text.get_or_init(&build).clone())
    }
}

/// The values of rows of one kind, one row after the other: worked out before the statement that takes them.
pub(crate) struct Values<R> {
    values: Vec<Value>,
    kind: PhantomData<fn() -> R>,
}

impl<R> Default for Values<R> {
    fn default() -> Self {
        Self { values: Vec::new(), kind: PhantomData }
    }
}

impl<R: Row> Values<R> {
    pub(crate) fn push(&mut self, row: R) {
        self.values.reserve(R::COLUMNS.len());
        row.write_to(&mut self.values);
    }

    pub(crate) fn append(&mut self, other: &mut Self) {
        self.values.append(&mut other.values);
    }
}

impl<R: Row> FromIterator<R> for Values<R> {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let rows = rows.into_iter();
        let mut all = Self { values: Vec::with_capacity(rows.size_hint().0 * R::COLUMNS.len()), kind: PhantomData };
        rows.for_each(|row| row.write_to(&mut all.values));
        all
    }
}

/// An INSERT of any number of rows, and the dialect's `tail`; [`MAX_ROWS`] rows at most, more go in several statements. The
/// few connections of a group commit take any number of rows in one statement: one shape for each row count. Those of a
/// pool, which all come to hold every shape, take powers of two: eight shapes.
pub(crate) struct MultiRow<R> {
    /// Columns that have the same value in every row, as it stands in the statement's text.
    constants: &'static [(&'static str, &'static str)],
    tail: fn(Dialect) -> String,
    texts: Texts,
    kind: PhantomData<fn() -> R>,
}

impl<R: Row> MultiRow<R> {
    pub(crate) const fn insert() -> Self {
        Self::with(&[], |_| String::new())
    }

    pub(crate) const fn with_tail(tail: fn(Dialect) -> String) -> Self {
        Self::with(&[], tail)
    }

    pub(crate) const fn with(constants: &'static [(&'static str, &'static str)], tail: fn(Dialect) -> String) -> Self {
        Self { constants, tail, texts: Texts::new(), kind: PhantomData }
    }

    /// Answers how many rows the database says it touched.
    pub(crate) async fn run(&self, unit: &UnitOfWork, rows: impl Into<Values<R>>) -> StoreResult<u64> {
        let values = rows.into().values;
        let width = R::COLUMNS.len();
        let mut left = values.len() / width.max(1);
        let mut rows = rows_at_once(left, unit.keeps_every_shape());
        if left == rows {
            return if left == 0 { Ok(0) } else { unit.execute(self.text(unit.dialect(), left), values).await };
        }
        let mut values = values.into_iter();
        let mut touched = 0;
        while left > 0 {
            rows = rows_at_once(left, unit.keeps_every_shape());
            let chunk: Vec<Value> = values.by_ref().take(rows * width).collect();
            touched += unit.execute(self.text(unit.dialect(), rows), chunk).await?;
            left -= rows;
        }
        Ok(touched)
    }

    fn text(&self, dialect: Dialect, rows: usize) -> String {
        self.texts.get(dialect, rows, || {
            let columns = R::COLUMNS.iter().chain(self.constants.iter().map(|(column, _)| column));
            let columns: Vec<&str> = columns.copied().collect();
            let values = R::COLUMNS.iter().map(|_| "?").chain(self.constants.iter().map(|(_, value)| *value));
            let row = format!("({})", values.collect::<Vec<_>>().join(", "));
            let (rows, tail) = (vec![row; rows].join(", "), (self.tail)(dialect));
            format!("INSERT INTO {} ({}) VALUES {rows}{tail}", R::TABLE, columns.join(", "))
        })
    }
}

impl<R: Row, I: IntoIterator<Item = R>> From<I> for Values<R> {
    fn from(rows: I) -> Self {
        rows.into_iter().collect()
    }
}

/// How many of `left` rows the next statement takes.
fn rows_at_once(left: usize, every_shape: bool) -> usize {
    let most = left.min(MAX_ROWS);
    match most.checked_ilog2() {
        Some(power) if !every_shape => 1 << power,
        _ => most,
    }
}

/// `head WHERE key IN (?, …)`, what comes after the list, and the dialect's lock; lists are padded to powers of two.
pub(crate) struct InList {
    head: fn() -> String,
    key: &'static str,
    after: &'static str,
    lock: fn(Dialect) -> &'static str,
    texts: Texts,
}

impl InList {
    /// `key` may have conditions before the column: `applied = FALSE AND sku_id`.
    pub(crate) const fn new(head: fn() -> String, key: &'static str) -> Self {
        Self::with(head, key, "", |_| "")
    }

    pub(crate) const fn with(
        head: fn() -> String,
        key: &'static str,
        after: &'static str,
        lock: fn(Dialect) -> &'static str,
    ) -> Self {
        Self { head, key, after, lock, texts: Texts::new() }
    }

    /// Rows of all keys; more than [`MAX_ROWS`] keys are asked in several statements, in their order.
    pub(crate) async fn rows<K: Clone + Into<Value>>(&self, unit: &UnitOfWork, keys: &[K]) -> StoreResult<Vec<QueryResult>> {
        self.rows_with(unit, &[], keys).await
    }

    /// `before` are the values of the parameters that stand in `head`.
    pub(crate) async fn rows_with<K>(&self, unit: &UnitOfWork, before: &[Value], keys: &[K]) -> StoreResult<Vec<QueryResult>>
    where
        K: Clone + Into<Value>,
    {
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_ROWS) {
            let values = before.iter().cloned().chain(padded(keys).map(Into::into)).collect();
            rows.extend(unit.rows(self.text(unit.dialect(), keys.len()), values).await?);
        }
        Ok(rows)
    }

    pub(crate) async fn execute<K: Clone + Into<Value>>(&self, unit: &UnitOfWork, keys: &[K]) -> StoreResult<u64> {
        self.execute_with(unit, &[], keys).await
    }

    /// `before` are the values of the parameters that stand in `head`.
    pub(crate) async fn execute_with<K>(&self, unit: &UnitOfWork, before: &[i64], keys: &[K]) -> StoreResult<u64>
    where
        K: Clone + Into<Value>,
    {
        let mut touched = 0;
        for keys in keys.chunks(MAX_ROWS) {
            let values = before.iter().map(|value| Value::from(*value)).chain(padded(keys).map(Into::into)).collect();
            touched += unit.execute(self.text(unit.dialect(), keys.len()), values).await?;
        }
        Ok(touched)
    }

    fn text(&self, dialect: Dialect, keys: usize) -> String {
        self.texts.get(dialect, padded_len(keys), || {
            let (head, lock) = ((self.head)(), (self.lock)(dialect));
            format!("{head} WHERE {} IN ({}){}{lock}", self.key, placeholders(keys), self.after)
        })
    }
}

/// `head` followed by `condition` once for each key of several columns, joined by OR, and the dialect's `tail`; padded to
/// powers of two. Each condition is looked up in the index; `(a, b) IN (…)` is written differently in the two dialects.
pub(crate) struct AnyOf {
    head: fn() -> String,
    condition: &'static str,
    /// Bind parameters of a key.
    width: usize,
    tail: fn(Dialect) -> &'static str,
    texts: Texts,
}

impl AnyOf {
    pub(crate) const fn new(
        head: fn() -> String,
        condition: &'static str,
        width: usize,
        tail: fn(Dialect) -> &'static str,
    ) -> Self {
        Self { head, condition, width, tail, texts: Texts::new() }
    }

    /// Rows of all keys, whose values come one key after the other; more than [`MAX_ROWS`] keys are asked in several
    /// statements, in their order.
    pub(crate) async fn rows(&self, unit: &UnitOfWork, values: &[Value]) -> StoreResult<Vec<QueryResult>> {
        let keys: Vec<&[Value]> = values.chunks(self.width.max(1)).collect();
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_ROWS) {
            let values = padded(keys).flatten().cloned().collect();
            rows.extend(unit.rows(self.text(unit.dialect(), keys.len()), values).await?);
        }
        Ok(rows)
    }

    fn text(&self, dialect: Dialect, keys: usize) -> String {
        let keys = padded_len(keys);
        self.texts
            .get(dialect, keys, || format!("{} {}{}", (self.head)(), vec![self.condition; keys].join(" OR "), (self.tail)(dialect)))
    }
}

/// The columns of a row that is no part of a table: one, or a tuple.
pub(crate) fn tuple<T: TryGetableMany>(row: &QueryResult) -> StoreResult<T> {
    Ok(row.try_get_many_by_index()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::row;

    row! {
        struct SeenTime of seen_times {
            name: String,
        }
    }

    #[test]
    fn a_pool_sees_eight_shapes_of_a_statement_and_a_group_commit_one_for_each_number_of_rows() {
        let taken = |rows: usize, every_shape: bool| {
            let mut left = rows;
            let mut taken = Vec::new();
            while left > 0 {
                taken.push(rows_at_once(left, every_shape));
                left -= taken.last().unwrap();
            }
            taken
        };
        assert_eq!(taken(37, true), [37]);
        assert_eq!(taken(300, true), [128, 128, 44]);
        assert_eq!(taken(37, false), [32, 4, 1]);
        assert_eq!(taken(300, false), [128, 128, 32, 8, 4]);
        assert!(taken(0, false).is_empty() && rows_at_once(0, true) == 0);
    }

    #[test]
    fn texts_are_built_once_and_lists_padded() {
        let insert = MultiRow::<SeenTime>::with(&[("at", "1")], |_| String::new());
        assert_eq!(insert.text(Dialect::Sqlite, 2), "INSERT INTO seen_times (name, at) VALUES (?, 1), (?, 1)");
        let select = InList::with(|| "SELECT a FROM t".to_owned(), "a", " ORDER BY a", Dialect::for_update);
        assert_eq!(select.text(Dialect::MySql, 3), "SELECT a FROM t WHERE a IN (?, ?, ?, ?) ORDER BY a FOR UPDATE");
        assert_eq!(select.text(Dialect::Sqlite, 1), "SELECT a FROM t WHERE a IN (?) ORDER BY a");
        let any = AnyOf::new(|| "SELECT a FROM t WHERE".to_owned(), "(a = ? AND b = ?)", 2, Dialect::for_update);
        assert_eq!(any.text(Dialect::Sqlite, 1), "SELECT a FROM t WHERE (a = ? AND b = ?)");
        assert_eq!(any.text(Dialect::MySql, 3).matches(" OR ").count(), 3);
        assert!(any.text(Dialect::MySql, 3).ends_with(" FOR UPDATE"));
    }
}
