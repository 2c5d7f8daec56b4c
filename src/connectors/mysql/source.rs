//! MySQL as a source.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::StreamExt as _;

use super::connect::{Purpose, Session};
use super::failure::failure;
use super::{Config, catalog, filter, profile, read};
use crate::connectors::filter::Filter;
use crate::connectors::{
    CdcReadiness, Checked, ConnectorError, CursorProfile, Item, ItemStream, KeyProfile, ReadMode, ReadRequest, Source,
    SourceAbilities, StreamSchema, StreamSummary, schema,
};

#[derive(Debug)]
pub(super) struct MySqlSource {
    config: Config,
}

impl MySqlSource {
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
impl Source for MySqlSource {
    fn abilities(&self) -> SourceAbilities {
        SourceAbilities { incremental: true, cdc: false }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let mut session = self.probe().await?;
        let tables = catalog::list(&mut session, self.config.database.as_deref()).await?;
        let readable = tables.iter().filter(|table| table.readable).count();
        Ok(Checked { message: format!("{}, {readable} tables readable", greeting(&session, &self.config)) })
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        catalog::list(&mut self.probe().await?, self.config.database.as_deref()).await
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        let mut session = self.probe().await?;
        let relation = catalog::readable(&mut session, stream).await?;
        let columns = catalog::columns(&mut session, &relation).await?;
        let keys = catalog::unique_keys(&mut session, &relation).await?;
        Ok(StreamSchema {
            columns: columns.iter().map(|column| column.column(&self.config)).collect(),
            primary_key: keys
                .into_iter()
                .find(catalog::UniqueKey::is_primary)
                .map(|key| key.columns)
                .unwrap_or_default(),
            summary: relation.summary,
        })
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        profile::cursor(&mut self.probe().await?, &self.config, stream, column).await
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        profile::key(&mut self.probe().await?, &self.config, stream, columns).await
    }

    async fn cdc_readiness(&self, stream: &str) -> Result<CdcReadiness, ConnectorError> {
        profile::cdc(&mut self.probe().await?, stream).await
    }

    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        read::start(&self.config, request).await
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        let mut session = self.probe().await?;
        let relation = catalog::readable(&mut session, stream).await?;
        let condition = match filter {
            Some(filter) => {
                let columns = catalog::columns(&mut session, &relation).await?;
                filter::condition(filter, &columns, &self.config)?
            }
            None => "true".to_owned(),
        };
        let failed = |error| failure(format!("Counting `{stream}` failed"), error);
        session.limit_statements(COUNT_SECONDS).await.map_err(failed)?;
        let query = format!("select count(*) from {} where {condition}", relation.quoted());
        let counted: Option<u64> = session.first(&query, ()).await.map_err(failed)?;
        Ok(counted.unwrap_or_default())
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
        while let Some(item) = items.next().await {
            match item? {
                // Wide rows can fill the byte limit before the row limit; what fits is sample enough.
                Item::Batch(batch) => return Ok(batch.records),
                Item::End(_) => return Ok(RecordBatch::new_empty(schema::arrow_schema(&columns))),
                Item::Expected { .. } | Item::Raw(_) | Item::Rejected(_) | Item::Checkpoint(_) => {}
            }
        }
        Err(super::failure::broke_off(format!("Sampling `{stream}` failed")))
    }
}

/// A preview needs no more.
const SAMPLE_BYTES: usize = 4 * 1024 * 1024;

/// `MariaDB 10.11.19, signed in as app`.
pub(super) fn greeting(session: &Session, config: &Config) -> String {
    format!("{} {}, signed in as {}", session.server.family(), session.server.version, config.user)
}
