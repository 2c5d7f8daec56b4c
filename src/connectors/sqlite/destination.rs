//! SQLite as a destination.

use std::path::PathBuf;

use async_trait::async_trait;
use futures::StreamExt as _;
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::affinity::land;
use super::decode::{Filler, decode};
use super::tables::{self, Table};
use super::writer::SqliteWriter;
use super::{Config, IntegerTime, blocking, failure, open_to_read, open_to_write, quoted};
use crate::connectors::{
    Batch, Checked, Column, ColumnType, ConnectorError, Destination, DestinationAbilities, End, ErrorKind, Folding,
    Item, ItemStream, Landing, RUN_ID_COLUMN, TargetName, TargetState, WriteRequest, Writer,
};
use crate::tasks;

/// Rows and bytes of a batch that is read back.
const BATCH_ROWS: usize = 10_000;
const BATCH_BYTES: usize = 8 << 20;
/// SQLite has 2,000 columns to a table, and rows wait in one that has three of its own.
const COLUMN_LIMIT: usize = 1_997;

pub(super) struct SqliteDestination {
    path: PathBuf,
}

impl SqliteDestination {
    pub(super) fn new(config: Config) -> Self {
        Self { path: config.path }
    }

    /// Runs work on a connection that only reads; the file must be there.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let path = self.path.clone();
        blocking("sqlite ask", move || work(&open_to_read(&path)?)).await
    }
}

/// SQLite has one namespace.
fn in_main(target: &TargetName) -> Result<String, ConnectorError> {
    match target.namespace.as_deref() {
        None | Some("main") => Ok(target.name.clone()),
        Some(other) => Err(ConnectorError::new(
            ErrorKind::Config,
            format!("SQLite has no namespaces; the target names `{other}`."),
        )
        .advise("Leave the namespace out.")),
    }
}

#[async_trait]
impl Destination for SqliteDestination {
    fn abilities(&self) -> DestinationAbilities {
        DestinationAbilities {
            replace: true,
            append: true,
            merge: true,
            transactional: true,
            creates_namespaces: false,
            has_namespaces: false,
            namespace_optional: false,
            default_namespace: None,
            identifier_limit: 1000,
            column_limit: Some(COLUMN_LIMIT),
            folding: Folding::Insensitive,
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let path = self.path.clone();
        blocking("sqlite check", move || {
            let connection = open_to_write(&path)?;
            let told = |error| failure::opening(&path, error);
            // Taking the write lock and giving it back proves that the file may be written, and changes nothing.
            connection.execute_batch("begin immediate; rollback").map_err(told)?;
            if connection.is_readonly("main").map_err(told)? {
                let message = format!("`{}` may be read, not written.", path.display());
                return Err(ConnectorError::new(ErrorKind::Permission, message));
            }
            let tables = tables::list(&connection)?.len();
            let message = format!("SQLite {}, `{}`, {tables} tables, writable", rusqlite::version(), path.display());
            Ok(Checked { message })
        })
        .await
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        let (name, target) = (in_main(target)?, target.clone());
        if !self.path.exists() {
            return Ok(None);
        }
        self.reading(move |connection| {
            let Some(table) = tables::find(connection, &name)? else { return Ok(None) };
            let rows = count(connection, &table, None)?;
            let ours = table.columns.iter().any(|column| column.name == RUN_ID_COLUMN);
            Ok(Some(TargetState { target, rows: Some(rows), columns: table.columns, ours }))
        })
        .await
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        land(column)
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        let mut request = request;
        request.target = TargetName { namespace: None, name: in_main(&request.target)? };
        let path = self.path.clone();
        let writer = blocking("sqlite open", move || SqliteWriter::open(&path, request)).await?;
        Ok(Box::new(writer))
    }

    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        let (name, run) = (in_main(target)?, run.map(str::to_owned));
        self.reading(move |connection| count(connection, &tables::load(connection, &name)?, run.as_deref())).await
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let (name, columns, run) = (in_main(target)?, columns.to_vec(), run.map(str::to_owned));
        let path = self.path.clone();
        let (connection, table) = blocking("sqlite begin", move || {
            let connection = open_to_read(&path)?;
            let table = tables::load(&connection, &name)?;
            Ok((connection, table))
        })
        .await?;
        let (sender, receiver) = mpsc::channel(2);
        tasks::spawn_blocking("sqlite read back", move || {
            let mut send = |item| sender.blocking_send(Ok(item)).is_ok();
            if let Err(error) = read_back(&connection, &table, &columns, run, &mut send) {
                // Nobody may be listening any more.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(tokio_stream::wrappers::ReceiverStream::new(receiver).boxed())
    }
}

/// The condition that picks a run's rows; nothing was written by any run where the column is missing.
fn of_run(table: &Table, run: Option<&str>) -> &'static str {
    match run {
        None => "",
        Some(_) if table.columns.iter().any(|column| column.name == RUN_ID_COLUMN) => " where \"_towpath_run_id\" = ?1",
        Some(_) => " where ?1 is null",
    }
}

fn count(connection: &Connection, table: &Table, run: Option<&str>) -> Result<u64, ConnectorError> {
    let sql = format!("select count(*) from {}{}", quoted(&table.name), of_run(table, run));
    let rows: i64 = connection
        .query_row(&sql, rusqlite::params_from_iter(run), |row| row.get(0))
        .map_err(failure::of(&table.name))?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

fn read_back(
    connection: &Connection,
    table: &Table,
    columns: &[Column],
    run: Option<String>,
    send: &mut dyn FnMut(Item) -> bool,
) -> Result<(), ConnectorError> {
    let told = failure::of(&table.name);
    for column in columns {
        if !table.columns.iter().any(|standing| standing.name.eq_ignore_ascii_case(&column.name)) {
            let message = format!("`{}` has no column `{}`.", table.name, column.name);
            return Err(ConnectorError::new(ErrorKind::NotFound, message));
        }
    }
    let names = super::listed(columns.iter().map(|column| column.name.as_str()));
    let sql = format!("select {names} from {}{}", quoted(&table.name), of_run(table, run.as_deref()));
    let mut statement = connection.prepare(&sql).map_err(told)?;
    let mut rows = statement.query(rusqlite::params_from_iter(run)).map_err(told)?;
    let mut filler = Filler::new(columns.to_vec())?;
    let mut total = 0_u64;
    while let Some(row) = rows.next().map_err(told)? {
        let mut cells = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let value = row.get_ref(index).map_err(told)?;
            let cell = decode(value, &column.data_type.logical, IntegerTime::default()).ok_or_else(|| {
                let message =
                    format!("`{}` of `{}` holds a value that was not written there.", column.name, table.name);
                ConnectorError::new(ErrorKind::BadData, message)
            })?;
            cells.push(cell);
        }
        filler.push(cells);
        total += 1;
        if (filler.rows() >= BATCH_ROWS || filler.bytes() >= BATCH_BYTES)
            && !send(Item::Batch(Batch::rows(filler.take()?)))
        {
            return Ok(());
        }
    }
    if filler.rows() > 0 && !send(Item::Batch(Batch::rows(filler.take()?))) {
        return Ok(());
    }
    send(Item::End(End { rows: total, cursor: None }));
    Ok(())
}
