//! What flows from a source to a destination: batches and checkpoints in one ordered stream, closed by an explicit end.

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use super::ConnectorError;
use super::filter::Filter;

/// One thing a source says. The order matters: a checkpoint covers everything before it.
#[derive(Debug)]
pub enum Item {
    /// What the source expects to deliver in all, once it knows.
    Expected {
        rows: u64,
    },
    Batch(Batch),
    /// Rows in a form that was agreed upon with [`super::Source::read_raw`].
    Raw(RawRows),
    /// A row that could not be read as what its stream says. It goes to quarantine.
    Rejected(RejectedRow),
    /// Everything before this is delivered; reading can go on from here.
    Checkpoint(Cursor),
    /// The source has delivered everything. A stream that stops without this broke off, whatever else it said.
    End(End),
}

/// Rows, in columnar form. Field metadata carries logical type and origin (see [`super::schema`]).
#[derive(Clone, Debug)]
pub struct Batch {
    pub records: RecordBatch,
    /// Absent for plain rows. With change data capture: what each row means and where in the log it stood.
    pub changes: Option<Vec<Change>>,
}

impl Batch {
    pub fn rows(records: RecordBatch) -> Self {
        Self { records, changes: None }
    }
}

/// The meaning of one row of a change batch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub operation: Operation,
    /// Position in the source's log, comparable as bytes: later changes sort after earlier ones.
    pub position: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Insert,
    Update,
    Delete,
}

/// The form in which a family of systems carries rows in bulk, and what a writer's columns take in it: a copy within the
/// family need not look at the values at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawForm {
    /// The connector family, such as `postgres`. It alone knows what the bytes mean.
    pub family: String,
    /// In the order in which the source's columns come; metadata columns are not among them.
    pub columns: Vec<RawColumn>,
}

/// A column's type in the family's own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawColumn {
    /// The family's number of the type.
    pub type_number: u32,
    /// Its length, precision or the like, packed as the family does; −1 for none.
    pub modifier: i32,
    /// As the writer's system spells it.
    pub spelled: String,
}

/// Rows in a raw form.
#[derive(Clone, Debug, Default)]
pub struct RawRows {
    /// In order; each of whole rows.
    pub pieces: Vec<RawPiece>,
}

#[derive(Clone, Debug)]
pub struct RawPiece {
    pub bytes: Bytes,
    pub rows: u64,
}

impl RawRows {
    pub fn rows(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.rows).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes.len() as u64).sum()
    }
}

/// A row kept aside, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRow {
    /// Where it stood: `line 17 of orders.csv`, `row 204 of batch 3`.
    pub position: String,
    /// A stable code: `malformed_row`, `numeric_overflow`, …
    pub code: String,
    /// One sentence for a person. Holds column names, not values.
    pub reason: String,
    /// The row as it came, JSON or raw text, to replay after a mend.
    pub row: Option<String>,
}

/// A source position, opaque to everyone but the source that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// The source's explicit word that it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Rows delivered in batches, counted by the source itself; the runner holds its own count against it.
    pub rows: u64,
    /// Where the next run goes on; absent for a full read.
    pub cursor: Option<Cursor>,
}

pub type ItemStream = BoxStream<'static, Result<Item, ConnectorError>>;

/// Number of a commit within one run of one stream, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// What a source is asked for.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    pub stream: String,
    /// Columns wanted, in this order. Batches have exactly these.
    pub columns: Vec<String>,
    /// Rows for which this is not true are not delivered. The source applies it exactly, with SQL's three-valued logic.
    pub filter: Option<Filter>,
    pub mode: ReadMode,
    /// Where to go on from: a cursor that this source made for this stream and mode.
    pub after: Option<Cursor>,
    /// Upper limits of one batch.
    pub batch_rows: usize,
    pub batch_bytes: usize,
    /// How many connections the source may use at once.
    pub parallelism: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// Every row, as of one snapshot.
    Full,
    /// Rows at or after the last cursor value, *including* those that tie with it (the runner drops the ones it already
    /// has), up to a bound taken in the same snapshot as the rows. Ordered by the cursor, NULLs first. Text cursors
    /// order by bytes, never by a collation.
    Incremental {
        cursor: String,
        /// Re-read this much before the last value. Whole seconds for temporal cursors.
        lookback: Option<std::time::Duration>,
        nulls: NullCursor,
    },
    /// Changes from the source's log.
    Cdc,
}

/// What to do with rows whose cursor is NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NullCursor {
    /// Deliver them in every run.
    Include,
    Exclude,
    /// Fail if there is one.
    Error,
}
