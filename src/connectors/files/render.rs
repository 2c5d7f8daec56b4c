//! Arrow values as text, each so that [`super::scalar`] reads the same value back.

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{DateTime, NaiveDate, Timelike as _};
use std::fmt::Write as _;

use super::jsonl;
use crate::connectors::{LogicalType, Unit};

/// Appends one value as text; `false` for NULL. The error is a reason that names no value.
pub(super) fn text(
    array: &dyn Array,
    row: usize,
    logical: &LogicalType,
    to: &mut String,
) -> Result<bool, &'static str> {
    if array.is_null(row) {
        return Ok(false);
    }
    match logical {
        LogicalType::Boolean => to.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        LogicalType::Int8 => put(to, array.as_primitive::<Int8Type>().value(row)),
        LogicalType::Int16 => put(to, array.as_primitive::<Int16Type>().value(row)),
        LogicalType::Int32 => put(to, array.as_primitive::<Int32Type>().value(row)),
        LogicalType::Int64 => put(to, array.as_primitive::<Int64Type>().value(row)),
        LogicalType::UInt8 => put(to, array.as_primitive::<UInt8Type>().value(row)),
        LogicalType::UInt16 => put(to, array.as_primitive::<UInt16Type>().value(row)),
        LogicalType::UInt32 => put(to, array.as_primitive::<UInt32Type>().value(row)),
        LogicalType::UInt64 => put(to, array.as_primitive::<UInt64Type>().value(row)),
        LogicalType::Float32 => put(to, array.as_primitive::<Float32Type>().value(row)),
        LogicalType::Float64 => put(to, array.as_primitive::<Float64Type>().value(row)),
        LogicalType::Decimal { precision, .. } if *precision <= 38 => {
            to.push_str(&array.as_primitive::<Decimal128Type>().value_as_string(row));
        }
        LogicalType::Decimal { .. } => to.push_str(&array.as_primitive::<Decimal256Type>().value_as_string(row)),
        LogicalType::Binary => {
            to.push_str("\\x");
            to.push_str(&hex::encode(array.as_binary::<i32>().value(row)));
        }
        LogicalType::Date => date(array.as_primitive::<Date32Type>().value(row), to)?,
        LogicalType::Time => time(array.as_primitive::<Time64MicrosecondType>().value(row), to)?,
        LogicalType::Timestamp { unit, zoned } => {
            let count = match unit {
                Unit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                Unit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
                Unit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                Unit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            timestamp(count, *unit, *zoned, to)?;
        }
        LogicalType::Numeric
        | LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Json
        | LogicalType::Interval
        | LogicalType::Enum
        | LogicalType::Array
        | LogicalType::Other => to.push_str(array.as_string::<i32>().value(row)),
    }
    Ok(true)
}

/// Appends one value as JSON; NULL is `null`.
pub(super) fn json(
    array: &dyn Array,
    row: usize,
    logical: &LogicalType,
    scratch: &mut String,
    to: &mut Vec<u8>,
) -> Result<(), &'static str> {
    scratch.clear();
    if !text(array, row, logical, scratch)? {
        to.extend_from_slice(b"null");
        return Ok(());
    }
    let raw = match logical {
        LogicalType::Boolean | LogicalType::Decimal { .. } => true,
        LogicalType::Json => jsonl::stands_raw(scratch),
        // NaN and the infinities are no JSON numbers; an unbounded number may be one of them, too.
        LogicalType::Float32 | LogicalType::Float64 => !scratch.ends_with(['N', 'f']),
        other => other.is_number() && *other != LogicalType::Numeric,
    };
    if raw {
        to.extend_from_slice(scratch.as_bytes());
    } else {
        jsonl::write_string(to, scratch);
    }
    Ok(())
}

fn put(to: &mut String, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(to, "{value}");
}

const FAR: &str = "lies outside the years 0 to 9999";

fn date(days: i32, to: &mut String) -> Result<(), &'static str> {
    match days {
        i32::MAX => to.push_str("infinity"),
        i32::MIN => to.push_str("-infinity"),
        _ => put_date(NaiveDate::from_epoch_days(days).ok_or(FAR)?, to)?,
    }
    Ok(())
}

fn put_date(date: NaiveDate, to: &mut String) -> Result<(), &'static str> {
    use chrono::Datelike as _;
    if !(0..=9999).contains(&date.year()) {
        return Err(FAR);
    }
    put(to, format_args!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()));
    Ok(())
}

fn time(micros: i64, to: &mut String) -> Result<(), &'static str> {
    // PostgreSQL's 24:00:00 is one past the last moment of a day; no text form that readers agree on has it.
    if !(0..86_400_000_000).contains(&micros) {
        return Err("is not a time of day");
    }
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    put(to, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if fraction != 0 {
        put(to, format_args!(".{fraction:06}"));
    }
    Ok(())
}

fn timestamp(count: i64, unit: Unit, zoned: bool, to: &mut String) -> Result<(), &'static str> {
    match count {
        i64::MAX => to.push_str("infinity"),
        i64::MIN => to.push_str("-infinity"),
        _ => {
            let at = match unit {
                Unit::Second => DateTime::from_timestamp(count, 0),
                Unit::Millisecond => DateTime::from_timestamp_millis(count),
                Unit::Microsecond => DateTime::from_timestamp_micros(count),
                Unit::Nanosecond => Some(DateTime::from_timestamp_nanos(count)),
            }
            .ok_or(FAR)?;
            put_date(at.date_naive(), to)?;
            put(to, format_args!("T{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second()));
            let nanos = at.nanosecond();
            if nanos != 0 {
                if nanos.is_multiple_of(1000) {
                    put(to, format_args!(".{:06}", nanos / 1000));
                } else {
                    put(to, format_args!(".{nanos:09}"));
                }
            }
            if zoned {
                to.push('Z');
            }
        }
    }
    Ok(())
}
