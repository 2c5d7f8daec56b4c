//! SQLite files, held to the contract and to what people put into them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, params_from_iter};
use serde_json::json;
use tempfile::TempDir;
use towpath::connectors::contract::{self, DestinationHarness, Row, Seed, SourceHarness, Value};
use towpath::connectors::sqlite::Sqlite;
use towpath::connectors::{ConnectorError, Destination, DynConnector as _, LogicalType, Source, TargetName};

mod damage;
mod round_trip;
mod typing;

fn open_source(path: &Path) -> Result<Arc<dyn Source>, ConnectorError> {
    Sqlite.source(json!({"path": path}))
}

fn open_destination(path: &Path) -> Result<Arc<dyn Destination>, ConnectorError> {
    Sqlite.destination(json!({"path": path}))
}

/// How the harness stores what it seeds.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// As most programs do: one form of timestamp, row numbers.
    Usual,
    /// Timestamps in every form that SQLite's own functions read, in a table without row numbers.
    Motley,
}

struct Harness {
    folder: TempDir,
    manner: Manner,
    appended: AtomicU64,
}

impl Harness {
    fn new(manner: Manner) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), manner, appended: AtomicU64::new(0) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    fn native(&self) -> anyhow::Result<Connection> {
        Ok(Connection::open(self.path())?)
    }

    fn stored(&self, value: &Value) -> Stored {
        match value {
            Value::Null => Stored::Null,
            Value::Boolean(value) => Stored::Integer((*value).into()),
            Value::Integer(value) => Stored::Integer(*value),
            Value::Float(value) => Stored::Real(*value),
            Value::Timestamp(micros) if self.manner == Manner::Motley => {
                let text = value.to_text().unwrap();
                match self.appended.fetch_add(1, Ordering::Relaxed) % 4 {
                    0 if micros % 1_000_000 == 0 => Stored::Integer(micros / 1_000_000),
                    0 | 1 => Stored::Text(text.replace(' ', "T") + "Z"),
                    2 => Stored::Text(text.trim_end_matches('0').trim_end_matches('.').to_owned()),
                    _ => Stored::Text(text + "+00:00"),
                }
            }
            other => other.to_text().map_or(Stored::Null, Stored::Text),
        }
    }

    fn insert(&self, connection: &mut Connection, stream: &str, rows: &[Row]) -> anyhow::Result<()> {
        let transaction = connection.transaction()?;
        for row in rows {
            let places = vec!["?"; row.len()].join(", ");
            let values = row.iter().map(|value| self.stored(value));
            transaction.execute(&format!("insert into \"{stream}\" values ({places})"), params_from_iter(values))?;
        }
        Ok(transaction.commit()?)
    }
}

#[async_trait]
impl SourceHarness for Harness {
    fn source(&self) -> Result<Arc<dyn Source>, ConnectorError> {
        open_source(&self.path())
    }

    async fn seed(&self, seed: &Seed) -> anyhow::Result<String> {
        let mut connection = self.native()?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        let columns: Vec<String> = seed
            .columns
            .iter()
            .map(|column| {
                let declared = match &column.logical {
                    LogicalType::Int64 => "INTEGER",
                    LogicalType::Text => "TEXT",
                    LogicalType::Decimal { .. } => "DECIMAL(12,2)",
                    LogicalType::Float64 => "REAL",
                    LogicalType::Boolean => "BOOLEAN",
                    LogicalType::Date => "DATE",
                    _ => "TIMESTAMP",
                };
                format!("{} {declared}{}", column.name, if column.key { " primary key" } else { "" })
            })
            .collect();
        let tail = if self.manner == Manner::Motley { " without rowid" } else { "" };
        connection.execute_batch(&format!("create table {} ({}){tail}", seed.name, columns.join(", ")))?;
        self.insert(&mut connection, &seed.name, &seed.rows)?;
        Ok(seed.name.clone())
    }

    async fn append(&self, stream: &str, _seed: &Seed, rows: &[Row]) -> anyhow::Result<()> {
        self.insert(&mut self.native()?, stream, rows)
    }

    async fn at_rest(&self) -> anyhow::Result<bool> {
        let connection = self.native()?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // Truncating the log needs that nobody reads from it.
        let busy: i64 = connection.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
        Ok(busy == 0)
    }
}

#[async_trait]
impl DestinationHarness for Harness {
    fn destination(&self) -> Result<Arc<dyn Destination>, ConnectorError> {
        open_destination(&self.path())
    }

    async fn native(&self, target: &TargetName, columns: &[&str]) -> anyhow::Result<Option<Vec<Vec<Option<String>>>>> {
        let connection = self.native()?;
        let there: bool = connection.query_row(
            "select exists (select 1 from sqlite_schema where name = ?1)",
            [&target.name],
            |row| row.get(0),
        )?;
        if !there {
            return Ok(None);
        }
        let list = columns.iter().map(|column| format!("cast(\"{column}\" as text)")).collect::<Vec<_>>().join(", ");
        let mut statement =
            connection.prepare(&format!("select {list} from \"{}\"", target.name.replace('"', "\"\"")))?;
        let rows = statement.query_map([], |row| (0..columns.len()).map(|index| row.get(index)).collect())?;
        Ok(Some(rows.collect::<Result<_, _>>()?))
    }

    async fn vanish(&self, target: &TargetName) -> anyhow::Result<()> {
        Ok(self.native()?.execute_batch(&format!("drop table \"{}\"", target.name))?)
    }

    fn takes_changes(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn source_contract() {
    contract::source(&Harness::new(Manner::Usual)).await.unwrap();
}

#[tokio::test]
async fn source_contract_with_motley_timestamps() {
    contract::source(&Harness::new(Manner::Motley)).await.unwrap();
}

#[tokio::test]
async fn destination_contract() {
    contract::destination(&Harness::new(Manner::Usual)).await.unwrap();
}
