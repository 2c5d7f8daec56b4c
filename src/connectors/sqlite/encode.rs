//! Arrow values as SQLite stores them, held against what the column's affinity would make of them.

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use rusqlite::types::Value;

use super::affinity::Affinity;
use crate::connectors::decimal::{Decimal, spell};
use crate::connectors::{LogicalType, Unit, moment};

/// Why a value cannot be held: a stable code and the end of a sentence that begins with the column.
pub(super) type Refusal = (&'static str, &'static str);

const OUT_OF_RANGE: Refusal = ("numeric_overflow", "holds a number with more digits than the target column keeps");
const NO_YEAR: Refusal = ("datetime_overflow", "holds a moment outside the years 0000 to 9999");
const NUMBER_LIKE: Refusal = ("type_conversion_failed", "holds a text that the target column would turn into a number");
const FOREIGN: Refusal = ("type_conversion_failed", "came in a form that its type does not have");

/// One value of a column of this logical type, for a column of this affinity.
pub(super) fn encode(
    array: &ArrayRef,
    row: usize,
    logical: &LogicalType,
    affinity: Affinity,
) -> Result<Value, Refusal> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    if *array.data_type() != logical.arrow() {
        return Err(FOREIGN);
    }
    match logical {
        LogicalType::Boolean => Ok(Value::Integer(array.as_boolean().value(row).into())),
        LogicalType::Int8 => Ok(Value::Integer(array.as_primitive::<Int8Type>().value(row).into())),
        LogicalType::Int16 => Ok(Value::Integer(array.as_primitive::<Int16Type>().value(row).into())),
        LogicalType::Int32 => Ok(Value::Integer(array.as_primitive::<Int32Type>().value(row).into())),
        LogicalType::Int64 => integer(array.as_primitive::<Int64Type>().value(row), affinity),
        LogicalType::UInt8 => Ok(Value::Integer(array.as_primitive::<UInt8Type>().value(row).into())),
        LogicalType::UInt16 => Ok(Value::Integer(array.as_primitive::<UInt16Type>().value(row).into())),
        LogicalType::UInt32 => Ok(Value::Integer(array.as_primitive::<UInt32Type>().value(row).into())),
        LogicalType::UInt64 => number(array.as_primitive::<UInt64Type>().value(row).to_string(), affinity),
        LogicalType::Float32 => Ok(float(array.as_primitive::<Float32Type>().value(row).into(), affinity)),
        LogicalType::Float64 => Ok(float(array.as_primitive::<Float64Type>().value(row), affinity)),
        LogicalType::Decimal { precision, scale } => {
            let unscaled = if *precision <= 38 {
                array.as_primitive::<Decimal128Type>().value(row).to_string()
            } else {
                array.as_primitive::<Decimal256Type>().value(row).to_string()
            };
            if unscaled.trim_start_matches('-').len() > usize::from(*precision) {
                return Err(OUT_OF_RANGE);
            }
            number(spell(&unscaled, *scale), affinity)
        }
        LogicalType::Numeric => match array.as_string::<i32>().value(row) {
            name @ ("NaN" | "Infinity" | "-Infinity") => Ok(Value::Text(name.to_owned())),
            text => number(text.to_owned(), affinity),
        },
        LogicalType::Binary => Ok(Value::Blob(array.as_binary::<i32>().value(row).to_vec())),
        LogicalType::Date => {
            moment::date_text(array.as_primitive::<Date32Type>().value(row)).map(Value::Text).ok_or(NO_YEAR)
        }
        LogicalType::Time => {
            moment::time_text(array.as_primitive::<Time64MicrosecondType>().value(row)).map(Value::Text).ok_or(FOREIGN)
        }
        LogicalType::Timestamp { unit, zoned } => {
            let ticks = match unit {
                Unit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                Unit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
                Unit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                Unit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            moment::timestamp_text(ticks, *unit, *zoned).map(Value::Text).ok_or(NO_YEAR)
        }
        LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Json
        | LogicalType::Interval
        | LogicalType::Enum
        | LogicalType::Array
        | LogicalType::Other => text(array.as_string::<i32>().value(row), affinity),
    }
}

/// In a column of REAL affinity, SQLite stores an integer as a float.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the way back is compared")]
fn integer(value: i64, affinity: Affinity) -> Result<Value, Refusal> {
    if affinity == Affinity::Real && (value as f64) as i128 != i128::from(value) {
        return Err(OUT_OF_RANGE);
    }
    Ok(Value::Integer(value))
}

/// A column that keeps text takes the exact text; one that wants numbers takes what it can hold exactly.
fn number(text: String, affinity: Affinity) -> Result<Value, Refusal> {
    if matches!(affinity, Affinity::Text | Affinity::Blob) {
        return Ok(Value::Text(text));
    }
    let number = Decimal::parse(&text).ok_or(FOREIGN)?;
    if affinity != Affinity::Real
        && let Some(value) = number.to_i64()
    {
        return Ok(Value::Integer(value));
    }
    let float: f64 = text.parse().map_err(|_| FOREIGN)?;
    if Decimal::of_float(float).as_ref() == Some(&number) { Ok(Value::Real(float)) } else { Err(OUT_OF_RANGE) }
}

/// SQLite has no NaN (it stores NULL), and turns floats into text with fewer digits than they have.
fn float(value: f64, affinity: Affinity) -> Value {
    if value.is_nan() {
        Value::Text("NaN".to_owned())
    } else if affinity == Affinity::Text && value.is_infinite() {
        Value::Text(if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
    } else if affinity == Affinity::Text {
        Value::Text(value.to_string())
    } else {
        Value::Real(value)
    }
}

fn text(text: &str, affinity: Affinity) -> Result<Value, Refusal> {
    let wants_numbers = matches!(affinity, Affinity::Integer | Affinity::Real | Affinity::Numeric);
    if wants_numbers && text.trim().parse::<f64>().is_ok_and(f64::is_finite) {
        // A text that a number spells in the same way comes back as it was.
        let spelled = Decimal::parse(text).map(|number| number.to_string());
        if spelled.as_deref() != Some(text) {
            return Err(NUMBER_LIKE);
        }
        return number(text.to_owned(), affinity).map_err(|_| NUMBER_LIKE);
    }
    Ok(Value::Text(text.to_owned()))
}
