//! What a stream looks like: names, columns, types. A type is logical (what the values mean) plus the origin's own
//! spelling, so that a copy within one family of systems is exact, and a copy across is lossless or said to be lossy.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

/// Field metadata key: the logical type, as JSON.
pub const LOGICAL_KEY: &str = "towpath.logical";
/// Field metadata key: the origin's own spelling with its family, such as `postgres:numeric(12,2)`.
pub const ORIGIN_KEY: &str = "towpath.origin";

/// What the values of a column mean. Each has exactly one Arrow form, see [`LogicalType::arrow`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogicalType {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    /// Exact decimal of at most 76 digits.
    Decimal {
        precision: u8,
        scale: i8,
    },
    /// Exact number without declared bounds, as decimal text; `NaN`, `Infinity` and `-Infinity` may occur.
    Numeric,
    Text,
    Binary,
    /// Lower-case hyphenated text.
    Uuid,
    /// JSON text, as the source gave it.
    Json,
    /// Days since 1970-01-01; `i32::MAX` and `i32::MIN` stand for infinity and minus infinity.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Since 1970-01-01 in `unit`; `i64::MAX` and `i64::MIN` stand for infinity and minus infinity.
    /// `zoned`: an instant (UTC); otherwise a wall clock reading without zone.
    Timestamp {
        unit: Unit,
        zoned: bool,
    },
    /// A span in the source's own text form.
    Interval,
    /// One of a set of names.
    Enum,
    /// An array in the source's own text form.
    Array,
    /// Anything else, in the source's own text form.
    Other,
}

/// The finest part of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl From<Unit> for TimeUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Second => Self::Second,
            Unit::Millisecond => Self::Millisecond,
            Unit::Microsecond => Self::Microsecond,
            Unit::Nanosecond => Self::Nanosecond,
        }
    }
}

impl From<TimeUnit> for Unit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => Self::Second,
            TimeUnit::Millisecond => Self::Millisecond,
            TimeUnit::Microsecond => Self::Microsecond,
            TimeUnit::Nanosecond => Self::Nanosecond,
        }
    }
}

impl LogicalType {
    /// The one Arrow type that carries values of this logical type.
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt16 => DataType::UInt16,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Decimal { precision, scale } if *precision <= 38 => DataType::Decimal128(*precision, *scale),
            Self::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp { unit, zoned } => DataType::Timestamp((*unit).into(), zoned.then(|| Arc::from("UTC"))),
            Self::Numeric
            | Self::Text
            | Self::Uuid
            | Self::Json
            | Self::Interval
            | Self::Enum
            | Self::Array
            | Self::Other => DataType::Utf8,
        }
    }

    /// Whether values have a total order that every system agrees on, so that the column can be a cursor.
    pub fn is_orderable(&self) -> bool {
        matches!(
            self,
            Self::Int8
                | Self::Int16
                | Self::Int32
                | Self::Int64
                | Self::UInt8
                | Self::UInt16
                | Self::UInt32
                | Self::UInt64
                | Self::Decimal { .. }
                | Self::Date
                | Self::Timestamp { .. }
                | Self::Text
                | Self::Uuid
        )
    }

    pub fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Int8
                | Self::Int16
                | Self::Int32
                | Self::Int64
                | Self::UInt8
                | Self::UInt16
                | Self::UInt32
                | Self::UInt64
                | Self::Float32
                | Self::Float64
                | Self::Decimal { .. }
                | Self::Numeric
        )
    }

    pub fn is_temporal(&self) -> bool {
        matches!(self, Self::Date | Self::Time | Self::Timestamp { .. })
    }
}

/// A column's type: its meaning and how the system that owns the column spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColumnType {
    pub logical: LogicalType,
    /// The connector family, such as `postgres`; the type is exact only within it.
    pub family: String,
    /// As the owner spells it: `numeric(12,2)`, `timestamp with time zone`.
    pub spelled: String,
}

impl ColumnType {
    pub fn new(logical: LogicalType, family: &str, spelled: impl Into<String>) -> Self {
        Self { logical, family: family.to_owned(), spelled: spelled.into() }
    }
}

/// One column of a stream or of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: ColumnType,
    pub nullable: bool,
    /// Text of the user's system: untrusted.
    #[serde(default)]
    pub comment: Option<String>,
    /// First column of some index.
    #[serde(default)]
    pub indexed: bool,
    /// Computed by the system; can be read, not written.
    #[serde(default)]
    pub generated: bool,
}

impl Column {
    pub fn new(name: impl Into<String>, data_type: ColumnType, nullable: bool) -> Self {
        Self { name: name.into(), data_type, nullable, comment: None, indexed: false, generated: false }
    }

    /// The Arrow field of this column, with logical type and origin as metadata. Always nullable in Arrow: a system's
    /// own word that a column has no NULLs is checked where it is written, not trusted in between.
    pub fn field(&self) -> Field {
        let logical = serde_json::to_string(&self.data_type.logical).unwrap_or_default();
        let origin = format!("{}:{}", self.data_type.family, self.data_type.spelled);
        Field::new(&self.name, self.data_type.logical.arrow(), true)
            .with_metadata(HashMap::from([(LOGICAL_KEY.to_owned(), logical), (ORIGIN_KEY.to_owned(), origin)]))
    }
}

/// The Arrow schema of these columns, in order.
pub fn arrow_schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()))
}

/// A stream in a list: enough to choose by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSummary {
    /// As plans name it, unique within the connection: `public.customers`, `orders`.
    pub stream: String,
    #[serde(default)]
    pub namespace: Option<String>,
    pub name: String,
    /// Estimated rows.
    #[serde(default)]
    pub rows: Option<u64>,
    /// Estimated bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Text of the user's system: untrusted.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether the account may read it.
    pub readable: bool,
}

/// A stream in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamSchema {
    #[serde(flatten)]
    pub summary: StreamSummary,
    pub columns: Vec<Column>,
    /// Empty when it has none.
    pub primary_key: Vec<String>,
}

impl StreamSchema {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Where rows go: a table, or a folder of files.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TargetName {
    /// The connector's default (such as `public` or `main`) when absent.
    #[serde(default)]
    pub namespace: Option<String>,
    pub name: String,
}

impl std::fmt::Display for TargetName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What stands at a target today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetState {
    pub target: TargetName,
    /// Exact where counting is cheap, otherwise the system's estimate; `Some(0)` only when it is known to be empty.
    pub rows: Option<u64>,
    pub columns: Vec<Column>,
    /// Whether this product made it (it carries our metadata columns).
    pub ours: bool,
}

/// What becomes of a type at a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landing {
    /// As the destination spells it.
    pub target_type: String,
    pub fidelity: Fidelity,
    /// The representation used, or what is lost.
    pub note: Option<String>,
}

/// How faithfully a type lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// Same values, same type family.
    Exact,
    /// Every value can be got back, in another representation, which the note states.
    Lossless,
    /// Some values change; the note says how. Refused unless the plan accepts it by a cast.
    Lossy,
}
