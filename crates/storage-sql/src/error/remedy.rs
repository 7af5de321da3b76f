//! What is to be done about an error of the engine: one table for MySQL/MariaDB, one for SQLite.
//!
//! Everything that decides whether to try again, to keep a connection, or what callers are told, asks here.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The engine rolled the transaction back because of another one. The same work may succeed at once; a COMMIT that was
    /// answered so did not take effect.
    Conflict,
    /// A limit, a kill or a change of the schema ended the statement. The same work may succeed on the same connection.
    TryAgain,
    /// As [`Remedy::TryAgain`], but on another connection: this one is not used again.
    TryElsewhere,
    /// The connection is lost, or tied to a state of the server that has passed: it is not used again. What its transaction
    /// did may be gone without a word.
    Discard,
    /// The server or the file can do this work later; the connection is sound.
    Wait,
    /// A defect of the program or of the stored data.
    Ours,
}

impl Remedy {
    /// The whole transaction may be tried again at once, a bounded number of times.
    pub fn tries_again(self) -> bool {
        matches!(self, Self::Conflict | Self::TryAgain | Self::TryElsewhere)
    }

    /// The connection is closed and not used again.
    pub fn discards(self) -> bool {
        matches!(self, Self::TryElsewhere | Self::Discard)
    }

    /// Callers are told that the database is not available now.
    pub fn is_unavailable(self) -> bool {
        self != Self::Ours
    }

    /// A COMMIT that was answered so may still have taken effect.
    pub fn leaves_commit_open(self) -> bool {
        !matches!(self, Self::Conflict | Self::Ours)
    }

    #[expect(clippy::match_same_arms, reason = "one line for each cause")]
    pub fn of(error: &DbErr) -> Self {
        match answer(error) {
            Some(Answer::MySql(number, message)) => return of_mysql(number, message),
            Some(Answer::Sqlite(code)) => return of_sqlite(code),
            None => {}
        }
        match sqlx_error(error) {
            Some(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => Self::Wait,
            Some(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed
                | sqlx::Error::InvalidSavePointStatement,
            ) => Self::Discard,
            Some(_) => if_connecting(error, Self::Ours),
            None if matches!(error, DbErr::ConnectionAcquire(_)) => Self::Wait,
            None => if_connecting(error, Self::Ours),
        }
    }
}

/// What an operator needs to know of an error, without names, addresses or values: fit to be shown to anybody.
pub(crate) fn in_words(error: &DbErr) -> &'static str {
    match answer(error) {
        Some(Answer::MySql(number, _)) => mysql_in_words(number),
        Some(Answer::Sqlite(code)) => sqlite_in_words(code),
        None if matches!(error, DbErr::ConnectionAcquire(_)) => "gives no connection in time",
        None => "cannot be reached",
    }
}

fn mysql_in_words(number: u16) -> &'static str {
    match number {
        1036 | 1290 | 1836 | 1874 => "the server is read-only",
        1792 => "the server begins sessions read-only",
        1044 | 1142 | 1143 | 1227 | 1370 => "a right is missing that placing needs",
        1045 | 1129 | 1130 | 1698 => "the server refuses the login",
        1049 => "the database does not exist",
        1040 | 1203 | 1226 => "the server has too many connections",
        1461 => "the server holds too many prepared statements",
        1021 | 1026 | 1030 | 1037 | 1038 | 1041 | 1114 | 1206 | 1637 | 1878 => "the server has no room left",
        1205 => "somebody holds a lock",
        1028 | 1317 | 1969 | 3024 => "the server ends statements by a limit of time",
        1047 => "the server is not part of its cluster",
        1053 | 1927 | 2006 | 2013 | 4031 => "the server ended the connection",
        _ => "answers with an error",
    }
}

fn sqlite_in_words(code: i32) -> &'static str {
    match code & 0xff {
        5 | 6 | 15 => "another process holds the lock of the file",
        8 => "the file is read-only",
        10 => "the file cannot be read or written",
        11 | 26 => "the file is damaged",
        13 => "the disk is full",
        3 | 14 | 23 => "the file cannot be opened",
        _ => "answers with an error",
    }
}

/// What fails while a connection is opened says nothing about the work.
fn if_connecting(error: &DbErr, otherwise: Remedy) -> Remedy {
    if matches!(error, DbErr::Conn(_)) { Remedy::Wait } else { otherwise }
}

/// What the engine itself answered.
enum Answer<'a> {
    /// The server's number and its message.
    MySql(u16, &'a str),
    /// The extended result code.
    Sqlite(i32),
}

fn answer(error: &DbErr) -> Option<Answer<'_>> {
    let sqlx::Error::Database(database) = sqlx_error(error)? else { return None };
    if let Some(mysql) = database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(Answer::MySql(mysql.number(), mysql.message()));
    }
    database.code().and_then(|code| code.parse().ok()).map(Answer::Sqlite)
}

/// MySQL 1205.
pub(crate) fn is_lock_wait(error: &DbErr) -> bool {
    matches!(answer(error), Some(Answer::MySql(1205, _)))
}

/// `SQLITE_BUSY` with its extended forms.
pub(crate) fn is_locked_file(error: &DbErr) -> bool {
    matches!(answer(error), Some(Answer::Sqlite(code)) if code & 0xff == 5)
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else { return None };
    match runtime {
        RuntimeErr::SqlxError(inner) => Some(inner),
        RuntimeErr::Internal(_) => None,
    }
}

/// By the server's error number; `message` tells errors of the operating system apart.
#[expect(clippy::match_same_arms, reason = "one line for each cause")]
fn of_mysql(number: u16, message: &str) -> Remedy {
    match number {
        // Lock wait time-out, deadlock, changed read snapshot, rolled back by the group at its certification.
        1205 | 1213 | 1020 | 3101 => Remedy::Conflict,
        // Query interrupted or over its limit of time (also while sorting), definition or prepared statement changed meanwhile.
        1028 | 1317 | 1412 | 1615 | 1969 | 3024 => Remedy::TryAgain,
        // Too many prepared statements: those of a closed connection are freed. A prepared statement that is not known any
        // more, or a connection that the server left for idleness: another one works at once.
        1243 | 1461 | 4031 => Remedy::TryElsewhere,
        // A session that began read-only; the server may be writable by now.
        1792 => Remedy::TryElsewhere,
        // The server became read-only (a replica, an operator, InnoDB itself): this connection leads to the wrong server.
        1036 | 1290 | 1836 | 1874 => Remedy::Discard,
        // Killed: what became of a statement that was under way is not said.
        1927 => Remedy::Discard,
        // Shutdown, lost connection, broken packets, a node that is not part of its cluster.
        1047 | 1053 | 1152 | 1158..=1161 | 2006 | 2013 | 3100 => Remedy::Discard,
        // Rights or the whole database were taken away, or the password changed. A new session sees what is granted then.
        1044 | 1045 | 1049 | 1129 | 1130 | 1142 | 1143 | 1227 | 1370 | 1698 => Remedy::Discard,
        // Too many connections, of all or of this user.
        1040 | 1203 | 1226 => Remedy::Wait,
        // Full: disk, table, temporary files, undo slots, locks, memory.
        1021 | 1026 | 1037 | 1038 | 1041 | 1114 | 1206 | 1637 | 1878 => Remedy::Wait,
        // The storage engine's own number: 28 no space, 30 read-only file system, 122 quota, 5 input/output.
        1030 if ["error 28", "error 30", "error 122", "error 5 \""].iter().any(|cause| message.contains(cause)) => Remedy::Wait,
        // COMMIT or ROLLBACK failed inside the engine: what became of the transaction is not said.
        1180 | 1181 => Remedy::Discard,
        // Error writing a file of the server (EE_WRITE).
        3 => Remedy::Wait,
        _ => Remedy::Ours,
    }
}

/// By the extended result code; its lowest byte is the primary code.
fn of_sqlite(code: i32) -> Remedy {
    match code {
        // SQLITE_BUSY_SNAPSHOT, SQLITE_BUSY_RECOVERY: passes in a moment.
        517 | 261 => return Remedy::Conflict,
        _ => {}
    }
    match code & 0xff {
        // SQLITE_BUSY: a transaction begins with the lock and waits for it a bounded time, so trying again would only add
        // to the wait. SQLITE_LOCKED, SQLITE_PROTOCOL.
        5 | 6 | 15 => Remedy::Wait,
        // After these SQLite may have rolled the whole transaction back by itself: PERM, NOMEM, READONLY, INTERRUPT, IOERR,
        // CORRUPT, FULL, CANTOPEN, AUTH, NOTADB. Its driver still counts it as open.
        3 | 7..=11 | 13 | 14 | 23 | 26 => Remedy::Discard,
        _ => Remedy::Ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_mysql_has_its_remedy() {
        for (numbers, expected) in [
            (&[1205, 1213, 1020, 3101][..], Remedy::Conflict),
            (&[1317, 1969, 3024, 1412, 1615], Remedy::TryAgain),
            (&[1461, 1792, 4031], Remedy::TryElsewhere),
            (&[1290, 1836, 1927, 1047, 1053, 2006, 2013, 1044, 1045, 1142, 1180, 3100], Remedy::Discard),
            (&[1021, 1114, 1040, 1203, 1226], Remedy::Wait),
            (&[1062, 1064, 1054, 1146, 1264, 1366, 1406, 4025], Remedy::Ours),
        ] {
            for number in numbers {
                assert_eq!(of_mysql(*number, ""), expected, "{number}");
            }
        }
        assert_eq!(of_mysql(1030, "Got error 28 \"No space left on device\" from storage engine InnoDB"), Remedy::Wait);
        assert_eq!(of_mysql(1030, "Got error 168 from storage engine"), Remedy::Ours);
    }

    #[test]
    fn every_error_of_sqlite_has_its_remedy() {
        for (codes, expected) in [
            (&[517, 261][..], Remedy::Conflict),
            (&[5, 6, 773], Remedy::Wait),
            // FULL, IOERR (write, fsync, short read), READONLY (moved), CANTOPEN, CORRUPT, NOTADB, NOMEM, INTERRUPT.
            (&[13, 10, 778, 1034, 522, 8, 1032, 14, 11, 26, 7, 9], Remedy::Discard),
            // CONSTRAINT (unique, primary key, check), ERROR, MISUSE.
            (&[19, 2067, 1555, 275, 1, 21], Remedy::Ours),
        ] {
            for code in codes {
                assert_eq!(of_sqlite(*code), expected, "{code}");
            }
        }
    }

    #[test]
    fn only_a_defect_is_told_as_one() {
        for remedy in [Remedy::Conflict, Remedy::TryAgain, Remedy::TryElsewhere, Remedy::Discard, Remedy::Wait] {
            assert!(remedy.is_unavailable(), "{remedy:?}");
        }
        assert!(!Remedy::Ours.is_unavailable() && !Remedy::Ours.tries_again());
        assert!(!Remedy::Conflict.leaves_commit_open(), "the engine said that it was rolled back");
        assert!(Remedy::Discard.leaves_commit_open() && Remedy::TryAgain.leaves_commit_open());
    }
}
