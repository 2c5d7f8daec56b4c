//! SQLite's values as a column's logical type. Any column may hold anything; what does not fit is refused, never bent.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, RecordBatch, RecordBatchOptions,
    StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder, TimestampMillisecondBuilder,
    TimestampNanosecondBuilder, TimestampSecondBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::i256;
use arrow::error::ArrowError;
use rusqlite::types::ValueRef;

use super::IntegerTime;
use crate::connectors::decimal::{Decimal, is_numeric_text};
use crate::connectors::schema::arrow_schema;
use crate::connectors::{Column, ConnectorError, ErrorKind, LogicalType, Unit, moment};

/// One value on its way into a batch.
#[derive(Debug)]
pub(super) enum Cell {
    Null,
    Boolean(bool),
    /// Integers of every width, dates, times and timestamps.
    Integer(i128),
    Float(f64),
    Decimal128(i128),
    Decimal256(i256),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// Bytes that it takes in a batch, about.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) => 1,
            Self::Integer(_) | Self::Float(_) => 8,
            Self::Decimal128(_) => 16,
            Self::Decimal256(_) => 32,
            Self::Text(text) => text.len() + 4,
            Self::Bytes(bytes) => bytes.len() + 4,
        }
    }
}

/// The value as this logical type; `None` when it is none.
pub(super) fn decode(value: ValueRef<'_>, logical: &LogicalType, integers: IntegerTime) -> Option<Cell> {
    if matches!(value, ValueRef::Null) {
        return Some(Cell::Null);
    }
    match logical {
        LogicalType::Boolean => boolean(value).map(Cell::Boolean),
        LogicalType::Int8 => integer(value, i8::MIN.into(), i8::MAX.into()),
        LogicalType::Int16 => integer(value, i16::MIN.into(), i16::MAX.into()),
        LogicalType::Int32 => integer(value, i32::MIN.into(), i32::MAX.into()),
        LogicalType::Int64 => integer(value, i64::MIN.into(), i64::MAX.into()),
        LogicalType::UInt8 => integer(value, 0, u8::MAX.into()),
        LogicalType::UInt16 => integer(value, 0, u16::MAX.into()),
        LogicalType::UInt32 => integer(value, 0, u32::MAX.into()),
        LogicalType::UInt64 => integer(value, 0, u64::MAX.into()),
        LogicalType::Float32 => float(value).filter(|value| narrow(*value).is_some()).map(Cell::Float),
        LogicalType::Float64 => float(value).map(Cell::Float),
        LogicalType::Decimal { precision, scale } => {
            let decimal = decimal(value)?;
            if *precision <= 38 {
                decimal.to_i128(*precision, *scale).map(Cell::Decimal128)
            } else {
                decimal.to_i256(*precision, *scale).map(Cell::Decimal256)
            }
        }
        LogicalType::Numeric => numeric(value).map(Cell::Text),
        LogicalType::Binary => match value {
            ValueRef::Blob(bytes) => Some(Cell::Bytes(bytes.to_vec())),
            _ => None,
        },
        LogicalType::Uuid => uuid(value).map(Cell::Text),
        LogicalType::Json => {
            let text = loose_text(value)?;
            serde_json::from_str::<serde::de::IgnoredAny>(&text).ok()?;
            Some(Cell::Text(text))
        }
        LogicalType::Date => date(value, integers).map(|days| Cell::Integer(days.into())),
        LogicalType::Time => moment::parse_time(text(value)?).map(|micros| Cell::Integer(micros.into())),
        LogicalType::Timestamp { unit, .. } => {
            timestamp(value, *unit, integers).map(|ticks| Cell::Integer(ticks.into()))
        }
        LogicalType::Text | LogicalType::Interval | LogicalType::Enum | LogicalType::Array | LogicalType::Other => {
            loose_text(value).map(Cell::Text)
        }
    }
}

fn text(value: ValueRef<'_>) -> Option<&str> {
    match value {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Text, or a number's text: a column declared `STRING` turns `7` into a number by itself.
fn loose_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(_) => text(value).map(str::to_owned),
        ValueRef::Integer(value) => Some(value.to_string()),
        ValueRef::Real(value) => Decimal::of_float(value).map(|decimal| decimal.to_string()),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

fn boolean(value: ValueRef<'_>) -> Option<bool> {
    match value {
        ValueRef::Integer(0) => Some(false),
        ValueRef::Integer(1) => Some(true),
        ValueRef::Text(_) => match text(value)?.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Some(true),
            "false" | "f" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn integer(value: ValueRef<'_>, low: i128, high: i128) -> Option<Cell> {
    let number = match value {
        ValueRef::Integer(value) => i128::from(value),
        ValueRef::Text(_) => text(value)?.parse().ok()?,
        _ => return None,
    };
    (low..=high).contains(&number).then_some(Cell::Integer(number))
}

fn float(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Real(value) => Some(value),
        ValueRef::Integer(value) => exact_float(value),
        ValueRef::Text(_) => match text(value)? {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            // A column of text affinity holds a float as its shortest text.
            text => text.parse().ok().filter(|value: &f64| value.is_finite() && value.to_string() == text),
        },
        _ => None,
    }
}

/// The float of the same worth, if there is one.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the way back is compared")]
fn exact_float(value: i64) -> Option<f64> {
    let float = value as f64;
    (float as i128 == i128::from(value)).then_some(float)
}

/// The narrow float of the same worth, if there is one.
#[expect(clippy::cast_possible_truncation, clippy::float_cmp, reason = "the way back is compared")]
fn narrow(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (value.is_nan() || f64::from(narrow) == value).then_some(narrow)
}

fn decimal(value: ValueRef<'_>) -> Option<Decimal> {
    match value {
        ValueRef::Integer(value) => Decimal::parse(&value.to_string()),
        ValueRef::Real(value) => Decimal::of_float(value),
        ValueRef::Text(_) => Decimal::parse(text(value)?),
        _ => None,
    }
}

fn numeric(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Real(value) if value.is_infinite() => {
            Some(if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
        }
        ValueRef::Text(_) => {
            let text = text(value)?;
            if text.contains(['e', 'E', '+']) {
                return Decimal::parse(text).map(|decimal| decimal.to_string());
            }
            is_numeric_text(text).then(|| text.to_owned())
        }
        _ => decimal(value).map(|decimal| decimal.to_string()),
    }
}

fn uuid(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(_) => uuid::Uuid::try_parse(text(value)?).ok().map(|uuid| uuid.to_string()),
        ValueRef::Blob(bytes) => uuid::Uuid::from_slice(bytes).ok().map(|uuid| uuid.to_string()),
        _ => None,
    }
}

fn date(value: ValueRef<'_>, integers: IntegerTime) -> Option<i32> {
    match value {
        ValueRef::Text(_) => moment::parse_date(text(value)?),
        ValueRef::Integer(_) => {
            let seconds = timestamp(value, Unit::Second, integers)?;
            if seconds % 86_400 == 0 { i32::try_from(seconds / 86_400).ok() } else { None }
        }
        _ => None,
    }
}

fn timestamp(value: ValueRef<'_>, unit: Unit, integers: IntegerTime) -> Option<i64> {
    match value {
        ValueRef::Text(_) => moment::parse_timestamp(text(value)?, unit),
        ValueRef::Integer(value) => {
            let per_second = match integers {
                IntegerTime::Seconds => 1,
                IntegerTime::Milliseconds => 1_000,
            };
            // Beyond the year 9999 it is no time in this unit, but one in another.
            if value.unsigned_abs() > 253_402_300_799 * per_second {
                return None;
            }
            let ticks = i128::from(value) * i128::from(moment::per_second(unit));
            let per_second = i128::from(per_second);
            if ticks % per_second == 0 { i64::try_from(ticks / per_second).ok() } else { None }
        }
        _ => None,
    }
}

/// Collects decoded rows into a batch.
pub(super) struct Filler {
    columns: Vec<Column>,
    builders: Vec<Builder>,
    rows: usize,
    bytes: usize,
}

enum Builder {
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    UInt8(UInt8Builder),
    UInt16(UInt16Builder),
    UInt32(UInt32Builder),
    UInt64(UInt64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal128(Decimal128Builder),
    Decimal256(Decimal256Builder),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Second(TimestampSecondBuilder),
    Millisecond(TimestampMillisecondBuilder),
    Microsecond(TimestampMicrosecondBuilder),
    Nanosecond(TimestampNanosecondBuilder),
}

impl Filler {
    pub(super) fn new(columns: Vec<Column>) -> Result<Self, ConnectorError> {
        let builders = columns.iter().map(|column| builder(&column.data_type.logical)).collect::<Result<_, _>>();
        Ok(Self { builders: builders.map_err(broken)?, columns, rows: 0, bytes: 0 })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a row of one cell per column.
    pub(super) fn push(&mut self, cells: Vec<Cell>) {
        self.rows += 1;
        self.bytes += cells.iter().map(Cell::size).sum::<usize>();
        for (builder, cell) in self.builders.iter_mut().zip(cells) {
            append(builder, cell);
        }
    }

    /// Hands out what was collected and starts anew.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ConnectorError> {
        // A filter over constants alone reads rows without any column.
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        let arrays =
            self.builders.iter_mut().zip(&self.columns).map(|(builder, column)| finish(builder, column)).collect();
        RecordBatch::try_new_with_options(arrow_schema(&self.columns), arrays, &options).map_err(broken)
    }
}

fn broken(error: ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::Bug, "Rows of SQLite do not make a batch.").because(error)
}

fn builder(logical: &LogicalType) -> Result<Builder, ArrowError> {
    Ok(match logical {
        LogicalType::Boolean => Builder::Boolean(BooleanBuilder::new()),
        LogicalType::Int8 => Builder::Int8(Int8Builder::new()),
        LogicalType::Int16 => Builder::Int16(Int16Builder::new()),
        LogicalType::Int32 => Builder::Int32(Int32Builder::new()),
        LogicalType::Int64 => Builder::Int64(Int64Builder::new()),
        LogicalType::UInt8 => Builder::UInt8(UInt8Builder::new()),
        LogicalType::UInt16 => Builder::UInt16(UInt16Builder::new()),
        LogicalType::UInt32 => Builder::UInt32(UInt32Builder::new()),
        LogicalType::UInt64 => Builder::UInt64(UInt64Builder::new()),
        LogicalType::Float32 => Builder::Float32(Float32Builder::new()),
        LogicalType::Float64 => Builder::Float64(Float64Builder::new()),
        LogicalType::Decimal { precision, scale } if *precision <= 38 => {
            Builder::Decimal128(Decimal128Builder::new().with_precision_and_scale(*precision, *scale)?)
        }
        LogicalType::Decimal { precision, scale } => {
            Builder::Decimal256(Decimal256Builder::new().with_precision_and_scale(*precision, *scale)?)
        }
        LogicalType::Binary => Builder::Binary(BinaryBuilder::new()),
        LogicalType::Date => Builder::Date(Date32Builder::new()),
        LogicalType::Time => Builder::Time(Time64MicrosecondBuilder::new()),
        LogicalType::Timestamp { unit: Unit::Second, .. } => Builder::Second(TimestampSecondBuilder::new()),
        LogicalType::Timestamp { unit: Unit::Millisecond, .. } => {
            Builder::Millisecond(TimestampMillisecondBuilder::new())
        }
        LogicalType::Timestamp { unit: Unit::Microsecond, .. } => {
            Builder::Microsecond(TimestampMicrosecondBuilder::new())
        }
        LogicalType::Timestamp { unit: Unit::Nanosecond, .. } => Builder::Nanosecond(TimestampNanosecondBuilder::new()),
        LogicalType::Numeric
        | LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Json
        | LogicalType::Interval
        | LogicalType::Enum
        | LogicalType::Array
        | LogicalType::Other => Builder::Text(StringBuilder::new()),
    })
}

fn append(builder: &mut Builder, cell: Cell) {
    // `decode` has held every number against its column's bounds.
    let integer = if let Cell::Integer(value) = cell { Some(value) } else { None };
    match builder {
        Builder::Boolean(builder) => {
            builder.append_option(if let Cell::Boolean(value) = cell { Some(value) } else { None });
        }
        Builder::Int8(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Int16(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Int32(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Int64(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::UInt8(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::UInt16(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::UInt32(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::UInt64(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Float32(builder) => {
            builder.append_option(if let Cell::Float(value) = cell { narrow(value) } else { None });
        }
        Builder::Float64(builder) => {
            builder.append_option(if let Cell::Float(value) = cell { Some(value) } else { None });
        }
        Builder::Decimal128(builder) => {
            builder.append_option(if let Cell::Decimal128(value) = cell { Some(value) } else { None });
        }
        Builder::Decimal256(builder) => {
            builder.append_option(if let Cell::Decimal256(value) = cell { Some(value) } else { None });
        }
        Builder::Text(builder) => builder.append_option(if let Cell::Text(value) = cell { Some(value) } else { None }),
        Builder::Binary(builder) => {
            builder.append_option(if let Cell::Bytes(value) = cell { Some(value) } else { None });
        }
        Builder::Date(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Time(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Second(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Millisecond(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Microsecond(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
        Builder::Nanosecond(builder) => builder.append_option(integer.and_then(|value| value.try_into().ok())),
    }
}

fn finish(builder: &mut Builder, column: &Column) -> ArrayRef {
    let zone = match column.data_type.logical {
        LogicalType::Timestamp { zoned: true, .. } => Some("UTC"),
        _ => None,
    };
    match builder {
        Builder::Boolean(builder) => Arc::new(builder.finish()),
        Builder::Int8(builder) => Arc::new(builder.finish()),
        Builder::Int16(builder) => Arc::new(builder.finish()),
        Builder::Int32(builder) => Arc::new(builder.finish()),
        Builder::Int64(builder) => Arc::new(builder.finish()),
        Builder::UInt8(builder) => Arc::new(builder.finish()),
        Builder::UInt16(builder) => Arc::new(builder.finish()),
        Builder::UInt32(builder) => Arc::new(builder.finish()),
        Builder::UInt64(builder) => Arc::new(builder.finish()),
        Builder::Float32(builder) => Arc::new(builder.finish()),
        Builder::Float64(builder) => Arc::new(builder.finish()),
        Builder::Decimal128(builder) => Arc::new(builder.finish()),
        Builder::Decimal256(builder) => Arc::new(builder.finish()),
        Builder::Text(builder) => Arc::new(builder.finish()),
        Builder::Binary(builder) => Arc::new(builder.finish()),
        Builder::Date(builder) => Arc::new(builder.finish()),
        Builder::Time(builder) => Arc::new(builder.finish()),
        Builder::Second(builder) => Arc::new(builder.finish().with_timezone_opt(zone)),
        Builder::Millisecond(builder) => Arc::new(builder.finish().with_timezone_opt(zone)),
        Builder::Microsecond(builder) => Arc::new(builder.finish().with_timezone_opt(zone)),
        Builder::Nanosecond(builder) => Arc::new(builder.finish().with_timezone_opt(zone)),
    }
}
