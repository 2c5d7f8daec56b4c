//! The rows that the suite seeds and compares: a few plain kinds of value that every system has.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{DateTime, Days, NaiveDate};

use super::Violation;
use crate::connectors::{LogicalType, Unit};

/// One value, in a form in which values of different systems compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Exact decimal text without needless zeros.
    Decimal(String),
    Float(f64),
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01.
    Timestamp(i64),
}

pub type Row = Vec<Value>;

/// A column to seed.
#[derive(Clone, Debug)]
pub struct SeedColumn {
    pub name: &'static str,
    /// One of `Int64`, `Text`, `Decimal(12,2)`, `Float64`, `Boolean`, `Date` and `Timestamp(microsecond, not zoned)`.
    pub logical: LogicalType,
    pub nullable: bool,
    /// The only column of the primary key, where the system has keys.
    pub key: bool,
}

/// A stream to seed.
#[derive(Clone, Debug)]
pub struct Seed {
    pub name: String,
    pub columns: Vec<SeedColumn>,
    pub rows: Vec<Row>,
}

impl Value {
    /// As most systems read it: ISO dates, a space between date and time, `true` and `false`. `None` is NULL.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Boolean(value) => Some(value.to_string()),
            Self::Integer(value) => Some(value.to_string()),
            Self::Decimal(text) | Self::Text(text) => Some(text.clone()),
            Self::Float(value) => Some(format!("{value:?}")),
            Self::Date(days) => Some(date(*days).to_string()),
            Self::Timestamp(micros) => {
                let at = DateTime::from_timestamp_micros(*micros).unwrap_or_default();
                Some(at.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
            }
        }
    }
}

fn date(days: i32) -> NaiveDate {
    let epoch = NaiveDate::default();
    u64::try_from(days).ok().and_then(|days| epoch.checked_add_days(Days::new(days))).unwrap_or(epoch)
}

impl Seed {
    /// The same columns and rows for every system. Texts hold traps for quoting, case and byte order; timestamps tie in
    /// groups of five and every eleventh is NULL.
    pub(super) fn standard(name: &str, rows: usize, empty_text: bool) -> Self {
        let column = |name, logical, nullable| SeedColumn { name, logical, nullable, key: name == "id" };
        let columns = vec![
            column("id", LogicalType::Int64, false),
            column("name", LogicalType::Text, true),
            column("amount", LogicalType::Decimal { precision: 12, scale: 2 }, true),
            column("score", LogicalType::Float64, true),
            column("active", LogicalType::Boolean, true),
            column("day", LogicalType::Date, true),
            column("at", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false }, true),
            column("rank", LogicalType::Int64, true),
        ];
        let rows = (1..=rows).filter_map(|id| i64::try_from(id).ok()).map(|id| standard_row(id, empty_text)).collect();
        Self { name: name.to_owned(), columns, rows }
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The rows as one Arrow batch, for systems that are filled that way.
    pub fn batch(&self, rows: &[Row]) -> anyhow::Result<RecordBatch> {
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let values = rows.iter().map(|row| row.get(index).unwrap_or(&Value::Null));
            arrays.push(array(&column.logical, values)?);
            fields.push(Field::new(column.name, column.logical.arrow(), true));
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }
}

const NAMES: [Option<&str>; 17] = [
    Some("Ada"),
    Some("ada"),
    Some("ADA LOVELACE"),
    Some("100% done"),
    Some("100x done"),
    Some("snake_case"),
    Some("snakeXcase"),
    Some("Zoë"),
    Some("李雷"),
    Some("🛶 on the towpath"),
    Some(""),
    Some("O'Brien; drop table"),
    Some("two\nlines\tand a tab"),
    Some("\"quoted\", with comma"),
    Some("back\\slash"),
    Some("éclair"),
    None,
];

const AMOUNTS: [Option<&str>; 11] = [
    Some("9.5"),
    Some("10"),
    Some("-0.01"),
    Some("0"),
    Some("9999999999.99"),
    Some("-9999999999.99"),
    Some("0.1"),
    Some("123.45"),
    None,
    Some("2"),
    Some("10.01"),
];

/// Where the seeded timestamps begin: 2024-02-28T23:59:50Z, in microseconds.
const BEGIN: i64 = 1_709_164_790_000_000;

fn pick<T: Copy>(values: &[Option<T>], id: i64) -> Option<T> {
    let index = usize::try_from(id).unwrap_or_default() % values.len().max(1);
    values.get(index).copied().flatten()
}

pub(super) fn standard_row(id: i64, empty_text: bool) -> Row {
    let name = pick(&NAMES, id).map_or(Value::Null, |name| {
        let name = if name.is_empty() && !empty_text { "not empty" } else { name };
        Value::Text(name.to_owned())
    });
    let amount = pick(&AMOUNTS, id).map_or(Value::Null, |amount| Value::Decimal(amount.to_owned()));
    let score = pick(&[Some(1.5), Some(-2.25), None, Some(0.1), Some(1e300), Some(0.0)], id);
    let active = pick(&[Some(true), Some(false), None], id);
    let day = pick(&[Some(19_782), Some(19_783), Some(19_784), None, Some(0)], id / 3);
    let at = if id % 11 == 0 { Value::Null } else { Value::Timestamp(BEGIN + (id / 5) * 1_000_001) };
    let rank = pick(&[Some(50), Some(7), None, Some(-3), Some(1_000_000_007)], id);
    vec![
        Value::Integer(id),
        name,
        amount,
        score.map_or(Value::Null, Value::Float),
        active.map_or(Value::Null, Value::Boolean),
        day.map_or(Value::Null, Value::Date),
        at,
        rank.map_or(Value::Null, Value::Integer),
    ]
}

fn array<'a>(logical: &LogicalType, values: impl Iterator<Item = &'a Value>) -> anyhow::Result<ArrayRef> {
    Ok(match logical {
        LogicalType::Boolean => Arc::new(
            values
                .map(|value| if let Value::Boolean(value) = value { Some(*value) } else { None })
                .collect::<BooleanArray>(),
        ),
        LogicalType::Int64 => Arc::new(
            values
                .map(|value| if let Value::Integer(value) = value { Some(*value) } else { None })
                .collect::<Int64Array>(),
        ),
        LogicalType::Float64 => Arc::new(
            values
                .map(|value| if let Value::Float(value) = value { Some(*value) } else { None })
                .collect::<Float64Array>(),
        ),
        LogicalType::Date => Arc::new(
            values
                .map(|value| if let Value::Date(value) = value { Some(*value) } else { None })
                .collect::<Date32Array>(),
        ),
        LogicalType::Timestamp { .. } => Arc::new(
            values
                .map(|value| if let Value::Timestamp(value) = value { Some(*value) } else { None })
                .collect::<TimestampMicrosecondArray>(),
        ),
        LogicalType::Decimal { precision, scale } => Arc::new(
            values
                .map(|value| if let Value::Decimal(text) = value { scaled(text, *scale) } else { None })
                .collect::<Decimal128Array>()
                .with_precision_and_scale(*precision, *scale)?,
        ),
        LogicalType::Text => Arc::new(
            values
                .map(|value| if let Value::Text(text) = value { Some(text.clone()) } else { None })
                .collect::<StringArray>(),
        ),
        other => anyhow::bail!("the suite seeds no column of type {other:?}"),
    })
}

/// Decimal text as an integer of `10^-scale` parts; `None` when it does not fit.
pub(super) fn scaled(text: &str, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::try_from(scale).ok()?;
    if part.len() > scale {
        return None;
    }
    let value: i128 = format!("{whole}{part:0<scale$}").parse().ok()?;
    Some(if negative { -value } else { value })
}

/// Decimal text without needless zeros, so that equal numbers are equal texts.
pub(super) fn canonical(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return text.to_owned();
    }
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let part = part.trim_end_matches('0');
    match (whole, part) {
        ("0", "") => "0".to_owned(),
        (whole, "") => format!("{sign}{whole}"),
        (whole, part) => format!("{sign}{whole}.{part}"),
    }
}

/// The digits of a decimal with its point put in.
pub(super) fn pointed(digits: &str, scale: i8) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) => {
            let padded = format!("{digits:0>width$}", width = scale + 1);
            let (whole, part) = padded.split_at(padded.len() - scale);
            format!("{sign}{whole}.{part}")
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs()))),
    }
}

/// Reads one value of a batch, whatever Arrow type carries it.
pub(super) fn value_at(array: &dyn Array, row: usize, logical: &LogicalType) -> Result<Value, Violation> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    let integer = |value: i128| {
        i64::try_from(value)
            .map(Value::Integer)
            .map_err(|_| Violation::new(format!("an integer came out of range: {value}")))
    };
    match array.data_type() {
        DataType::Boolean => Ok(Value::Boolean(array.as_boolean().value(row))),
        DataType::Int8 => integer(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => integer(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => integer(array.as_primitive::<Int64Type>().value(row).into()),
        DataType::UInt8 => integer(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => integer(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => integer(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float32 => Ok(Value::Float(array.as_primitive::<Float32Type>().value(row).into())),
        DataType::Float64 => Ok(Value::Float(array.as_primitive::<Float64Type>().value(row))),
        DataType::Decimal128(_, scale) => {
            let digits = array.as_primitive::<Decimal128Type>().value(row).to_string();
            Ok(Value::Decimal(canonical(&pointed(&digits, *scale))))
        }
        DataType::Decimal256(_, scale) => {
            let digits = array.as_primitive::<Decimal256Type>().value(row).to_string();
            Ok(Value::Decimal(canonical(&pointed(&digits, *scale))))
        }
        DataType::Date32 => Ok(Value::Date(array.as_primitive::<Date32Type>().value(row))),
        DataType::Timestamp(unit, _) => Ok(Value::Timestamp(match unit {
            TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).saturating_mul(1_000_000),
            TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row).saturating_mul(1_000),
            TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
            TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000),
        })),
        DataType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            Ok(if *logical == LogicalType::Numeric {
                Value::Decimal(canonical(text))
            } else {
                Value::Text(text.to_owned())
            })
        }
        other => Err(Violation::new(format!("a batch carries the Arrow type {other}, which no logical type has"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_compare_in_one_form() {
        assert_eq!(canonical("-000.00"), "0");
        assert_eq!(canonical("010.500"), "10.5");
        assert_eq!(canonical("-0.01"), "-0.01");
        assert_eq!(pointed("-1", 2), "-0.01");
        assert_eq!(pointed("5", -3), "5000");
        assert_eq!(scaled("-9.5", 2), Some(-950));
        assert_eq!(scaled("9.555", 2), None);
    }

    #[test]
    fn the_seed_reads_back_as_itself() {
        let seed = Seed::standard("s", 40, true);
        let batch = seed.batch(&seed.rows).unwrap();
        for (index, column) in seed.columns.iter().enumerate() {
            for (row, expected) in seed.rows.iter().enumerate() {
                assert_eq!(value_at(batch.column(index), row, &column.logical).unwrap(), expected[index]);
            }
        }
    }
}
