//! From the bytes of a binary COPY to record batches. Rows that their types cannot hold come out as rejected, with the others
//! untouched.

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanArray, BooleanBuilder, Date32Builder, Decimal128Builder,
    Decimal256Builder, Float32Builder, Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder,
    PrimitiveBuilder, RecordBatch, RecordBatchOptions, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder, TimestampMillisecondBuilder, TimestampNanosecondBuilder, TimestampSecondBuilder,
    UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{ArrowPrimitiveType, SchemaRef, i256};

use super::numeric::Numeric;
use super::scalar::{date_in, integer, timestamp_in, uuid_text};
use super::{HEADER, Refusal};
use crate::connectors::postgres::data_type::Wire;
use crate::connectors::spelling::spell;
use crate::connectors::{Column, ConnectorError, ErrorKind, LogicalType, RejectedRow, Unit, schema};

/// Upper limits of one batch.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Limits {
    pub(in super::super) rows: usize,
    pub(in super::super) bytes: usize,
}

/// Text offsets have 31 bits; and a builder that holds uuids or numbers grows beyond the bytes that came.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// What one look at the bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// This many bytes are done with.
    Taken(usize),
    /// The next row is not there in full.
    NeedMore,
    /// The batch is full; take it, then come again with the same bytes.
    Full,
    /// The trailer, after which nothing may follow.
    End(usize),
}

/// Rows as they came out of the bytes.
#[derive(Debug)]
pub(in super::super) struct Decoded {
    pub(in super::super) records: RecordBatch,
    pub(in super::super) rejected: Vec<RejectedRow>,
}

/// Gathers rows into one batch after another.
pub(in super::super) struct BatchDecoder {
    stream: String,
    schema: SchemaRef,
    columns: Vec<ColumnDecoder>,
    limits: Limits,
    header_seen: bool,
    rows: usize,
    bytes: usize,
    /// Rows seen in all, for their positions.
    seen: u64,
    /// Start and length of each field of the row at hand.
    spans: Vec<Option<(usize, usize)>>,
    refused: Vec<Refused>,
}

struct Refused {
    row: usize,
    position: u64,
    column: usize,
    refusal: Refusal,
    value: String,
}

impl BatchDecoder {
    pub(in super::super) fn new(stream: &str, columns: &[Column], wires: &[Wire], limits: Limits) -> Self {
        Self {
            stream: stream.to_owned(),
            schema: schema::arrow_schema(columns),
            columns: columns
                .iter()
                .zip(wires)
                .map(|(column, wire)| {
                    let logical = column.data_type.logical.clone();
                    ColumnDecoder { wire: *wire, builder: Builder::new(&logical, 0, 0), logical }
                })
                .collect(),
            limits: Limits { rows: limits.rows.max(1), bytes: limits.bytes.clamp(1, MOST_BYTES) },
            header_seen: false,
            rows: 0,
            bytes: 0,
            seen: 0,
            spans: Vec::with_capacity(columns.len()),
            refused: Vec::new(),
        }
    }

    /// A new COPY begins; rows gathered so far stay.
    pub(in super::super) fn restart(&mut self) {
        self.header_seen = false;
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Looks at the next row in `data`, which begins where the last step ended.
    pub(in super::super) fn step(&mut self, data: &[u8]) -> Result<Step, ConnectorError> {
        if !self.header_seen {
            let Some(head) = data.get(..HEADER.len()) else { return Ok(Step::NeedMore) };
            // Neither flags nor an extension are known to exist.
            if head != HEADER {
                return Err(self.malformed());
            }
            self.header_seen = true;
            return Ok(Step::Taken(HEADER.len()));
        }
        let Some((count, _)) = data.split_first_chunk::<2>() else { return Ok(Step::NeedMore) };
        match i16::from_be_bytes(*count) {
            -1 => return Ok(Step::End(2)),
            count if usize::try_from(count).ok() == Some(self.columns.len()) => {}
            _ => return Err(self.malformed()),
        }
        let mut offset = 2;
        self.spans.clear();
        for _ in 0..self.columns.len() {
            let Some((length, _)) = data.get(offset..).and_then(|rest| rest.split_first_chunk::<4>()) else {
                return Ok(Step::NeedMore);
            };
            offset += 4;
            match i32::from_be_bytes(*length) {
                -1 => self.spans.push(None),
                length => {
                    let length = usize::try_from(length).map_err(|_| self.malformed())?;
                    self.spans.push(Some((offset, length)));
                    offset += length;
                }
            }
        }
        if data.len() < offset {
            return Ok(Step::NeedMore);
        }
        if self.rows > 0 && (self.rows >= self.limits.rows || self.bytes + offset > self.limits.bytes) {
            return Ok(Step::Full);
        }
        self.append(data)?;
        self.rows += 1;
        self.bytes += offset;
        self.seen += 1;
        Ok(Step::Taken(offset))
    }

    fn append(&mut self, data: &[u8]) -> Result<(), ConnectorError> {
        let mut refused = None;
        for (index, (column, span)) in self.columns.iter_mut().zip(&self.spans).enumerate() {
            let field = span.and_then(|(start, length)| data.get(start..start + length));
            if let Err(refusal) = column.append(field) {
                column.builder.append_null();
                if refused.is_none() {
                    refused = Some((index, refusal, field.map(|bytes| column.show(bytes)).unwrap_or_default()));
                }
            }
        }
        if let Some((column, refusal, value)) = refused {
            if refusal == Refusal::MALFORMED {
                return Err(self.malformed());
            }
            self.refused.push(Refused { row: self.rows, position: self.seen + 1, column, refusal, value });
        }
        Ok(())
    }

    /// The batch gathered so far, without the rows that were refused.
    pub(in super::super) fn take(&mut self) -> Result<Decoded, ConnectorError> {
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(|column| column.finish(self.rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let unfit = |error: arrow::error::ArrowError| {
            ConnectorError::new(ErrorKind::Bug, format!("Rows of `{}` did not form a batch.", self.stream))
                .because(error)
        };
        let mut records =
            RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), arrays, &options).map_err(unfit)?;
        let refused = std::mem::take(&mut self.refused);
        let rejected = refused.iter().map(|refused| self.rejected(refused, &records)).collect();
        if !refused.is_empty() {
            let mut keep = vec![true; self.rows];
            for refused in &refused {
                if let Some(keep) = keep.get_mut(refused.row) {
                    *keep = false;
                }
            }
            records = arrow::compute::filter_record_batch(&records, &BooleanArray::from(keep)).map_err(unfit)?;
        }
        self.rows = 0;
        self.bytes = 0;
        Ok(Decoded { records, rejected })
    }

    fn rejected(&self, refused: &Refused, records: &RecordBatch) -> RejectedRow {
        let column = self.schema.fields().get(refused.column).map(|field| field.name().as_str()).unwrap_or_default();
        let mut row = serde_json::Map::new();
        for (index, (field, array)) in self.schema.fields().iter().zip(records.columns()).enumerate() {
            let value =
                if index == refused.column { refused.value.clone().into() } else { show_cell(array, refused.row) };
            row.insert(field.name().clone(), value);
        }
        RejectedRow {
            position: format!("row {} of `{}`", refused.position, self.stream),
            code: refused.refusal.code.to_owned(),
            reason: format!("Column `{column}`: {}.", refused.refusal.what),
            row: Some(serde_json::Value::Object(row).to_string()),
        }
    }

    fn malformed(&self) -> ConnectorError {
        let message = format!("Reading `{}`: {}.", self.stream, Refusal::MALFORMED.what);
        ConnectorError::new(ErrorKind::Bug, message)
    }
}

/// One cell as JSON: its text, or null.
pub(in super::super) fn show_cell(array: &ArrayRef, row: usize) -> serde_json::Value {
    spell(array, row).map_or(serde_json::Value::Null, Into::into)
}

struct ColumnDecoder {
    wire: Wire,
    logical: LogicalType,
    builder: Builder,
}

impl ColumnDecoder {
    fn append(&mut self, field: Option<&[u8]>) -> Result<(), Refusal> {
        if let Some(bytes) = field {
            return self.builder.append(self.wire, bytes);
        }
        self.builder.append_null();
        Ok(())
    }

    /// The values so far. The next batch will be much like this one, and finds room for as many.
    fn finish(&mut self, rows: usize) -> ArrayRef {
        let array = self.builder.finish();
        let data = array.to_data();
        let bytes = data.buffers().get(1).map_or(0, |buffer| buffer.len() + buffer.len() / 16);
        self.builder = Builder::new(&self.logical, rows, bytes);
        array
    }

    /// A refused value, for the row that is kept.
    fn show(&self, bytes: &[u8]) -> String {
        match self.wire {
            Wire::Numeric(_) => {
                let mut text = String::new();
                let written = Numeric::parse(bytes).map(|numeric| numeric.write(&mut text));
                if matches!(written, Some(Ok(()))) { text } else { String::new() }
            }
            Wire::Text(_) | Wire::Json | Wire::Jsonb => String::from_utf8_lossy(bytes).into_owned(),
            Wire::Date => integer(bytes).map(|days| format!("{days} days after 2000-01-01")).unwrap_or_default(),
            Wire::Timestamp { .. } => {
                integer(bytes).map(|value| format!("{value} microseconds after 2000-01-01")).unwrap_or_default()
            }
            _ => integer(bytes).map(|value| value.to_string()).unwrap_or_default(),
        }
    }
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
    Decimal128(Decimal128Builder, i32, i128),
    Decimal256(Decimal256Builder, i32, i256),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Second(TimestampSecondBuilder),
    Millisecond(TimestampMillisecondBuilder),
    Microsecond(TimestampMicrosecondBuilder),
    Nanosecond(TimestampNanosecondBuilder),
}

impl Builder {
    /// With room for so many values and, where they have no fixed size, so many bytes.
    fn new(logical: &LogicalType, rows: usize, bytes: usize) -> Self {
        let arrow = logical.arrow();
        match logical {
            LogicalType::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            LogicalType::Int8 => Self::Int8(Int8Builder::with_capacity(rows)),
            LogicalType::Int16 => Self::Int16(Int16Builder::with_capacity(rows)),
            LogicalType::Int32 => Self::Int32(Int32Builder::with_capacity(rows)),
            LogicalType::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            LogicalType::UInt8 => Self::UInt8(UInt8Builder::with_capacity(rows)),
            LogicalType::UInt16 => Self::UInt16(UInt16Builder::with_capacity(rows)),
            LogicalType::UInt32 => Self::UInt32(UInt32Builder::with_capacity(rows)),
            LogicalType::UInt64 => Self::UInt64(UInt64Builder::with_capacity(rows)),
            LogicalType::Float32 => Self::Float32(Float32Builder::with_capacity(rows)),
            LogicalType::Float64 => Self::Float64(Float64Builder::with_capacity(rows)),
            LogicalType::Decimal { precision, scale } if *precision <= 38 => {
                let limit = 10_i128.checked_pow(u32::from(*precision)).unwrap_or(i128::MAX);
                Self::Decimal128(Decimal128Builder::with_capacity(rows).with_data_type(arrow), i32::from(*scale), limit)
            }
            LogicalType::Decimal { precision, scale } => {
                let limit = i256::from_i128(10).checked_pow(u32::from(*precision)).unwrap_or(i256::MAX);
                Self::Decimal256(Decimal256Builder::with_capacity(rows).with_data_type(arrow), i32::from(*scale), limit)
            }
            LogicalType::Binary => Self::Binary(BinaryBuilder::with_capacity(rows, bytes)),
            LogicalType::Date => Self::Date(Date32Builder::with_capacity(rows)),
            LogicalType::Time => Self::Time(Time64MicrosecondBuilder::with_capacity(rows)),
            LogicalType::Timestamp { unit, .. } => match unit {
                Unit::Second => Self::Second(TimestampSecondBuilder::with_capacity(rows).with_data_type(arrow)),
                Unit::Millisecond => {
                    Self::Millisecond(TimestampMillisecondBuilder::with_capacity(rows).with_data_type(arrow))
                }
                Unit::Microsecond => {
                    Self::Microsecond(TimestampMicrosecondBuilder::with_capacity(rows).with_data_type(arrow))
                }
                Unit::Nanosecond => {
                    Self::Nanosecond(TimestampNanosecondBuilder::with_capacity(rows).with_data_type(arrow))
                }
            },
            _ => Self::Text(StringBuilder::with_capacity(rows, bytes)),
        }
    }

    fn append(&mut self, wire: Wire, bytes: &[u8]) -> Result<(), Refusal> {
        let malformed = Refusal::MALFORMED;
        match self {
            Self::Boolean(builder) => match bytes {
                [value] => builder.append_value(*value != 0),
                _ => return Err(malformed),
            },
            Self::Int8(builder) => append_integer(builder, bytes)?,
            Self::Int16(builder) => append_integer(builder, bytes)?,
            Self::Int32(builder) => append_integer(builder, bytes)?,
            Self::Int64(builder) => append_integer(builder, bytes)?,
            Self::UInt8(builder) => append_integer(builder, bytes)?,
            Self::UInt16(builder) => append_integer(builder, bytes)?,
            Self::UInt32(builder) => append_integer(builder, bytes)?,
            Self::UInt64(builder) if matches!(wire, Wire::Numeric(_)) => {
                let value = Numeric::parse(bytes).ok_or(malformed)?.unscaled::<i128>(0)?;
                builder.append_value(u64::try_from(value).map_err(|_| Refusal::OVERFLOW)?);
            }
            Self::UInt64(builder) => append_integer(builder, bytes)?,
            Self::Float32(builder) => {
                builder.append_value(f32::from_be_bytes(bytes.try_into().map_err(|_| malformed)?));
            }
            Self::Float64(builder) => {
                builder.append_value(f64::from_be_bytes(bytes.try_into().map_err(|_| malformed)?));
            }
            Self::Decimal128(builder, scale, limit) => {
                let value = Numeric::parse(bytes).ok_or(malformed)?.unscaled::<i128>(*scale)?;
                if value.unsigned_abs() >= limit.unsigned_abs() {
                    return Err(Refusal::OVERFLOW);
                }
                builder.append_value(value);
            }
            Self::Decimal256(builder, scale, limit) => {
                let value = Numeric::parse(bytes).ok_or(malformed)?.unscaled::<i256>(*scale)?;
                if value.wrapping_abs() >= *limit {
                    return Err(Refusal::OVERFLOW);
                }
                builder.append_value(value);
            }
            Self::Text(builder) => append_text(builder, wire, bytes)?,
            Self::Binary(builder) => builder.append_value(bytes),
            Self::Date(builder) => {
                let days = integer(bytes).and_then(|days| i32::try_from(days).ok()).ok_or(malformed)?;
                builder.append_value(date_in(days)?);
            }
            Self::Time(builder) => builder.append_value(integer(bytes).ok_or(malformed)?),
            Self::Second(builder) => {
                builder.append_value(timestamp_in(integer(bytes).ok_or(malformed)?, Unit::Second)?);
            }
            Self::Millisecond(builder) => {
                builder.append_value(timestamp_in(integer(bytes).ok_or(malformed)?, Unit::Millisecond)?);
            }
            Self::Microsecond(builder) => {
                builder.append_value(timestamp_in(integer(bytes).ok_or(malformed)?, Unit::Microsecond)?);
            }
            Self::Nanosecond(builder) => {
                builder.append_value(timestamp_in(integer(bytes).ok_or(malformed)?, Unit::Nanosecond)?);
            }
        }
        Ok(())
    }

    fn append_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Int8(builder) => builder.append_null(),
            Self::Int16(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::UInt8(builder) => builder.append_null(),
            Self::UInt16(builder) => builder.append_null(),
            Self::UInt32(builder) => builder.append_null(),
            Self::UInt64(builder) => builder.append_null(),
            Self::Float32(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Decimal128(builder, ..) => builder.append_null(),
            Self::Decimal256(builder, ..) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Binary(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Second(builder) => builder.append_null(),
            Self::Millisecond(builder) => builder.append_null(),
            Self::Microsecond(builder) => builder.append_null(),
            Self::Nanosecond(builder) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match self {
            Self::Boolean(builder) => builder,
            Self::Int8(builder) => builder,
            Self::Int16(builder) => builder,
            Self::Int32(builder) => builder,
            Self::Int64(builder) => builder,
            Self::UInt8(builder) => builder,
            Self::UInt16(builder) => builder,
            Self::UInt32(builder) => builder,
            Self::UInt64(builder) => builder,
            Self::Float32(builder) => builder,
            Self::Float64(builder) => builder,
            Self::Decimal128(builder, ..) => builder,
            Self::Decimal256(builder, ..) => builder,
            Self::Text(builder) => builder,
            Self::Binary(builder) => builder,
            Self::Date(builder) => builder,
            Self::Time(builder) => builder,
            Self::Second(builder) => builder,
            Self::Millisecond(builder) => builder,
            Self::Microsecond(builder) => builder,
            Self::Nanosecond(builder) => builder,
        };
        builder.finish()
    }
}

fn append_integer<T>(builder: &mut PrimitiveBuilder<T>, bytes: &[u8]) -> Result<(), Refusal>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64>,
{
    let value = integer(bytes).ok_or(Refusal::MALFORMED)?;
    builder.append_value(T::Native::try_from(value).map_err(|_| Refusal::OVERFLOW)?);
    Ok(())
}

fn append_text(builder: &mut StringBuilder, wire: Wire, bytes: &[u8]) -> Result<(), Refusal> {
    let bytes = match wire {
        Wire::Uuid => {
            let text = uuid_text(bytes).ok_or(Refusal::MALFORMED)?;
            builder.append_value(std::str::from_utf8(&text).map_err(|_| Refusal::MALFORMED)?);
            return Ok(());
        }
        Wire::Numeric(_) => {
            Numeric::parse(bytes).ok_or(Refusal::MALFORMED)?.write(builder).map_err(|_| Refusal::MALFORMED)?;
            // Closes the value that was written piece by piece.
            builder.append_value("");
            return Ok(());
        }
        // A version, then the text.
        Wire::Jsonb => bytes.split_first().ok_or(Refusal::MALFORMED)?.1,
        _ => bytes,
    };
    // A database in SQL_ASCII hands out whatever it was given.
    builder.append_value(std::str::from_utf8(bytes).map_err(|_| Refusal::ENCODING)?);
    Ok(())
}
