//! Cursor lists: `?limit=20&cursor=…`, newest first (api.md, Conventions).

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor was not made by this list")]
pub struct CursorError;

/// What the caller asks for: at most `limit` entries (1–100) whose sort key lies beyond `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    pub limit: u32,
    /// Sort key of the last entry seen; `None` starts at the newest.
    pub after: Option<i64>,
}

impl PageRequest {
    pub const DEFAULT_LIMIT: u32 = 20;
    pub const MAX_LIMIT: u32 = 100;

    pub fn first(limit: u32) -> Self {
        Self { limit: limit.clamp(1, Self::MAX_LIMIT), after: None }
    }

    /// Reads a cursor that [`Page::from_overfull`] wrote.
    pub fn parse_cursor(text: &str) -> Result<i64, CursorError> {
        let digits = text.strip_prefix('c').ok_or(CursorError)?;
        if digits.len() != 16 {
            return Err(CursorError);
        }
        u64::from_str_radix(digits, 16).map(u64::cast_signed).map_err(|_| CursorError)
    }
}

/// One page, as it stands in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    pub data: Vec<T>,
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

impl<T> Page<T> {
    /// From up to `limit + 1` rows: the surplus row only says that there is more. `key` gives a row's sort key.
    pub fn from_overfull(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if has_more { rows.last().map(|row| format!("c{:016x}", key(row).cast_unsigned())) } else { None };
        Self { data: rows, next_cursor, has_more }
    }

    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(change).collect(), next_cursor: self.next_cursor, has_more: self.has_more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surplus_row_becomes_a_cursor_that_reads_back() {
        let page = Page::from_overfull(vec![9_i64, 8, 7], 2, |row| *row);
        assert_eq!(page.data, [9, 8]);
        assert!(page.has_more);
        assert_eq!(PageRequest::parse_cursor(&page.next_cursor.unwrap()), Ok(8));
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in ["", "c", "c12", "x0000000000000001", "c00000000000000zz"] {
            assert_eq!(PageRequest::parse_cursor(text), Err(CursorError), "{text}");
        }
    }
}
