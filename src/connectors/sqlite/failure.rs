//! SQLite's error codes as kinds, with sentences of our own.

use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::connectors::{ConnectorError, ErrorKind};

/// An error while opening the file.
pub(super) fn opening(path: &Path, error: Error) -> ConnectorError {
    told(&format!("`{}`", path.display()), error)
}

/// An error of work on this table.
pub(super) fn of(table: &str) -> impl Fn(Error) -> ConnectorError + Copy + '_ {
    move |error| told(&format!("`{table}`"), error)
}

fn told(what: &str, error: Error) -> ConnectorError {
    let (kind, message, advice) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::BadData,
            format!("{what}: the file is not a SQLite database."),
            Some("Check the path; an encrypted database cannot be read."),
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::BadData,
            format!("{what}: the SQLite file is damaged or cut short."),
            Some("Restore it from a backup, or recover it with `sqlite3 FILE .recover`."),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Throttled,
            format!("{what}: another program holds the lock of the SQLite file."),
            Some("End the other program's transaction, then retry."),
        ),
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Exhausted, format!("{what}: the disk of the SQLite file is full."), None)
        }
        // SQLite says that the disk is full when the system does; a quota or a limit to the size of files fails a write, and
        // a full disk the growth of its shared memory.
        Some(ErrorCode::SystemIoFailure) if is_refused_growth(&error) => (
            ErrorKind::Exhausted,
            format!("{what}: the disk of the SQLite file is full, or a quota keeps the file from growing."),
            None,
        ),
        Some(ErrorCode::OutOfMemory) => (ErrorKind::Exhausted, format!("{what}: SQLite ran out of memory."), None),
        Some(ErrorCode::TooBig) => {
            (ErrorKind::BadData, format!("{what}: a value is larger than SQLite holds (1,000,000,000 bytes)."), None)
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            (ErrorKind::Permission, format!("{what}: the SQLite file may not be written."), None)
        }
        Some(ErrorCode::CannotOpen) => (
            ErrorKind::Permission,
            format!("{what}: the SQLite file cannot be opened."),
            Some("Check that the file and its folder may be read and written by this program."),
        ),
        Some(ErrorCode::SystemIoFailure | ErrorCode::FileLockingProtocolFailed) => {
            (ErrorKind::Unreachable, format!("{what}: the disk of the SQLite file failed."), None)
        }
        Some(ErrorCode::ConstraintViolation) => (
            ErrorKind::BadData,
            format!("{what}: a constraint of the target table refuses the rows."),
            Some("Drop the constraint at the target, or choose another target table."),
        ),
        Some(ErrorCode::OperationInterrupted) => {
            (ErrorKind::Unreachable, format!("{what}: the work was interrupted."), None)
        }
        _ => (ErrorKind::BadData, format!("{what}: SQLite refused the statement."), None),
    };
    let failure = ConnectorError::new(kind, message).because(error);
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}

fn is_refused_growth(error: &Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_TRUNCATE, ffi::SQLITE_IOERR_SHMSIZE].contains(&error.extended_code)
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_full_disk_is_exhausted() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("pragma max_page_count = 3; create table t (x)").unwrap();
        let full = connection.execute("insert into t values (zeroblob(100000))", []).unwrap_err();
        let told = of("t")(full);
        assert_eq!(
            (told.kind, told.message.as_str()),
            (ErrorKind::Exhausted, "`t`: the disk of the SQLite file is full.")
        );
    }

    #[test]
    fn a_read_only_database_is_a_permission() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("create table t (x); pragma query_only = on").unwrap();
        let refused = connection.execute("insert into t values (1)", []).unwrap_err();
        assert_eq!(of("t")(refused).kind, ErrorKind::Permission);
    }
}
