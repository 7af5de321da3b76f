//! The few places where the dialects differ, and the shapes of multi-row statements.
//!
//! Statements are built from fixed texts and bind parameters only. A shape is a text; the number of shapes is bounded,
//! since every new one is prepared once per connection and an evicted one stalls the next command.

/// Rows a multi-row statement carries at most; larger sets are sent in several. Two lines of each of a full batch's orders.
pub const MAX_ROWS: usize = 128;

/// What waits is counted up to here: a number above [`MAX_COUNTED`] - 1 reads "that many, or more". Counting then costs
/// the same whatever has gathered.
pub const MAX_COUNTED: i64 = 10_001;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    MySql,
}

impl Dialect {
    /// Suffix of a SELECT that takes exclusive row locks. A write transaction on SQLite holds the only lock already.
    pub fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::MySql => " FOR UPDATE",
        }
    }

    /// Suffix of a SELECT that locks the rows nobody holds and leaves the others out, so that nobody waits; MySQL 8,
    /// MariaDB 10.6.
    pub fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::MySql => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// Suffix of a SELECT that takes shared row locks.
    pub fn share_lock(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::MySql => " LOCK IN SHARE MODE",
        }
    }

    /// Suffix of an INSERT that leaves a row alone whose `key` exists already. Unlike INSERT IGNORE it hides no other error.
    pub fn keep_existing(self, key: &str) -> String {
        match self {
            Self::Sqlite => format!(" ON CONFLICT ({key}) DO NOTHING"),
            Self::MySql => {
                let column = key.split(',').next().unwrap_or(key).trim();
                format!(" ON DUPLICATE KEY UPDATE {column} = {column}")
            }
        }
    }

    /// Suffix of an INSERT that overwrites `columns` of a row whose `key` exists already.
    pub fn overwrite_existing(self, key: &str, columns: &[&str]) -> String {
        let assignments: Vec<String> = columns
            .iter()
            .map(|column| match self {
                Self::Sqlite => format!("{column} = excluded.{column}"),
                Self::MySql => format!("{column} = VALUES({column})"),
            })
            .collect();
        match self {
            Self::Sqlite => format!(" ON CONFLICT ({key}) DO UPDATE SET {}", assignments.join(", ")),
            Self::MySql => format!(" ON DUPLICATE KEY UPDATE {}", assignments.join(", ")),
        }
    }
}

/// Size to which a list in `IN (…)` is padded, by repeating its last value: 1, 2, 4, … so that few shapes exist.
pub fn padded_len(len: usize) -> usize {
    len.max(1).next_power_of_two()
}

/// `?, ?, …` for a padded list of `len` values.
pub fn placeholders(len: usize) -> String {
    vec!["?"; padded_len(len)].join(", ")
}

/// Cuts a list into pieces of at most [`MAX_ROWS`] whose lengths are powers of two, the longest first: a multi-row
/// INSERT of any number of rows then has one of eight shapes.
pub fn power_chunks<T>(mut items: &[T]) -> Vec<&[T]> {
    let mut chunks = Vec::new();
    while !items.is_empty() {
        let most = items.len().min(MAX_ROWS);
        let power = if most.is_power_of_two() { most } else { most.next_power_of_two() / 2 };
        let (chunk, rest) = items.split_at(power);
        chunks.push(chunk);
        items = rest;
    }
    chunks
}

/// Values of a padded list.
pub fn padded<T: Clone>(values: &[T]) -> impl Iterator<Item = T> + '_ {
    let missing = padded_len(values.len()).saturating_sub(values.len());
    values.iter().cloned().chain(values.last().cloned().into_iter().cycle().take(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_padded_to_few_shapes() {
        assert_eq!(placeholders(3), "?, ?, ?, ?");
        assert_eq!(padded(&[1, 2, 3]).collect::<Vec<_>>(), [1, 2, 3, 3]);
        assert_eq!(padded(&[7]).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn a_list_is_cut_into_powers_of_two() {
        let lengths = |len: usize| power_chunks(&vec![0; len]).iter().map(|chunk| chunk.len()).collect::<Vec<_>>();
        assert_eq!(lengths(0), [0; 0]);
        assert_eq!(lengths(37), [32, 4, 1]);
        assert_eq!(lengths(260), [128, 128, 4]);
    }

    #[test]
    fn a_row_that_exists_is_left_alone() {
        assert_eq!(Dialect::Sqlite.keep_existing("a, b"), " ON CONFLICT (a, b) DO NOTHING");
        assert_eq!(Dialect::MySql.keep_existing("a, b"), " ON DUPLICATE KEY UPDATE a = a");
    }
}
