//! The PostgreSQL connector against a real server. Each test has a database of its own.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

mod contract;
mod incremental;
pub(crate) mod proxy;
mod raw;
mod reading;
mod replacing;
mod roundtrip;
mod signing_in;
mod types;
mod writing;

use arrow::array::RecordBatch;
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};
use towpath::connectors::postgres::Postgres;
use towpath::connectors::{
    Batch, Column, ColumnType, Commit, Committed, ConnectorError, Cursor, Destination, DynConnector, End, Epoch, Item,
    ItemStream, LogicalType, ReadMode, ReadRequest, RejectedRow, Source, TargetColumn, TargetName, WriteMode,
    WriteRequest, Writer,
};

use crate::server::postgres_url;

/// A database that goes when the test does.
pub(crate) struct Database {
    pub(crate) name: String,
    server: tokio_postgres::Config,
}

impl Database {
    pub(crate) async fn create() -> Self {
        let server: tokio_postgres::Config = postgres_url().parse().unwrap();
        let name = format!("towpath_test_{}", uuid::Uuid::now_v7().simple());
        let admin = connect(&server).await;
        admin.batch_execute(&format!("create database {name}")).await.unwrap();
        Self { name, server }
    }

    pub(crate) async fn client(&self) -> Client {
        let mut config = self.server.clone();
        config.dbname(&self.name);
        connect(&config).await
    }

    /// Runs statements in it.
    pub(crate) async fn run(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap();
    }

    /// The only value that a query answers, as text.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let row = self.client().await.query_one(&format!("select ({sql})::text"), &[]).await.unwrap();
        row.get::<_, Option<String>>(0).unwrap_or_default()
    }

    /// The settings of a connection to it.
    pub(crate) fn config(&self) -> Value {
        let Some(Host::Tcp(host)) = self.server.get_hosts().first() else { panic!("the server is named by host") };
        self.config_at(host, self.server.get_ports().first().copied().unwrap_or(5432))
    }

    pub(crate) fn config_at(&self, host: &str, port: u16) -> Value {
        let mut config = json!({
            "host": host, "port": port, "database": self.name, "user": self.server.get_user().unwrap(),
            "sslmode": "disable",
        });
        if let Some(password) = self.server.get_password() {
            config["password"] = String::from_utf8_lossy(password).into();
        }
        config
    }

    pub(crate) fn source(&self) -> Arc<dyn Source> {
        source(self.config())
    }

    pub(crate) fn destination(&self) -> Arc<dyn Destination> {
        destination(self.config())
    }

    pub(crate) fn address(&self) -> (String, u16) {
        let config = self.config();
        let port = u16::try_from(config["port"].as_u64().unwrap()).unwrap();
        (config["host"].as_str().unwrap().to_owned(), port)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                connect(&server).await.batch_execute(&format!("drop database if exists {name} with (force)")).await
            })
        })
        .join();
        if !std::thread::panicking() {
            gone.unwrap().unwrap();
        }
    }
}

pub(crate) async fn connect(config: &tokio_postgres::Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    towpath::tasks::spawn("test_connection", async move {
        let _ = connection.await;
    });
    client
}

pub(crate) fn source(config: Value) -> Arc<dyn Source> {
    DynConnector::source(&Postgres, config).unwrap()
}

pub(crate) fn destination(config: Value) -> Arc<dyn Destination> {
    DynConnector::destination(&Postgres, config).unwrap()
}

/// Everything that a stream of items said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) rejected: Vec<RejectedRow>,
    pub(crate) checkpoints: Vec<Cursor>,
    pub(crate) end: Option<End>,
    pub(crate) error: Option<ConnectorError>,
}

impl Said {
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// One column of all batches, as text.
    pub(crate) fn column(&self, index: usize) -> Vec<String> {
        let mut cells = Vec::new();
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                cells.push(arrow::util::display::array_value_to_string(batch.column(index), row).unwrap());
            }
        }
        cells
    }
}

pub(crate) async fn listen(mut items: ItemStream) -> Said {
    let mut said = Said::default();
    while let Some(item) = items.next().await {
        assert!(said.end.is_none() && said.error.is_none(), "nothing follows an end or an error");
        match item {
            Ok(Item::Batch(batch)) => said.batches.push(batch.records),
            Ok(Item::Rejected(row)) => said.rejected.push(row),
            Ok(Item::Checkpoint(cursor)) => said.checkpoints.push(cursor),
            Ok(Item::Expected { .. }) => {}
            Ok(Item::Raw(_)) => unreachable!("a plain read has no raw rows"),
            Ok(Item::End(end)) => said.end = Some(end),
            Err(error) => said.error = Some(error),
        }
    }
    said
}

/// A full read of these columns, or of all.
pub(crate) async fn request(source: &dyn Source, stream: &str) -> ReadRequest {
    let columns = source.describe(stream).await.unwrap().columns;
    ReadRequest {
        stream: stream.to_owned(),
        columns: columns.into_iter().map(|column| column.name).collect(),
        filter: None,
        mode: ReadMode::Full,
        after: None,
        batch_rows: 10_000,
        batch_bytes: 16 << 20,
        parallelism: 1,
    }
}

pub(crate) async fn read_all(source: &dyn Source, stream: &str) -> Said {
    listen(source.read(request(source, stream).await).await.unwrap()).await
}

pub(crate) fn target(name: &str) -> TargetName {
    TargetName { namespace: Some("copy".to_owned()), name: name.to_owned() }
}

/// These columns, landing as the destination says.
pub(crate) fn landed(destination: &dyn Destination, columns: &[Column]) -> Vec<TargetColumn> {
    columns
        .iter()
        .map(|column| TargetColumn {
            target_type: destination.land(&column.data_type).unwrap().target_type,
            column: column.clone(),
        })
        .collect()
}

pub(crate) fn column(name: &str, logical: LogicalType) -> Column {
    Column::new(name, ColumnType::new(logical, "test", "test"), true)
}

pub(crate) fn write_request(name: &str, columns: Vec<TargetColumn>, mode: WriteMode, run: &str) -> WriteRequest {
    WriteRequest {
        target: target(name),
        columns,
        mode,
        state_key: format!("pipeline/{name}"),
        run: run.to_owned(),
        parallelism: 2,
    }
}

pub(crate) fn commit(epoch: u64, last: bool) -> Commit {
    Commit { epoch: Epoch(epoch), checkpoint: Some(json!({"at": epoch})), last }
}

pub(crate) async fn write(writer: &mut Box<dyn Writer>, records: &RecordBatch) -> Vec<RejectedRow> {
    writer.write(Batch::rows(records.clone())).await.unwrap()
}

/// Moves a whole stream, as a run would. Answers what came out of the source and what the last commit said.
pub(crate) async fn copy(from: &dyn Source, stream: &str, to: &dyn Destination, name: &str) -> (Said, Committed) {
    let described = from.describe(stream).await.unwrap();
    let said = read_all(from, stream).await;
    assert!(said.error.is_none(), "{:?}", said.error);
    let columns = landed(to, &described.columns);
    let mut writer = to.open(write_request(name, columns, WriteMode::Replace, "run")).await.unwrap();
    for batch in &said.batches {
        assert_eq!(write(&mut writer, batch).await, vec![]);
    }
    let committed = writer.commit(commit(1, true)).await.unwrap();
    (said, committed)
}
