//! The connector held to the suite that every connector passes.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use towpath::connectors::contract::{self, DestinationHarness, Row, Seed, SourceHarness};
use towpath::connectors::postgres::Postgres;
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

    async fn insert(&self, stream: &str, rows: &[Row]) -> anyhow::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut sql = format!("insert into {stream} values ");
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().map(|value| match value.to_text() {
                Some(text) => format!("'{}'", text.replace('\'', "''")),
                None => "null".to_owned(),
            });
            let comma = if index > 0 { "," } else { "" };
            write!(sql, "{comma} ({})", cells.collect::<Vec<_>>().join(", "))?;
        }
        Ok(self.database.client().await.batch_execute(&sql).await?)
    }
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn table_of(target: &TargetName) -> String {
    format!("{}.{}", quote(target.namespace.as_deref().unwrap_or("public")), quote(&target.name))
}

#[async_trait]
impl SourceHarness for Harness {
    fn source(&self) -> Result<Arc<dyn Source>, ConnectorError> {
        DynConnector::source(&Postgres, self.database.config())
    }

    fn refused(&self) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        DynConnector::source(&Postgres, self.refused.clone()).map(Some)
    }

    async fn seed(&self, seed: &Seed) -> anyhow::Result<String> {
        let columns = seed.columns.iter().map(|column| {
            let declared = match &column.logical {
                LogicalType::Int64 => "bigint",
                LogicalType::Text => "text collate \"en-x-icu\"",
                LogicalType::Decimal { .. } => "numeric(12,2)",
                LogicalType::Float64 => "double precision",
                LogicalType::Boolean => "boolean",
                LogicalType::Date => "date",
                _ => "timestamp",
            };
            format!("{} {declared}{}", column.name, if column.key { " primary key" } else { "" })
        });
        let create = format!("create table {} ({})", seed.name, columns.collect::<Vec<_>>().join(", "));
        self.database.client().await.batch_execute(&create).await?;
        let stream = format!("public.{}", seed.name);
        self.insert(&stream, &seed.rows).await?;
        Ok(stream)
    }

    async fn append(&self, stream: &str, _: &Seed, rows: &[Row]) -> anyhow::Result<()> {
        self.insert(stream, rows).await
    }

    async fn at_rest(&self) -> anyhow::Result<bool> {
        let busy = "select count(*) from pg_stat_activity where application_name = 'towpath' \
             and datname = current_database()";
        Ok(self.database.text(busy).await == "0")
    }
}

#[async_trait]
impl DestinationHarness for Harness {
    fn destination(&self) -> Result<Arc<dyn Destination>, ConnectorError> {
        DynConnector::destination(&Postgres, self.database.config())
    }

    fn refused(&self) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        DynConnector::destination(&Postgres, self.refused.clone()).map(Some)
    }

    async fn native(&self, target: &TargetName, columns: &[&str]) -> anyhow::Result<Option<Vec<Vec<Option<String>>>>> {
        let table = table_of(target);
        let client = self.database.client().await;
        if client.query_one("select to_regclass($1) is null", &[&table]).await?.get(0) {
            return Ok(None);
        }
        let list = columns.iter().map(|column| format!("{}::text", quote(column))).collect::<Vec<_>>().join(", ");
        let rows = client.query(&format!("select {list} from {table}"), &[]).await?;
        Ok(Some(rows.iter().map(|row| (0..columns.len()).map(|index| row.get(index)).collect()).collect()))
    }

    async fn vanish(&self, target: &TargetName) -> anyhow::Result<()> {
        let table = table_of(target);
        Ok(self.database.client().await.batch_execute(&format!("drop table {table}")).await?)
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
}
