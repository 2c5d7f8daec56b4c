//! DuckDB files, held to the contract and to what people put into them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use duckdb::Connection;
use serde_json::json;
use tempfile::TempDir;
use towpath::connectors::contract::{self, DestinationHarness, Row, Seed, SourceHarness};
use towpath::connectors::duckdb::DuckDb;
use towpath::connectors::{ConnectorError, Destination, DynConnector as _, LogicalType, Source, TargetName};

mod leaving;
mod locking;
mod round_trip;
mod typing;

fn open_source(path: &Path) -> Result<Arc<dyn Source>, ConnectorError> {
    DuckDb.source(json!({"path": path, "memory_limit": "256MB"}))
}

fn open_destination(path: &Path) -> Result<Arc<dyn Destination>, ConnectorError> {
    DuckDb.destination(json!({"path": path, "memory_limit": "256MB"}))
}

struct Harness {
    folder: TempDir,
}

impl Harness {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.duckdb")
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn path_of(target: &TargetName) -> String {
    format!("{}.{}", quoted(target.namespace.as_deref().unwrap_or("main")), quoted(&target.name))
}

/// DuckDB's own interface, on a connection of its own: it sees what is committed and nothing else.
mod native {
    use super::*;

    pub(super) fn ask(path: &Path, sql: &str) -> anyhow::Result<Vec<Vec<Option<String>>>> {
        with(path, |connection| {
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let width = row.as_ref().column_count();
                all.push((0..width).map(|index| row.get(index)).collect::<Result<_, _>>()?);
            }
            Ok(all)
        })
    }

    pub(super) fn run(path: &Path, sql: &str) -> anyhow::Result<()> {
        with(path, |connection| Ok(connection.execute_batch(sql)?))
    }

    pub(super) fn with<T>(path: &Path, work: impl FnOnce(&Connection) -> anyhow::Result<T>) -> anyhow::Result<T> {
        towpath::connectors::duckdb::with_native(path, work)?
    }
}

#[async_trait]
impl SourceHarness for Harness {
    fn source(&self) -> Result<Arc<dyn Source>, ConnectorError> {
        open_source(&self.path())
    }

    async fn seed(&self, seed: &Seed) -> anyhow::Result<String> {
        let columns: Vec<String> = seed
            .columns
            .iter()
            .map(|column| {
                let spelled = match &column.logical {
                    LogicalType::Int64 => "BIGINT",
                    LogicalType::Text => "VARCHAR COLLATE NOCASE",
                    LogicalType::Decimal { .. } => "DECIMAL(12,2)",
                    LogicalType::Float64 => "DOUBLE",
                    LogicalType::Boolean => "BOOLEAN",
                    LogicalType::Date => "DATE",
                    _ => "TIMESTAMP",
                };
                format!("{} {spelled}{}", quoted(column.name), if column.key { " primary key" } else { "" })
            })
            .collect();
        native::run(&self.path(), &format!("create table {} ({})", seed.name, columns.join(", ")))?;
        self.append(&seed.name, seed, &seed.rows).await?;
        Ok(seed.name.clone())
    }

    async fn append(&self, stream: &str, seed: &Seed, rows: &[Row]) -> anyhow::Result<()> {
        native::with(&self.path(), |connection| {
            let mut appender = connection.appender(stream)?;
            appender.append_record_batch(seed.batch(rows)?)?;
            Ok(appender.flush()?)
        })
    }

    async fn at_rest(&self) -> anyhow::Result<bool> {
        Ok(!towpath::connectors::duckdb::is_used(&self.path()))
    }
}

#[async_trait]
impl DestinationHarness for Harness {
    fn destination(&self) -> Result<Arc<dyn Destination>, ConnectorError> {
        open_destination(&self.path())
    }

    async fn native(&self, target: &TargetName, columns: &[&str]) -> anyhow::Result<Option<Vec<Vec<Option<String>>>>> {
        let there = native::ask(
            &self.path(),
            &format!(
                "select table_name from duckdb_tables() where schema_name = '{}' and table_name = '{}'",
                target.namespace.as_deref().unwrap_or("main"),
                target.name.replace('\'', "''")
            ),
        )?;
        if there.is_empty() {
            return Ok(None);
        }
        let list: Vec<String> = columns.iter().map(|column| format!("cast({} as varchar)", quoted(column))).collect();
        native::ask(&self.path(), &format!("select {} from {}", list.join(", "), path_of(target))).map(Some)
    }

    async fn vanish(&self, target: &TargetName) -> anyhow::Result<()> {
        native::run(&self.path(), &format!("drop table {}", path_of(target)))
    }

    fn takes_changes(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn source_contract() {
    contract::source(&Harness::new()).await.unwrap();
}

#[tokio::test]
async fn destination_contract() {
    contract::destination(&Harness::new()).await.unwrap();
}
