//! DuckDB as a destination.

use async_trait::async_trait;
use duckdb::Connection;
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::catalog::{self, Table};
use super::instance::Lease;
use super::read::{Query, Selection, Stop, stream};
use super::writer::DuckDbWriter;
use super::{Config, DEFAULT_SCHEMA, blocking, failure, literal, quoted, spelling};
use crate::connectors::{
    Batch, Checked, Column, ColumnType, ConnectorError, Destination, DestinationAbilities, End, ErrorKind, Folding,
    Item, ItemStream, Landing, RUN_ID_COLUMN, TargetName, TargetState, WriteRequest, Writer,
};
use crate::tasks;

/// Rows and bytes of a batch that is read back.
const LIMITS: (usize, usize) = (10_000, 8 << 20);

pub(super) struct DuckDbDestination {
    config: Config,
}

impl DuckDbDestination {
    pub(super) fn new(config: Config) -> Self {
        Self { config }
    }

    async fn with<T: Send + 'static>(
        &self,
        create: bool,
        work: impl FnOnce(&Connection, &Lease) -> Result<T, ConnectorError> + Send + 'static,
    ) -> Result<T, ConnectorError> {
        let config = self.config.clone();
        blocking("duckdb ask", move || {
            let lease = Lease::take(&config, create)?;
            let connection = lease.connect()?;
            work(&connection, &lease)
        })
        .await
    }
}

fn load(connection: &Connection, target: &TargetName) -> Result<Table, ConnectorError> {
    catalog::find(connection, target)?
        .ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("There is no table `{target}`.")))
}

#[async_trait]
impl Destination for DuckDbDestination {
    fn abilities(&self) -> DestinationAbilities {
        DestinationAbilities {
            replace: true,
            append: true,
            merge: true,
            transactional: true,
            creates_namespaces: true,
            has_namespaces: true,
            namespace_optional: false,
            default_namespace: Some(DEFAULT_SCHEMA.to_owned()),
            identifier_limit: 1000,
            column_limit: None,
            folding: Folding::Insensitive,
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        let path = self.config.path.display().to_string();
        self.with(true, move |connection, lease| {
            if !lease.is_writable() {
                return Err(ConnectorError::new(ErrorKind::Permission, format!("`{path}` may be read, not written.")));
            }
            let tables = catalog::list(connection)?.len();
            let version = connection.version().map_err(failure::of("version"))?;
            Ok(Checked { message: format!("DuckDB {version}, `{path}`, {tables} tables, writable") })
        })
        .await
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        if !self.config.path.exists() {
            return Ok(vec![DEFAULT_SCHEMA.to_owned()]);
        }
        self.with(false, |connection, _| catalog::schemas(connection)).await
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        if !self.config.path.exists() {
            return Ok(None);
        }
        let target = target.clone();
        self.with(false, move |connection, _| {
            let Some(table) = catalog::find(connection, &target)? else { return Ok(None) };
            let rows = count(connection, &table, None)?;
            let ours = table.columns.iter().any(|column| column.name == RUN_ID_COLUMN);
            Ok(Some(TargetState { target, rows: Some(rows), columns: table.columns, ours }))
        })
        .await
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        spelling::land(column)
    }

    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        let config = self.config.clone();
        let writer = blocking("duckdb open", move || DuckDbWriter::open(&config, request)).await?;
        Ok(Box::new(writer))
    }

    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError> {
        let (target, run) = (target.clone(), run.map(str::to_owned));
        self.with(false, move |connection, _| count(connection, &load(connection, &target)?, run.as_deref())).await
    }

    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError> {
        let (config, target, columns, run) =
            (self.config.clone(), target.clone(), columns.to_vec(), run.map(str::to_owned));
        let (sender, receiver) = mpsc::channel(2);
        tasks::spawn_blocking("duckdb read back", move || {
            let mut listener = |item| sender.blocking_send(Ok(item)).map_err(|_| Stop::Gone);
            let outcome = read_back(&config, &target, &columns, run.as_deref(), &mut listener);
            if let Err(Stop::Failed(error)) = outcome {
                // Nobody may be listening any more.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(tokio_stream::wrappers::ReceiverStream::new(receiver).boxed())
    }
}

/// The condition that picks a run's rows; nothing was written by any run where the column is missing.
fn of_run(table: &Table, run: Option<&str>) -> String {
    match run {
        None => String::new(),
        Some(run) if table.folded(RUN_ID_COLUMN).is_some() => {
            format!(" where {} = {}", quoted(RUN_ID_COLUMN), literal(run))
        }
        Some(_) => " where false".to_owned(),
    }
}

fn count(connection: &Connection, table: &Table, run: Option<&str>) -> Result<u64, ConnectorError> {
    let sql = format!("select count(*) from {}{}", table.path(), of_run(table, run));
    let rows: i64 = connection.query_row(&sql, [], |row| row.get(0)).map_err(failure::of(&table.name))?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

fn read_back(
    config: &Config,
    target: &TargetName,
    columns: &[Column],
    run: Option<&str>,
    listener: &mut dyn FnMut(Item) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let lease = Lease::take(config, false)?;
    let connection = lease.connect()?;
    let table = load(&connection, target)?;
    let asked = columns
        .iter()
        .map(|column| {
            let missing =
                || ConnectorError::new(ErrorKind::NotFound, format!("`{target}` has no column `{}`.", column.name));
            let standing = table.folded(&column.name).ok_or_else(missing)?;
            Ok((column.clone(), standing.data_type.spelled.clone()))
        })
        .collect::<Result<Vec<_>, ConnectorError>>()?;
    let selection = Selection::new(&asked);
    let sql = format!("select {} from {}{}", selection.list, table.path(), of_run(&table, run));
    let mut rows = 0_u64;
    stream(&connection, &Query { name: &table.name, sql: &sql, selection: &selection, limits: LIMITS }, |records| {
        rows += u64::try_from(records.num_rows()).unwrap_or_default();
        listener(Item::Batch(Batch::rows(records)))
    })?;
    listener(Item::End(End { rows, cursor: None }))
}
