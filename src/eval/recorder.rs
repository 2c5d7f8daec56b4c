//! Connectors that answer from a world, a starter that records runs, a mind that is watched.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use serde_json::{Value, json};

use super::spelling;
use super::world::{World, WorldConnection, WorldStream};
use crate::agent::model::{ChatModel, ChatRequest, DeltaStream, ModelError};
use crate::connectors::filter::Filter;
use crate::connectors::{
    About, CdcReadiness, Checked, Column, ColumnType, ConnectorError, ConnectorKind, CursorProfile, Destination, DestinationAbilities, DynConnector, ErrorKind, Folding, ItemStream, KeyProfile, Landing,
    ReadRequest, Source, SourceAbilities, StreamSchema, StreamSummary, TargetName, TargetState, WriteRequest, Writer,
};
use crate::ids::{Actor, PipelineId, RunId};
use crate::plan::ConfirmedPlan;
use crate::runner::Cause;
use crate::talk::{RunRefused, StartRun};

/// A connector whose systems are those of a world.
pub(super) struct WorldConnector {
    pub about: About,
    pub world: Arc<World>,
}

/// One connection of a world.
struct System {
    world: Arc<World>,
    name: String,
}

fn unsupported() -> ConnectorError {
    ConnectorError::new(ErrorKind::Unsupported, "Runs of an evaluation are recorded, not carried out.")
}

impl WorldConnector {
    fn system(&self, config: &Value) -> Result<System, ConnectorError> {
        let name = config.get("connection").and_then(Value::as_str).unwrap_or_default().to_owned();
        match self.world.connection(&name) {
            Some(_) => Ok(System { world: Arc::clone(&self.world), name }),
            None => Err(ConnectorError::new(ErrorKind::Config, format!("The world has no connection `{name}`."))),
        }
    }
}

impl DynConnector for WorldConnector {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn config_schema(&self) -> Value {
        json!({"type": "object", "properties": {"connection": {"type": "string"}}, "required": ["connection"]})
    }

    fn source(&self, config: Value) -> Result<Arc<dyn Source>, ConnectorError> {
        Ok(Arc::new(self.system(&config)?))
    }

    fn destination(&self, config: Value) -> Result<Arc<dyn Destination>, ConnectorError> {
        Ok(Arc::new(self.system(&config)?))
    }
}

/// Connectors that keep a log which can be read.
const LOGGED: &[&str] = &["postgres", "mysql", "mariadb", "mssql", "mongodb", "oracle"];
/// Connectors that write whole files and change none.
const FILES: &[&str] = &["s3", "gcs", "azure_blob", "files", "sftp"];

impl System {
    fn connection(&self) -> Result<&WorldConnection, ConnectorError> {
        self.world.connection(&self.name).ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, "The connection is not in the world."))
    }

    fn connector(&self) -> &str {
        self.world.connection(&self.name).map_or("", |connection| connection.connector.as_str())
    }

    fn stream(&self, name: &str) -> Result<&WorldStream, ConnectorError> {
        let stream = self.connection()?.stream(name).ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("There is no stream `{name}`.")))?;
        if stream.granted { Ok(stream) } else { Err(ConnectorError::new(ErrorKind::Permission, format!("The account may not read `{name}`."))) }
    }
}

fn summary(stream: &WorldStream) -> StreamSummary {
    let (namespace, name) = stream.parts();
    StreamSummary {
        stream: stream.name.clone(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        rows: stream.rows,
        bytes: stream.rows.map(|rows| rows.saturating_mul(100)),
        comment: stream.comment.clone(),
        readable: stream.granted,
    }
}

/// The columns of a stream, as its system spells them.
pub(super) fn columns(stream: &WorldStream, family: &str) -> Vec<Column> {
    stream
        .columns
        .iter()
        .map(|column| {
            let data_type = ColumnType::new(spelling::logical(&column.spelled), family, column.spelled.clone());
            Column { comment: column.comment.clone(), indexed: column.indexed || stream.primary_key.first() == Some(&column.name), ..Column::new(column.name.clone(), data_type, column.nullable) }
        })
        .collect()
}

#[async_trait]
impl Source for System {
    fn abilities(&self) -> SourceAbilities {
        let stated = self.world.connection(&self.name).is_some_and(|connection| connection.cdc.is_some());
        SourceAbilities { incremental: true, cdc: stated || LOGGED.contains(&self.connector()) }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        Ok(Checked { message: format!("`{}` answers from the world.", self.name) })
    }

    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError> {
        Ok(self.connection()?.streams.iter().map(summary).collect())
    }

    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError> {
        let stream = self.stream(stream)?;
        Ok(StreamSchema { summary: summary(stream), columns: columns(stream, self.connector()), primary_key: stream.primary_key.clone() })
    }

    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError> {
        let stream = self.stream(stream)?;
        let found = stream.columns.iter().find(|known| known.name == column).ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("There is no column `{column}`.")))?;
        let rows = stream.rows.unwrap_or(1000);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of an estimate")]
        let nulls = (rows as f64 * found.nulls.clamp(0.0, 1.0)).round() as u64;
        Ok(CursorProfile { column: column.to_owned(), rows, sampled: false, nulls, distinct: found.distinct, indexed: found.indexed, minimum: None, maximum: None })
    }

    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError> {
        let stream = self.stream(stream)?;
        let rows = stream.rows.unwrap_or(1000);
        let enforced = !stream.primary_key.is_empty() && stream.primary_key.iter().all(|key| columns.contains(key));
        let named: Vec<_> = stream.columns.iter().filter(|column| columns.contains(&column.name)).collect();
        let share = named.iter().map(|column| column.nulls).fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of an estimate")]
        let nulls = (rows as f64 * share.clamp(0.0, 1.0)).round() as u64;
        // Where the world measured every column, their combinations bound what can differ.
        let bound: Option<u64> = named.iter().map(|column| column.distinct).try_fold(1_u64, |product, distinct| distinct.map(|distinct| product.saturating_mul(distinct)));
        let duplicates = if enforced { 0 } else { bound.map_or(0, |bound| rows.saturating_sub(bound)) };
        Ok(KeyProfile { columns: columns.to_vec(), rows, sampled: false, nulls, duplicates, enforced })
    }

    async fn cdc_readiness(&self, _stream: &str) -> Result<CdcReadiness, ConnectorError> {
        let connection = self.connection()?;
        Ok(match &connection.cdc {
            Some(cdc) => CdcReadiness { ready: cdc.ready, reason: cdc.reason.clone(), retained_log: cdc.retained_log.clone() },
            None => CdcReadiness { ready: false, reason: Some("its log is not set up to be read".to_owned()), retained_log: None },
        })
    }

    async fn read(&self, _request: ReadRequest) -> Result<ItemStream, ConnectorError> {
        Err(unsupported())
    }

    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError> {
        let rows = self.stream(stream)?.rows.unwrap_or(1000);
        Ok(if filter.is_some() { rows.div_ceil(2) } else { rows })
    }

    async fn sample(&self, _stream: &str, _limit: usize) -> Result<RecordBatch, ConnectorError> {
        Err(unsupported())
    }
}

#[async_trait]
impl Destination for System {
    fn abilities(&self) -> DestinationAbilities {
        let connector = self.connector();
        let namespaces = self.world.connection(&self.name).map_or([].as_slice(), |connection| connection.namespaces.as_slice());
        let usual = match connector {
            "postgres" | "redshift" => "public",
            "mssql" => "dbo",
            "duckdb" | "sqlite" => "main",
            _ => "",
        };
        let default_namespace = match namespaces {
            [only] => Some(only.clone()),
            several => several.iter().find(|name| *name == usual).cloned(),
        };
        DestinationAbilities {
            replace: connector != "kafka",
            append: true,
            merge: connector != "kafka" && !FILES.contains(&connector),
            transactional: !FILES.contains(&connector),
            creates_namespaces: !matches!(connector, "kafka" | "sqlite" | "http"),
            has_namespaces: !namespaces.is_empty() || !(FILES.contains(&connector) || matches!(connector, "kafka" | "sqlite" | "http")),
            default_namespace,
            identifier_limit: match connector {
                "postgres" => 63,
                "mysql" | "mariadb" => 64,
                "mssql" | "redshift" => 127,
                _ => 255,
            },
            folding: if matches!(connector, "postgres" | "snowflake" | "clickhouse" | "mongodb") { Folding::Sensitive } else { Folding::Insensitive },
        }
    }

    async fn check(&self) -> Result<Checked, ConnectorError> {
        Source::check(self).await
    }

    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError> {
        Ok(self.connection()?.namespaces.clone())
    }

    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError> {
        let connection = self.connection()?;
        let found = connection.streams.iter().find(|stream| {
            let (namespace, name) = stream.parts();
            name == target.name && (namespace.is_none() || target.namespace.is_none() || namespace == target.namespace.as_deref())
        });
        Ok(found.map(|stream| TargetState { target: target.clone(), rows: stream.rows, columns: columns(stream, self.connector()), ours: false }))
    }

    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError> {
        Ok(spelling::land(column, self.connector()))
    }

    async fn open(&self, _request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError> {
        Err(unsupported())
    }

    async fn count(&self, target: &TargetName, _run: Option<&str>) -> Result<u64, ConnectorError> {
        Ok(Destination::describe(self, target).await?.and_then(|state| state.rows).unwrap_or(0))
    }

    async fn read_back(&self, _target: &TargetName, _columns: &[Column], _run: Option<&str>) -> Result<ItemStream, ConnectorError> {
        Err(unsupported())
    }
}

/// What a connector of a world is called and can do.
pub(super) fn about(id: &str, name: &str, kind: ConnectorKind, source: bool, destination: bool) -> About {
    About {
        id: id.to_owned(),
        name: name.to_owned(),
        kind,
        description: format!("{name}, answered from a world file."),
        nicknames: Vec::new(),
        source,
        destination,
        secret_fields: Vec::new(),
    }
}

/// Runs that were started, and by what.
#[derive(Clone, Debug, Default)]
pub(super) struct RunLog(Arc<Mutex<Vec<PipelineId>>>);

impl RunLog {
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn add(&self, pipeline: PipelineId) -> RunId {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(pipeline);
        RunId::new()
    }
}

#[async_trait]
impl StartRun for RunLog {
    async fn start(&self, pipeline: PipelineId, _plan: ConfirmedPlan, _cause: Cause) -> Result<RunId, RunRefused> {
        Ok(self.add(pipeline))
    }

    async fn cancel(&self, _run: RunId, _by: &Actor) -> Result<(), RunRefused> {
        Ok(())
    }

    async fn rerun(&self, pipeline: PipelineId, _cause: Cause) -> Result<RunId, RunRefused> {
        Ok(self.add(pipeline))
    }
}

/// A mind, and everything that it was shown.
pub(super) struct Watched {
    pub mind: Arc<dyn ChatModel>,
    pub shown: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl ChatModel for Watched {
    fn name(&self) -> &str {
        self.mind.name()
    }

    async fn stream(&self, request: ChatRequest) -> Result<DeltaStream, ModelError> {
        let text = serde_json::to_string(&request.messages).unwrap_or_default();
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        self.mind.stream(request).await
    }
}
