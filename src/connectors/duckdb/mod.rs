//! DuckDB, both ways: a database file, read as Arrow chunk by chunk, written through its appender, one transaction per
//! epoch with its checkpoint.

mod carry;
mod catalog;
mod destination;
mod failure;
mod instance;
mod merge;
mod read;
mod render;
mod source;
mod spelling;
mod state;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{About, Connector, ConnectorError, ConnectorKind, Destination, ErrorKind, Source};
use crate::tasks;

/// How `ColumnType::family` names this connector.
pub(crate) const FAMILY: &str = "duckdb";

/// The namespace used when none is named.
const DEFAULT_SCHEMA: &str = "main";

/// The `duckdb` connector.
#[derive(Debug)]
pub struct DuckDb;

/// Settings of a `duckdb` connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The database file. A destination makes it if it is missing.
    pub path: PathBuf,
    /// How much memory DuckDB may use before it spills to disk, such as `512MB`. As much as the work needs when absent.
    #[serde(default)]
    pub memory_limit: Option<String>,
    /// How many threads DuckDB may use; as many as the machine has when absent.
    #[serde(default)]
    pub threads: Option<u16>,
}

#[async_trait]
impl Connector for DuckDb {
    type Config = Config;

    fn about(&self) -> About {
        About {
            id: "duckdb".to_owned(),
            name: "DuckDB".to_owned(),
            kind: ConnectorKind::Warehouse,
            description: "One DuckDB database file, read and written in place.".to_owned(),
            nicknames: ["duck", "duck db", "local warehouse"].map(str::to_owned).to_vec(),
            source: true,
            destination: true,
            secret_fields: Vec::new(),
        }
    }

    fn source(&self, config: Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        Ok(Some(Arc::new(source::DuckDbSource::new(config))))
    }

    fn destination(&self, config: Config) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        Ok(Some(Arc::new(destination::DuckDbDestination::new(config))))
    }
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it. A NUL would end the statement early.
fn literal(text: &str) -> String {
    let parts: Vec<String> = text.split('\0').map(|part| format!("'{}'", part.replace('\'', "''"))).collect();
    match parts.as_slice() {
        [only] => only.clone(),
        _ => format!("({})", parts.join(" || chr(0) || ")),
    }
}

/// Runs work on the blocking pool.
async fn blocking<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    tasks::spawn_blocking(name, work).await.map_err(|error| {
        ConnectorError::new(ErrorKind::Bug, "Work on a DuckDB file ended unexpectedly.").because(error)
    })?
}

/// Runs work on the shared instance of a file, made if it is missing: DuckDB must not open a file twice in one process, so
/// whoever wants DuckDB's own interface beside the connector comes in here.
pub fn with_native<T>(path: &Path, work: impl FnOnce(&::duckdb::Connection) -> T) -> Result<T, ConnectorError> {
    let config = Config { path: path.to_owned(), memory_limit: None, threads: None };
    let lease = instance::Lease::take(&config, true)?;
    let connection = lease.connect()?;
    Ok(work(&connection))
}

/// Whether this process has the file open, used or about to be closed.
pub fn is_open(path: &Path) -> bool {
    instance::is_open(path)
}

/// Whether somebody in this process uses the file: a read under way, an open writer.
pub fn is_used(path: &Path) -> bool {
    instance::is_used(path)
}
