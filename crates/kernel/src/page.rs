//! Cursor lists: `?limit=20&cursor=…`, newest first (docs/api.md, Conventions).

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
        // Reading a number takes a sign as well, and capitals: another text than the one that was written.
        let written = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if digits.len() != 16 || !digits.bytes().all(written) {
            return Err(CursorError);
        }
        u64::from_str_radix(digits, 16).map(u64::cast_signed).map_err(|_| CursorError)
    }
}

/// As [`PageRequest::parse_cursor`] reads it.
fn cursor(key: i64) -> String {
    format!("c{:016x}", key.cast_unsigned())
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
        Self::ending_at_last(rows, has_more, key)
    }

    /// A page whose rows were counted already; what follows comes after its last row.
    pub fn ending_at_last(rows: Vec<T>, has_more: bool, key: impl Fn(&T) -> i64) -> Self {
        let next_cursor = if has_more { rows.last().map(|row| cursor(key(row))) } else { None };
        Self { data: rows, next_cursor, has_more }
    }

    /// A page that says by itself where the next one begins: with filters that no index answers alone, a page may end before
    /// it is full. `next`: the sort key of the last entry that was looked at, where older ones are left.
    pub fn going_on_after(data: Vec<T>, next: Option<i64>) -> Self {
        Self { data, next_cursor: next.map(cursor), has_more: next.is_some() }
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
    fn a_page_may_go_on_before_it_is_full() {
        let page = Page::<i64>::going_on_after(Vec::new(), Some(7));
        assert!(page.has_more);
        assert_eq!(PageRequest::parse_cursor(&page.next_cursor.unwrap()), Ok(7));
        assert!(!Page::going_on_after(vec![1_i64], None).has_more);
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in
            ["", "c", "c12", "x0000000000000001", "c00000000000000zz", "c+000000000000001", "c00000000000000AB", "c00000000000000é"]
        {
            assert_eq!(PageRequest::parse_cursor(text), Err(CursorError), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_read_as_a_cursor_was_written_so(text in ".{0,20}|c[0-9a-fA-F+-]{16}", key: i64) {
            if let Ok(key) = PageRequest::parse_cursor(&text) {
                let page = Page::from_overfull(vec![key, 0], 1, |row| *row);
                proptest::prop_assert_eq!(page.next_cursor, Some(text));
            }
            let page = Page::from_overfull(vec![key, 0], 1, |row| *row);
            proptest::prop_assert_eq!(PageRequest::parse_cursor(&page.next_cursor.unwrap()), Ok(key));
        }
    }
}
