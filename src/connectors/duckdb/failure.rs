//! DuckDB's errors as kinds. It gives no codes, only texts that begin with a class; they are read here and shown nowhere.

use std::path::Path;

use duckdb::Error;

use crate::connectors::{ConnectorError, ErrorKind};

/// An error while opening the file.
pub(super) fn opening(path: &Path, error: Error) -> ConnectorError {
    let shown = path.display();
    let text = error.to_string();
    let has = |part: &str| text.contains(part);
    let failure = if has("Could not set lock") || has("Conflicting lock") {
        let holder = text.split_once("PID ").and_then(|(_, rest)| {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (!number.is_empty()).then_some(number)
        });
        let by = holder.map(|process| format!(" (process {process})")).unwrap_or_default();
        ConnectorError::new(ErrorKind::Unreachable, format!("`{shown}` is open in another program{by}."))
            .advise("DuckDB lets one program at a time write to a file. Close the other program, then retry.")
    } else if has("not a valid DuckDB database file") {
        ConnectorError::new(ErrorKind::BadData, format!("`{shown}` is not a DuckDB database."))
            .advise("Check the path.")
    } else if has("with version number") || has("newer version") || has("older version") {
        ConnectorError::new(ErrorKind::BadData, format!("`{shown}` was written by another version of DuckDB."))
            .advise("Export it with the version that wrote it (`EXPORT DATABASE`), and import it with this one.")
    } else if has("Permission denied") || has("read-only") || has("Read-only") {
        ConnectorError::new(ErrorKind::Permission, format!("`{shown}` may not be opened."))
    } else if has("No such file") {
        ConnectorError::new(ErrorKind::NotFound, format!("There is no file or folder for `{shown}`."))
    } else {
        return told(&format!("`{shown}`"), error);
    };
    failure.because(error)
}

/// An error of work on this table.
pub(super) fn of(table: &str) -> impl Fn(Error) -> ConnectorError + Copy + '_ {
    move |error| told(&format!("`{table}`"), error)
}

/// What DuckDB says of a file that is not as it was written.
const DAMAGE: [&str; 6] = [
    "Checksum",
    "Corrupt",
    "corrupt",
    "Serialization Error",
    "Could not read enough bytes",
    "Could not read all bytes",
];

fn told(what: &str, error: Error) -> ConnectorError {
    let text = error.to_string();
    let has = |part: &str| text.contains(part);
    let (kind, sentence) =
        if ["No space left", "disk is full", "File too large", "Disk quota exceeded"].into_iter().any(has) {
            (ErrorKind::Exhausted, "the disk of the DuckDB file is full")
        } else if has("Out of Memory") {
            (ErrorKind::Exhausted, "DuckDB ran out of the memory that `memory_limit` allows")
        } else if has("read-only mode") || has("Permission denied") {
            (ErrorKind::Permission, "the DuckDB file may not be written")
        } else if has("Catalog Error") && has("does not exist") {
            (ErrorKind::NotFound, "it is not there, or not any more")
        } else if has("Constraint Error") {
            (ErrorKind::BadData, "a constraint of the table refuses the rows")
        } else if has("depend") && has("Cannot") {
            (ErrorKind::BadData, "other objects depend on the table")
        } else if has("Transaction conflict") || has("write-write conflict") || has("Conflict on") {
            (ErrorKind::Throttled, "another transaction changed the same rows")
        } else if has("Conversion Error") || has("Out of Range") {
            (ErrorKind::BadData, "a value does not fit its column's type")
        } else if DAMAGE.into_iter().any(has) {
            let message = format!("{what}: the DuckDB file is damaged or cut short.");
            return ConnectorError::new(ErrorKind::BadData, message)
                .because(error)
                .advise("Restore the file from a backup, or from where it was copied.");
        } else if has("IO Error") {
            (ErrorKind::Unreachable, "the disk of the DuckDB file failed")
        } else if has("INTERRUPT") || has("Interrupted") {
            (ErrorKind::Unreachable, "the work was interrupted")
        } else if has("FATAL") || has("INTERNAL") {
            (ErrorKind::Unreachable, "DuckDB gave up on the file; it has to be opened anew")
        } else {
            (ErrorKind::BadData, "DuckDB refused the statement")
        };
    ConnectorError::new(kind, format!("{what}: {sentence}.")).because(error)
}
