//! From record batches to the bytes of a binary COPY. Rows that the columns cannot hold are refused before they are sent, as
//! far as that can be told here; the server has the last word on the others.

use arrow::array::{
    Array, ArrayRef, AsArray as _, BinaryArray, BooleanArray, Decimal128Array, Decimal256Array, RecordBatch,
    StringArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use bytes::{BufMut as _, Bytes, BytesMut};

use super::numeric::{Bounds, put_i128, put_i256, put_text};
use super::scalar::{date_out, keeps_digits, timestamp_out};
use super::{HEADER, Refusal, TRAILER};
use crate::connectors::postgres::data_type::Wire;
use crate::connectors::postgres::raw::row_length;
use crate::connectors::{ConnectorError, ErrorKind, LogicalType, Unit};

/// How one column is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Encoding {
    pub(in super::super) wire: Wire,
    /// Whether the plan has accepted, by a cast, that values are rounded.
    pub(in super::super) may_round: bool,
}

/// Whether values of this meaning can be sent in that form.
pub(in super::super) fn encodes(logical: &LogicalType, wire: Wire) -> bool {
    use LogicalType as L;
    let integer =
        matches!(logical, L::Int8 | L::Int16 | L::Int32 | L::Int64 | L::UInt8 | L::UInt16 | L::UInt32 | L::UInt64);
    match wire {
        Wire::Bool => matches!(logical, L::Boolean),
        Wire::Int2 | Wire::Int4 | Wire::Int8 => integer,
        Wire::Float4 => matches!(logical, L::Float32),
        Wire::Float8 => matches!(logical, L::Float32 | L::Float64),
        Wire::Numeric(_) => integer || matches!(logical, L::Decimal { .. } | L::Numeric),
        Wire::Text(_) => logical.arrow() == DataType::Utf8,
        Wire::Bytea => matches!(logical, L::Binary),
        Wire::Uuid => matches!(logical, L::Uuid | L::Text),
        Wire::Json | Wire::Jsonb => matches!(logical, L::Json | L::Text),
        Wire::Date => matches!(logical, L::Date),
        Wire::Time(_) => matches!(logical, L::Time),
        Wire::Timestamp { zoned, .. } => matches!(logical, L::Timestamp { zoned: ours, .. } if *ours == zoned),
    }
}

/// Rows as bytes, each findable, so that a part of them can be sent apart.
#[derive(Debug, Default)]
pub(in super::super) struct Encoded {
    bytes: Bytes,
    /// Where each row ends.
    ends: Vec<usize>,
    /// The row of the batch that each came from.
    pub(in super::super) origins: Vec<usize>,
    /// Rows that cannot be sent: row, column and reason.
    pub(in super::super) refused: Vec<(usize, usize, Refusal)>,
}

impl Encoded {
    /// Rows that are in this form already.
    pub(in super::super) fn of_rows(bytes: Bytes, fields: usize) -> Option<Self> {
        let mut ends = Vec::new();
        let mut end = 0;
        while end < bytes.len() {
            end += row_length(bytes.get(end..)?, fields).ok().flatten()?;
            ends.push(end);
        }
        Some(Self { bytes, origins: (0..ends.len()).collect(), ends, refused: Vec::new() })
    }

    /// One row's bytes.
    pub(in super::super) fn row(&self, row: usize) -> Bytes {
        let start = row.checked_sub(1).and_then(|row| self.ends.get(row)).copied().unwrap_or(0);
        self.bytes.slice(start..self.ends.get(row).copied().unwrap_or(start))
    }

    pub(in super::super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A whole COPY of these rows, in pieces: header, rows, trailer.
    pub(in super::super) fn copy(&self, rows: std::ops::Range<usize>) -> Vec<Bytes> {
        let before = |row: usize| row.checked_sub(1).and_then(|row| self.ends.get(row)).copied().unwrap_or(0);
        let mut rest = self.bytes.slice(before(rows.start)..before(rows.end));
        let mut pieces = vec![Bytes::from_static(HEADER)];
        while !rest.is_empty() {
            pieces.push(rest.split_to(rest.len().min(PIECE)));
        }
        pieces.push(Bytes::copy_from_slice(&TRAILER));
        pieces
    }
}

/// Bytes handed to the connection at once.
const PIECE: usize = 256 * 1024;

/// Encodes these rows of a batch; `pick` names for each column sent the batch's column and its form.
pub(in super::super) fn encode(
    records: &RecordBatch,
    pick: &[(usize, Encoding)],
    rows: impl Iterator<Item = usize>,
) -> Result<Encoded, ConnectorError> {
    let columns = pick
        .iter()
        .map(|(index, encoding)| {
            let array = records.columns().get(*index)?;
            Some((*index, array, Values::of(array)?, *encoding))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| ConnectorError::new(ErrorKind::Bug, "A batch has a column whose Arrow type is not its own."))?;
    let fields = i16::try_from(columns.len())
        .map_err(|_| ConnectorError::new(ErrorKind::BadData, "A table cannot have more than 1600 columns."))?;
    let mut encoded = Encoded::default();
    let mut out = BytesMut::with_capacity(records.get_array_memory_size().min(64 * 1024 * 1024));
    'row: for row in rows {
        let start = out.len();
        out.put_i16(fields);
        for (index, array, values, encoding) in &columns {
            if array.is_null(row) {
                out.put_i32(-1);
            } else if let Err(refusal) = values.put(row, *encoding, &mut out) {
                out.truncate(start);
                encoded.refused.push((row, *index, refusal));
                continue 'row;
            }
        }
        encoded.ends.push(out.len());
        encoded.origins.push(row);
    }
    encoded.bytes = out.freeze();
    Ok(encoded)
}

/// An array as what it is, found out once for all rows.
enum Values<'a> {
    Boolean(&'a BooleanArray),
    Int8(&'a [i8]),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    UInt8(&'a [u8]),
    UInt16(&'a [u16]),
    UInt32(&'a [u32]),
    UInt64(&'a [u64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal128(&'a Decimal128Array),
    Decimal256(&'a Decimal256Array),
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a [i32]),
    Time(&'a [i64]),
    Timestamp(&'a [i64], Unit),
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean_opt()?),
            DataType::Int8 => Self::Int8(array.as_primitive_opt::<Int8Type>()?.values()),
            DataType::Int16 => Self::Int16(array.as_primitive_opt::<Int16Type>()?.values()),
            DataType::Int32 => Self::Int32(array.as_primitive_opt::<Int32Type>()?.values()),
            DataType::Int64 => Self::Int64(array.as_primitive_opt::<Int64Type>()?.values()),
            DataType::UInt8 => Self::UInt8(array.as_primitive_opt::<UInt8Type>()?.values()),
            DataType::UInt16 => Self::UInt16(array.as_primitive_opt::<UInt16Type>()?.values()),
            DataType::UInt32 => Self::UInt32(array.as_primitive_opt::<UInt32Type>()?.values()),
            DataType::UInt64 => Self::UInt64(array.as_primitive_opt::<UInt64Type>()?.values()),
            DataType::Float32 => Self::Float32(array.as_primitive_opt::<Float32Type>()?.values()),
            DataType::Float64 => Self::Float64(array.as_primitive_opt::<Float64Type>()?.values()),
            DataType::Decimal128(..) => Self::Decimal128(array.as_primitive_opt::<Decimal128Type>()?),
            DataType::Decimal256(..) => Self::Decimal256(array.as_primitive_opt::<Decimal256Type>()?),
            DataType::Utf8 => Self::Text(array.as_string_opt()?),
            DataType::Binary => Self::Binary(array.as_binary_opt()?),
            DataType::Date32 => Self::Date(array.as_primitive_opt::<Date32Type>()?.values()),
            DataType::Time64(TimeUnit::Microsecond) => {
                Self::Time(array.as_primitive_opt::<Time64MicrosecondType>()?.values())
            }
            DataType::Timestamp(unit, _) => {
                let values = match unit {
                    TimeUnit::Second => array.as_primitive_opt::<TimestampSecondType>()?.values(),
                    TimeUnit::Millisecond => array.as_primitive_opt::<TimestampMillisecondType>()?.values(),
                    TimeUnit::Microsecond => array.as_primitive_opt::<TimestampMicrosecondType>()?.values(),
                    TimeUnit::Nanosecond => array.as_primitive_opt::<TimestampNanosecondType>()?.values(),
                };
                Self::Timestamp(values, (*unit).into())
            }
            _ => return None,
        })
    }

    /// Appends the value at a row that is not NULL, with its length before it.
    fn put(&self, row: usize, encoding: Encoding, out: &mut BytesMut) -> Result<(), Refusal> {
        match self {
            Self::Boolean(array) => sized(out, &[u8::from(array.value(row))]),
            Self::Int8(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::Int16(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::Int32(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::Int64(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::UInt8(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::UInt16(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::UInt32(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::UInt64(values) => put_integer(out, at(values, row)?.into(), encoding)?,
            Self::Float32(values) => match encoding.wire {
                Wire::Float8 => sized(out, &f64::from(at(values, row)?).to_be_bytes()),
                _ => sized(out, &at(values, row)?.to_be_bytes()),
            },
            Self::Float64(values) => sized(out, &at(values, row)?.to_be_bytes()),
            Self::Decimal128(array) => put_i128(out, array.value(row), array.scale().into(), bounds(encoding))?,
            Self::Decimal256(array) => put_i256(out, array.value(row), array.scale().into(), bounds(encoding))?,
            Self::Text(array) => put_string(out, array.value(row), encoding)?,
            Self::Binary(array) => {
                let bytes = array.value(row);
                if bytes.len() > MOST_BYTES {
                    return Err(Refusal::TOO_BIG);
                }
                sized(out, bytes);
            }
            Self::Date(values) => sized(out, &date_out(at(values, row)?)?.to_be_bytes()),
            Self::Time(values) => {
                let value = at(values, row)?;
                // 24:00:00 is a time to the server.
                if !(0..=86_400_000_000).contains(&value) {
                    return Err(Refusal::TIME_RANGE);
                }
                check_digits(value, encoding)?;
                sized(out, &value.to_be_bytes());
            }
            Self::Timestamp(values, unit) => {
                let value = timestamp_out(at(values, row)?, *unit, encoding.may_round)?;
                if !matches!(value, i64::MIN | i64::MAX) {
                    check_digits(value, encoding)?;
                }
                sized(out, &value.to_be_bytes());
            }
        }
        Ok(())
    }
}

/// Largest value that the server takes.
const MOST_BYTES: usize = 1_000_000_000;

fn at<T: Copy>(values: &[T], row: usize) -> Result<T, Refusal> {
    values.get(row).copied().ok_or(Refusal::MALFORMED)
}

fn sized(out: &mut BytesMut, bytes: &[u8]) {
    out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    out.put_slice(bytes);
}

fn bounds(encoding: Encoding) -> Bounds {
    let declared = match encoding.wire {
        Wire::Numeric(declared) => declared,
        _ => None,
    };
    Bounds { declared, may_round: encoding.may_round }
}

fn put_integer(out: &mut BytesMut, value: i128, encoding: Encoding) -> Result<(), Refusal> {
    match encoding.wire {
        Wire::Int2 => sized(out, &i16::try_from(value).map_err(|_| Refusal::OVERFLOW)?.to_be_bytes()),
        Wire::Int4 => sized(out, &i32::try_from(value).map_err(|_| Refusal::OVERFLOW)?.to_be_bytes()),
        Wire::Int8 => sized(out, &i64::try_from(value).map_err(|_| Refusal::OVERFLOW)?.to_be_bytes()),
        _ => put_i128(out, value, 0, bounds(encoding))?,
    }
    Ok(())
}

fn check_digits(microseconds: i64, encoding: Encoding) -> Result<(), Refusal> {
    let digits = match encoding.wire {
        Wire::Time(digits) | Wire::Timestamp { digits, .. } => digits,
        _ => 6,
    };
    if encoding.may_round || keeps_digits(microseconds, digits) { Ok(()) } else { Err(Refusal::ROUNDED) }
}

fn put_string(out: &mut BytesMut, text: &str, encoding: Encoding) -> Result<(), Refusal> {
    if text.len() > MOST_BYTES {
        return Err(Refusal::TOO_BIG);
    }
    match encoding.wire {
        Wire::Numeric(_) => return put_text(out, text, bounds(encoding)),
        Wire::Uuid => {
            let uuid = uuid::Uuid::try_parse(text).map_err(|_| Refusal::INVALID)?;
            sized(out, uuid.as_bytes());
            return Ok(());
        }
        _ => {}
    }
    if text.as_bytes().contains(&0) {
        return Err(Refusal::ENCODING);
    }
    match encoding.wire {
        // The server would cut trailing spaces off in silence, so the length is checked here.
        Wire::Text(Some(limit)) if text.len() > limit && text.chars().count() > limit => return Err(Refusal::TOO_LONG),
        Wire::Jsonb => {
            out.put_i32(i32::try_from(text.len() + 1).map_err(|_| Refusal::TOO_BIG)?);
            out.put_u8(1);
            out.put_slice(text.as_bytes());
        }
        _ => sized(out, text.as_bytes()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema};

    use super::*;

    #[test]
    fn a_row_that_cannot_be_held_is_refused_alone() {
        let array: ArrayRef =
            Arc::new(StringArray::from(vec![Some("ok"), Some("nu\0l"), None, Some("toolong"), Some("äöüßé")]));
        let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, true)]));
        let records = RecordBatch::try_new(schema, vec![array]).unwrap();
        let encoding = Encoding { wire: Wire::Text(Some(5)), may_round: false };
        let encoded = encode(&records, &[(0, encoding)], 0..5).unwrap();
        assert_eq!(encoded.refused, vec![(1, 0, Refusal::ENCODING), (3, 0, Refusal::TOO_LONG)]);
        assert_eq!(encoded.origins, vec![0, 2, 4]);
        let apart = encoded.copy(1..2).concat();
        assert_eq!(apart, [HEADER, &[0, 1, 255, 255, 255, 255], &TRAILER].concat());
    }
}
