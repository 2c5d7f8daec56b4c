//! Systems that rows come from and go to. A connector's author implements [`Source`], [`Destination`] and [`Writer`]
//! with typed settings; the registry sees [`DynConnector`], and the erasure between them happens once, below.

pub mod contract;
pub(crate) mod decimal;
pub mod duckdb;
mod error;
mod evaluate;
pub mod files;
pub mod filter;
pub mod item;
pub(crate) mod moment;
pub mod mysql;
pub mod objects;
mod pace;
pub mod postgres;
pub mod schema;
pub(crate) mod spelling;
pub mod sqlite;
pub mod web;

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use error::{ConnectorError, ErrorKind};
pub use evaluate::evaluate;
pub use item::{
    Batch, Change, Cursor, End, Epoch, Item, ItemStream, NullCursor, Operation, RawColumn, RawForm, RawPiece, RawRows,
    ReadMode, ReadRequest, RejectedRow,
};
pub use schema::{
    Column, ColumnType, Fidelity, Landing, LogicalType, StreamSchema, StreamSummary, TargetName, TargetState, Unit,
};

use filter::Filter;
use pace::Limits;

/// Metadata column: the run that wrote the row last.
pub const RUN_ID_COLUMN: &str = "_towpath_run_id";
/// Metadata column: when that run began, UTC.
pub const SYNCED_AT_COLUMN: &str = "_towpath_synced_at";
/// Metadata column: set by soft deletes.
pub const DELETED_COLUMN: &str = "_towpath_deleted";
/// Prefix of every table, column and file that is ours at a destination.
pub const OUR_PREFIX: &str = "_towpath_";

/// A system that rows are read from.
#[async_trait]
pub trait Source: Send + Sync {
    fn abilities(&self) -> SourceAbilities;

    /// Signs in and asks the least that proves it can read.
    async fn check(&self) -> Result<Checked, ConnectorError>;

    /// Every stream that can be seen, by name. Cheap: no columns, no counting.
    async fn list(&self) -> Result<Vec<StreamSummary>, ConnectorError>;

    /// One stream in full. [`ErrorKind::NotFound`] when it is not there, [`ErrorKind::Permission`] when it may not be read.
    async fn describe(&self, stream: &str) -> Result<StreamSchema, ConnectorError>;

    /// Measures a column as a cursor, within bounds (statement timeout, sampling of large streams).
    async fn profile_cursor(&self, stream: &str, column: &str) -> Result<CursorProfile, ConnectorError>;

    /// Measures whether these columns identify a row, within the same bounds.
    async fn profile_key(&self, stream: &str, columns: &[String]) -> Result<KeyProfile, ConnectorError>;

    /// Whether change data capture can start, and what stands in its way.
    async fn cdc_readiness(&self, stream: &str) -> Result<CdcReadiness, ConnectorError>;

    /// Starts reading. The stream ends with [`Item::End`] or with an error; ending otherwise means that it broke off.
    /// Dropping it stops the work at the source.
    async fn read(&self, request: ReadRequest) -> Result<ItemStream, ConnectorError>;

    /// As [`Source::read`], with rows as [`Item::Raw`] in this form, and none as [`Item::Batch`]. `None` when the stream's
    /// columns do not have exactly the form's types, or the read is not one that passes rows as they are.
    async fn read_raw(&self, _request: &ReadRequest, _form: &RawForm) -> Result<Option<ItemStream>, ConnectorError> {
        Ok(None)
    }

    /// How many rows a full read with this filter would deliver now. Used for "0 rows: why?" and for previews.
    async fn count(&self, stream: &str, filter: Option<&Filter>) -> Result<u64, ConnectorError>;

    /// A few rows, for a preview. Never more than `limit`.
    async fn sample(&self, stream: &str, limit: usize) -> Result<RecordBatch, ConnectorError>;
}

/// What a source can do at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAbilities {
    pub incremental: bool,
    pub cdc: bool,
}

/// The outcome of a check that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// One sentence: `PostgreSQL 15.18, signed in as app, 14 tables readable`.
    pub message: String,
}

/// A column measured as a cursor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CursorProfile {
    pub column: String,
    /// Rows looked at; fewer than the stream's when sampled.
    pub rows: u64,
    pub sampled: bool,
    pub nulls: u64,
    pub distinct: Option<u64>,
    pub indexed: bool,
    pub minimum: Option<String>,
    pub maximum: Option<String>,
}

/// Columns measured as a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyProfile {
    pub columns: Vec<String>,
    pub rows: u64,
    pub sampled: bool,
    /// Rows in which some key column is NULL.
    pub nulls: u64,
    /// Rows beyond the first with the same key.
    pub duplicates: u64,
    /// A unique constraint of the source vouches for it; then nothing was counted.
    pub enforced: bool,
}

/// Whether a stream's changes can be captured from the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CdcReadiness {
    pub ready: bool,
    /// What stands in the way.
    pub reason: Option<String>,
    /// How much log the source keeps, ISO 8601 duration, where it can tell.
    pub retained_log: Option<String>,
}

/// A system that rows are written to.
#[async_trait]
pub trait Destination: Send + Sync {
    fn abilities(&self) -> DestinationAbilities;

    /// Signs in and asks the least that proves it can write.
    async fn check(&self) -> Result<Checked, ConnectorError>;

    /// Namespaces that exist. Empty for systems without any.
    async fn namespaces(&self) -> Result<Vec<String>, ConnectorError>;

    /// What stands at the target now; `None` when nothing does.
    async fn describe(&self, target: &TargetName) -> Result<Option<TargetState>, ConnectorError>;

    /// How a column of this type lands here. Pure: asks no system. `Err` with [`ErrorKind::Unsupported`] when it cannot.
    fn land(&self, column: &ColumnType) -> Result<Landing, ConnectorError>;

    /// Opens a writer. Creates namespace, table and state table if they are missing; changes nothing visible else.
    /// A staging area left by a killed attempt of the same `state_key` is cleared here.
    async fn open(&self, request: WriteRequest) -> Result<Box<dyn Writer>, ConnectorError>;

    /// Rows that stand at the target, all of them or those that `run` wrote last. Asked of the destination itself: it
    /// is what the receipt counts.
    async fn count(&self, target: &TargetName, run: Option<&str>) -> Result<u64, ConnectorError>;

    /// Rows that `run` wrote last, and all rows, at one moment.
    async fn counts(&self, target: &TargetName, run: &str) -> Result<(u64, u64), ConnectorError> {
        Ok((self.count(target, Some(run)).await?, self.count(target, None).await?))
    }

    /// The rows that stand at the target, read back as the given columns' logical types (not as the target spells
    /// them), so that a receipt can compare checksums. Ends with [`Item::End`].
    async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<ItemStream, ConnectorError>;
}

/// What a destination can do at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationAbilities {
    pub replace: bool,
    pub append: bool,
    pub merge: bool,
    /// Checkpoints commit in the same transaction as the rows.
    pub transactional: bool,
    /// Missing namespaces can be created. `false` and non-empty [`Destination::namespaces`]: it must exist.
    pub creates_namespaces: bool,
    pub has_namespaces: bool,
    /// A target may stand in no namespace at all, as a folder of files does in its connection's own folder.
    pub namespace_optional: bool,
    /// The namespace used when a plan names none.
    pub default_namespace: Option<String>,
    /// Longest identifier, in bytes.
    pub identifier_limit: usize,
    /// Most columns that a table can be given, the metadata columns among them; `None` where nothing bounds them.
    pub column_limit: Option<usize>,
    pub folding: Folding,
}

/// How a destination treats the case of names that we quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Folding {
    /// `Name` and `name` are two columns (PostgreSQL).
    Sensitive,
    /// `Name` and `name` collide (SQLite, DuckDB).
    Insensitive,
}

/// What a destination is asked to write.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    pub target: TargetName,
    /// Columns of every batch, in order, metadata columns included, with how each lands.
    pub columns: Vec<TargetColumn>,
    pub mode: WriteMode,
    /// Names this stream of this pipeline, for good. Checkpoints and commits are kept under it. Two state keys never
    /// see each other's.
    pub state_key: String,
    /// The run that writes. A run that is resumed keeps its name.
    pub run: String,
    /// How many connections the destination may use at once.
    pub parallelism: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetColumn {
    /// Name at the target; its `data_type` is still the source's.
    pub column: Column,
    /// As [`Destination::land`] spelled it, or as a cast in the plan asked.
    pub target_type: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Rows go to a staging area; the last commit swaps it in. Until then the old table stands untouched.
    Replace,
    Append,
    /// One row per key: the newest wins (by log position within change batches, otherwise by order of arrival).
    Merge {
        key: Vec<String>,
        deletes: Deletes,
    },
}

/// What a deleted source row does at the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deletes {
    Ignore,
    /// Marks the row in [`DELETED_COLUMN`].
    Soft,
    Hard,
}

/// Writes one stream. Nothing is durable, nor visible, before `commit`; dropping a writer abandons what was not committed.
#[async_trait]
pub trait Writer: Send {
    /// What this destination holds under the state key; `None` when nothing was ever committed, or when the target table
    /// has vanished since. The runner asks before it reads.
    async fn committed(&mut self) -> Result<Option<Committed>, ConnectorError>;

    /// Takes a batch. Rows that the destination cannot hold come back, each with its reason; the others are taken.
    async fn write(&mut self, batch: Batch) -> Result<Vec<RejectedRow>, ConnectorError>;

    /// The raw form that [`Writer::write_raw`] takes; `None` when rows must come as batches.
    fn takes_raw(&self) -> Option<RawForm> {
        None
    }

    /// Takes rows in the form of [`Writer::takes_raw`]. `tail`: one row of the columns that follow the source's, the same
    /// for every row of the run. Rows that the destination cannot hold come back; the others are taken.
    async fn write_raw(&mut self, _rows: RawRows, _tail: &RecordBatch) -> Result<Vec<RejectedRow>, ConnectorError> {
        Err(ConnectorError::new(ErrorKind::Bug, "A writer was given raw rows, which it does not take."))
    }

    /// Makes everything written since the last commit durable together with the checkpoint, in one transaction where the
    /// destination has them. With [`Commit::last`], a replace becomes visible. Idempotent: an epoch that this run
    /// has already committed changes nothing, drops what was buffered for it, and answers what was committed.
    async fn commit(&mut self, commit: Commit) -> Result<Committed, ConnectorError>;
}

/// A commit as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// One more than the last committed epoch of this run, or the same again after a lost answer.
    pub epoch: Epoch,
    /// The runner's checkpoint, stored as it is.
    pub checkpoint: Option<Value>,
    /// The stream has ended; nothing follows in this run.
    pub last: bool,
}

/// A commit as the destination keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    pub run: String,
    pub epoch: Epoch,
    pub checkpoint: Option<Value>,
    pub last: bool,
    /// Rows of this run so far (before merging by key).
    pub rows: u64,
}

/// A connector as its author writes it: typed settings in. Settings that are secret have the type
/// [`crate::secrets::Secret`] and are named in [`About::secret_fields`].
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    type Config: DeserializeOwned + schemars::JsonSchema + Send;

    fn about(&self) -> About;

    /// `None` when this connector only writes.
    fn source(&self, _config: Self::Config) -> Result<Option<Arc<dyn Source>>, ConnectorError> {
        Ok(None)
    }

    /// `None` when this connector only reads.
    fn destination(&self, _config: Self::Config) -> Result<Option<Arc<dyn Destination>>, ConnectorError> {
        Ok(None)
    }
}

/// What a connector is called and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// `postgres`, `bigquery`; plans and connections name it so.
    pub id: String,
    pub name: String,
    pub kind: ConnectorKind,
    pub description: String,
    /// Other words people use for it: `pg`, `postgresql`.
    pub nicknames: Vec<String>,
    pub source: bool,
    pub destination: bool,
    /// Top-level settings that are secret.
    pub secret_fields: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorKind {
    Database,
    Warehouse,
    Files,
    ObjectStorage,
    Stream,
    Saas,
}

/// A connector as everyone else sees it: JSON settings in.
pub trait DynConnector: Send + Sync {
    fn about(&self) -> About;
    /// JSON Schema of the settings; the connection form is made from it.
    fn config_schema(&self) -> Value;
    /// [`ErrorKind::Config`] when the settings do not fit, [`ErrorKind::Unsupported`] when it cannot read.
    fn source(&self, config: Value) -> Result<Arc<dyn Source>, ConnectorError>;
    fn destination(&self, config: Value) -> Result<Arc<dyn Destination>, ConnectorError>;
}

impl<C: Connector> DynConnector for C {
    fn about(&self) -> About {
        Connector::about(self)
    }

    fn config_schema(&self) -> Value {
        let mut schema = schemars::schema_for!(C::Config).to_value();
        if Connector::about(self).source {
            Limits::describe(&mut schema);
        }
        schema
    }

    fn source(&self, mut config: Value) -> Result<Arc<dyn Source>, ConnectorError> {
        let about = Connector::about(self);
        let limits = limits(&about, &mut config)?;
        let settings = config.clone();
        let source = Connector::source(self, typed::<C>(&about, config)?)?.ok_or_else(|| {
            ConnectorError::new(ErrorKind::Unsupported, format!("`{}` cannot be read from.", about.id))
        })?;
        Ok(limits.hold(source, &settings))
    }

    fn destination(&self, mut config: Value) -> Result<Arc<dyn Destination>, ConnectorError> {
        let about = Connector::about(self);
        // A connection may be read from, too; what holds for reading says nothing of writing.
        limits(&about, &mut config)?;
        Connector::destination(self, typed::<C>(&about, config)?)?
            .ok_or_else(|| ConnectorError::new(ErrorKind::Unsupported, format!("`{}` cannot be written to.", about.id)))
    }
}

fn limits(about: &About, config: &mut Value) -> Result<Limits, ConnectorError> {
    Limits::take(config).ok_or_else(|| {
        let message = format!(
            "The settings of `{}` do not fit: `max_read_mib_per_second` and `max_read_connections` are whole numbers \
             above zero.",
            about.id
        );
        ConnectorError::new(ErrorKind::Config, message)
    })
}

/// Reads settings into their type. The sentence names the setting and never repeats a value: it could be a secret.
fn typed<C: Connector>(about: &About, config: Value) -> Result<C::Config, ConnectorError> {
    serde_json::from_value(config).map_err(|error| {
        let message = match error.classify() {
            serde_json::error::Category::Data => {
                let text = error.to_string();
                // serde names missing and unknown fields in backticks; a text without such a name may quote a value.
                if text.starts_with("missing field") || text.starts_with("unknown field") {
                    format!("The settings of `{}` do not fit: {text}.", about.id)
                } else {
                    format!("The settings of `{}` do not fit: a value has the wrong type.", about.id)
                }
            }
            _ => format!("The settings of `{}` are not valid JSON.", about.id),
        };
        ConnectorError::new(ErrorKind::Config, message)
    })
}

/// Every connector built into this program.
pub fn native() -> Vec<Arc<dyn DynConnector>> {
    vec![
        Arc::new(postgres::Postgres),
        Arc::new(mysql::MySql),
        Arc::new(sqlite::Sqlite),
        Arc::new(duckdb::DuckDb),
        Arc::new(files::Files),
        Arc::new(objects::S3),
        Arc::new(objects::Gcs),
        Arc::new(objects::AzureBlob),
        Arc::new(web::Http),
    ]
}
