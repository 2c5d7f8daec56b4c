//! SQLite, both ways: a file that is read in one transaction, so as one snapshot, and written in one transaction per
//! epoch together with its checkpoint.

mod affinity;
mod decode;
mod destination;
mod encode;
mod failure;
mod incremental;
mod merge;
mod read;
mod source;
mod state;
mod tables;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Connector, ConnectorError, ConnectorKind, Destination, ErrorKind, Source};
use crate::tasks;

/// How `ColumnType::family` names this connector.
pub(crate) const FAMILY: &str = "sqlite";

/// How long a statement waits for another program's lock.
const PATIENCE: Duration = Duration::from_secs(30);

/// The `sqlite` connector.
#[derive(Debug)]
pub struct Sqlite;

/// Settings of a `sqlite` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database file.
    pub path: PathBuf,
    /// What an integer in a column declared as a date or a time stands for.
    #[serde(default)]
    pub integer_time: IntegerTime,
}

/// What an integer in a column declared as a date or a time stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegerTime {
    /// Unix time in seconds, as SQLite's own functions read it.
    #[default]
    Seconds,
    /// Unix time in milliseconds.
    Milliseconds,
}

#[async_trait]
impl Connector for Sqlite {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: "sqlite".to_owned(),
            name: "SQLite".to_owned(),
            kind: ConnectorKind::Database,
            description: "One SQLite database file, read and written in place.".to_owned(),
            nicknames: ["sqlite3", "sqlite file", "db file"].map(str::to_owned).to_vec(),
            source: true,
            destination: true,
            secret_fields: Vec::new(),
        }
    }

    fn source(&self, config: Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        Ok(Some(Arc::new(source::SqliteSource::new(config))))
    }

    fn destination(&self, config: Config) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        Ok(Some(Arc::new(destination::SqliteDestination::new(config))))
    }
}

/// Opens the file for reading; a read-ahead log that another program still writes is honoured.
fn open_to_read(path: &Path) -> Result<Connection, ConnectorError> {
    if !path.exists() {
        return Err(ConnectorError::new(ErrorKind::NotFound, format!("There is no file `{}`.", path.display())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failure::opening(path, error))?;
    prepare(&connection).map_err(|error| failure::opening(path, error))?;
    Ok(connection)
}

/// Opens the file for writing and makes it if it is missing. A new file gets a write-ahead log, so that reading and
/// writing do not wait for each other; an old one keeps its journal.
fn open_to_write(path: &Path) -> Result<Connection, ConnectorError> {
    if let Some(folder) = path.parent()
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        return Err(ConnectorError::new(ErrorKind::NotFound, format!("There is no folder `{}`.", folder.display())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        prepare(&connection)?;
        // A load need not keep the target's foreign keys row by row, as SQLite itself does not by default; and swapping
        // a table in must not look into views and references that name it.
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.pragma_update(None, "legacy_alter_table", true)?;
        if connection.query_row("select count(*) from sqlite_schema", [], |row| row.get::<_, i64>(0))? == 0 {
            connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        }
        Ok(connection)
    };
    open().map_err(|error| failure::opening(path, error))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    // Reads the header: a file that is no database is told here.
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

/// Runs work on the blocking pool.
async fn blocking<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    tasks::spawn_blocking(name, work).await.map_err(|error| {
        ConnectorError::new(ErrorKind::Bug, "Work on a SQLite file ended unexpectedly.").because(error)
    })?
}
