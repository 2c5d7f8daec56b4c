//! PostgreSQL as a source.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt as _;

use super::connect::{Purpose, Session};
use super::failure::failure;
use super::sql::{condition, qualified};
use super::{Config, catalog, profile, read};
use crate::connectors::filter::Filter;
use crate::connectors::{
    CdcReadiness, Checked, ConnectorError, CursorProfile, Item, ItemStream, KeyProfile, RawForm, ReadMode, ReadRequest,
    Source, SourceAbilities, StreamSchema, StreamSummary, schema,
};

#[derive(Debug)]
pub(super) struct PostgresSource {
    config: Config,
}

impl PostgresSource {
    pub(super) fn new(config: Config) -> Self {
        Self { config }
    }

    async fn probe(&self) -> Result<Session, ConnectorError> {
        Session::open(&self.config, Purpose::Probe).await
    }
}

/// Longest that an exact count may take.
const COUNT_SECONDS: u32 = 300;

#[async_trait]
impl Source for PostgresSource {
    fn abilities(&self) -> SourceAbilities {
        SourceAbilities { incremental: true, cdc: false }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let session = self.probe().await?;
        let tables = catalog::list(&session, &self.config.schemas).await?;
        let readable = tables.iter().filter(|table| table.readable).count();
        Ok(Checked { message: format!("{}, {readable} tables readable", greeting(&session).await?) })
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        catalog::list(&self.probe().await?, &self.config.schemas).await
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        let session = self.probe().await?;
        let relation = catalog::readable(&session, stream).await?;
        let columns = catalog::columns(&session, &relation).await?;
        let keys = catalog::unique_keys(&session, &relation).await?;
        Ok(StreamSchema {
            columns: columns.iter().map(|column| column.column(self.config.numeric_columns)).collect(),
            primary_key: keys.into_iter().find(|key| key.primary).map(|key| key.columns).unwrap_or_default(),
            summary: relation.summary,
        })
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        profile::cursor(&self.probe().await?, &self.config, stream, column).await
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        profile::key(&self.probe().await?, stream, columns).await
    }

    async fn cdc_readiness(&self, stream: &str) -> Result<CdcReadiness, ConnectorError> {
        profile::cdc(&self.probe().await?, stream).await
    }

    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        read::start(&self.config, request).await
    }

    async fn read_raw(&self, request: &ReadRequest, form: &RawForm) -> Result<Option<ItemStream>, ConnectorError> {
        read::start_raw(&self.config, request, form).await
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        let session = self.probe().await?;
        let relation = catalog::readable(&session, stream).await?;
        let condition = match filter {
            Some(filter) => {
                let columns = catalog::columns(&session, &relation).await?;
                let columns: Vec<_> = columns.iter().map(|column| column.column(self.config.numeric_columns)).collect();
                condition(filter, &columns)?
            }
            None => "true".to_owned(),
        };
        session.limit_statements(COUNT_SECONDS).await?;
        let table = qualified(relation.summary.namespace.as_deref().unwrap_or_default(), &relation.summary.name);
        let row = session
            .query_one(&format!("select count(*) from {table} where {condition}"), &[])
            .await
            .map_err(|error| failure(format!("Counting `{stream}` failed"), error))?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default())
    }

    async fn sample(&self, stream: &str, limit: usize) -> Result<RecordBatch, ConnectorError> {
        let columns = self.describe(stream).await?.columns;
        let request = ReadRequest {
            stream: stream.to_owned(),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            filter: None,
            mode: ReadMode::Full,
            after: None,
            batch_rows: limit.max(1),
            batch_bytes: SAMPLE_BYTES,
            parallelism: 1,
        };
        let mut items = read::sample(&self.config, request, limit).await?;
        let empty = || RecordBatch::new_empty(schema::arrow_schema(&columns));
        while let Some(item) = items.next().await {
            match item? {
                // Wide rows can fill the byte limit before the row limit; what fits is sample enough.
                Item::Batch(batch) => return Ok(batch.records),
                Item::End(_) => return Ok(empty()),
                Item::Expected { .. } | Item::Raw(_) | Item::Rejected(_) | Item::Checkpoint(_) => {}
            }
        }
        Err(super::failure::broke_off(format!("Sampling `{stream}` failed")))
    }
}

/// A preview needs no more.
const SAMPLE_BYTES: usize = 4 * 1024 * 1024;

/// `PostgreSQL 15.18, signed in as app`.
pub(super) async fn greeting(session: &Session) -> Result<String, ConnectorError> {
    let row = session
        .query_one("select current_setting('server_version'), current_user::text", &[])
        .await
        .map_err(|error| failure("Asking the server for its version failed", error))?;
    let version: String = row.get(0);
    let version = version.split(' ').next().unwrap_or_default().to_owned();
    Ok(format!("PostgreSQL {version}, signed in as {}", row.get::<_, String>(1)))
}
