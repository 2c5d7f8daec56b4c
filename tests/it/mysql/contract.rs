//! The connector held to the suite that every connector passes.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Row, Value};
use towpath::connectors::contract::{self, DestinationHarness, Row as SeedRow, Seed, SourceHarness};
use towpath::connectors::mysql::MySql;
use towpath::connectors::{ConnectorError, Destination, DynConnector, LogicalType, Source, TargetName};

use super::Database;

struct Harness {
    database: Database,
    /// Settings that the server refuses.
    refused: serde_json::Value,
}

impl Harness {
    async fn new() -> Self {
        let database = Database::create().await;
        let mut refused = super::signing_in::guarded(&database).await;
        refused["password"] = "wrong".into();
        Self { database, refused }
    }

    async fn insert(&self, stream: &str, rows: &[SeedRow]) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut sql = format!("insert into {stream} values ");
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().map(|value| match value.to_text().as_deref() {
                Some(text @ ("true" | "false")) => text.to_owned(),
                Some(text) => format!("'{}'", text.replace('\'', "''")),
                None => "null".to_owned(),
            });
            let comma = if index > 0 { "," } else { "" };
            write!(sql, "{comma} ({})", cells.collect::<Vec<_>>().join(", "))?;
        }
        Ok(self.database.client().await.query_drop(sql).await?)
    }
}

fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl Harness {
    fn table_of(&self, target: &TargetName) -> String {
        format!("{}.{}", quote(target.namespace.as_deref().unwrap_or(&self.database.name)), quote(&target.name))
    }
}

#[async_trait]
impl SourceHarness for Harness {
    fn source(&self) -> Result<Arc<dyn Source>, ConnectorError> {
        DynConnector::source(&MySql, self.database.config())
    }

    fn refused(&self) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        DynConnector::source(&MySql, self.refused.clone()).map(Some)
    }

    async fn seed(&self, seed: &Seed) -> anyhow::Result<String> {
        let wide = seed.name == "contract_wide";
        let columns = seed.columns.iter().map(|column| {
            let declared = match &column.logical {
                LogicalType::Int64 => "bigint",
                LogicalType::Text if wide => "text",
                // Under its own comparison, letters are alike that differ.
                LogicalType::Text => "varchar(200) collate utf8mb4_unicode_ci",
                LogicalType::Decimal { .. } => "decimal(12,2)",
                LogicalType::Float64 => "double",
                LogicalType::Boolean => "boolean",
                LogicalType::Date => "date",
                _ => "datetime(6)",
            };
            format!("`{}` {declared}{}", column.name, if column.key { " primary key" } else { "" })
        });
        let create = format!("create table {} ({})", seed.name, columns.collect::<Vec<_>>().join(", "));
        self.database.client().await.query_drop(create).await?;
        let stream = self.database.stream(&seed.name);
        self.insert(&stream, &seed.rows).await?;
        Ok(stream)
    }

    async fn append(&self, stream: &str, _: &Seed, rows: &[SeedRow]) -> anyhow::Result<()> {
        self.insert(stream, rows).await
    }

    async fn at_rest(&self) -> anyhow::Result<bool> {
        let busy = format!(
            "select count(*) from information_schema.processlist where db = '{}' and id <> connection_id()",
            self.database.name
        );
        Ok(self.database.text(&busy).await == "0")
    }
}

#[async_trait]
impl DestinationHarness for Harness {
    fn destination(&self) -> Result<Arc<dyn Destination>, ConnectorError> {
        DynConnector::destination(&MySql, self.database.config())
    }

    fn refused(&self) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        DynConnector::destination(&MySql, self.refused.clone()).map(Some)
    }

    async fn native(&self, target: &TargetName, columns: &[&str]) -> anyhow::Result<Option<Vec<Vec<Option<String>>>>> {
        let list = columns.iter().map(|column| format!("cast({} as char)", quote(column))).collect::<Vec<_>>();
        let query = format!("select {} from {}", list.join(", "), self.table_of(target));
        let rows: Vec<Row> = match self.database.client().await.query(query).await {
            Err(mysql_async::Error::Server(error)) if matches!(error.code, 1146 | 1049) => return Ok(None),
            rows => rows?,
        };
        let text = |value: Value| match value {
            Value::NULL => None,
            value => Some(mysql_async::from_value::<String>(value)),
        };
        Ok(Some(rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect()))
    }

    async fn vanish(&self, target: &TargetName) -> anyhow::Result<()> {
        Ok(self.database.client().await.query_drop(format!("drop table {}", self.table_of(target))).await?)
    }

    fn takes_changes(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn the_source_keeps_its_contract() {
    let harness = Harness::new().await;
    contract::source(&harness).await.unwrap();
    super::signing_in::forget(&harness.database, &harness.refused).await;
}

#[tokio::test]
async fn the_destination_keeps_its_contract() {
    let harness = Harness::new().await;
    contract::destination(&harness).await.unwrap();
    super::signing_in::forget(&harness.database, &harness.refused).await;
    harness.database.run("drop database contract_space").await;
}
