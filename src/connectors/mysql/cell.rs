//! One column of a batch in the making: the server's values into Arrow builders, exactly or not at all.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder, TimestampMillisecondBuilder, TimestampNanosecondBuilder, TimestampSecondBuilder,
    UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use mysql_async::Value;

use super::ZeroDates;
use crate::connectors::decimal::Decimal;
use crate::connectors::moment::per_second;
use crate::connectors::{LogicalType, Unit};

/// Why a value cannot be read as what its column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    /// A clause without a full stop.
    pub(super) what: &'static str,
}

impl Refusal {
    const ZERO_DATE: Self = Self {
        code: "zero_date",
        what: "the date is one that no calendar has; `zero_dates: null` in the connection's settings reads it as NULL",
    };
    const NOT_BOOLEAN: Self = Self {
        code: "not_boolean",
        what: "the number is neither 0 nor 1; `tinyint1: integer` in the connection's settings reads such columns as \
               integers",
    };
    const NOT_TIME_OF_DAY: Self = Self {
        code: "not_time_of_day",
        what: "the time lies outside of a day; `time_columns: text` in the connection's settings reads such columns as text",
    };
    const OVERFLOW: Self = Self { code: "numeric_overflow", what: "the number does not fit its type" };
    const ENCODING: Self = Self { code: "invalid_encoding", what: "the text is not valid UTF-8" };
    const UNEXPECTED: Self = Self { code: "invalid_value", what: "the value has another type than its column" };
}

/// Values of one column.
pub(super) enum Cell {
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
    Decimal128(Decimal128Builder, u8, i8),
    Decimal256(Box<Decimal256Builder>, u8, i8),
    Text(StringBuilder),
    Binary(BinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Seconds(TimestampSecondBuilder),
    Millis(TimestampMillisecondBuilder),
    Micros(TimestampMicrosecondBuilder),
    Nanos(TimestampNanosecondBuilder),
}

impl Cell {
    pub(super) fn new(logical: &LogicalType) -> Result<Self, ArrowError> {
        Ok(match logical {
            LogicalType::Boolean => Self::Boolean(BooleanBuilder::new()),
            LogicalType::Int8 => Self::Int8(Int8Builder::new()),
            LogicalType::Int16 => Self::Int16(Int16Builder::new()),
            LogicalType::Int32 => Self::Int32(Int32Builder::new()),
            LogicalType::Int64 => Self::Int64(Int64Builder::new()),
            LogicalType::UInt8 => Self::UInt8(UInt8Builder::new()),
            LogicalType::UInt16 => Self::UInt16(UInt16Builder::new()),
            LogicalType::UInt32 => Self::UInt32(UInt32Builder::new()),
            LogicalType::UInt64 => Self::UInt64(UInt64Builder::new()),
            LogicalType::Float32 => Self::Float32(Float32Builder::new()),
            LogicalType::Float64 => Self::Float64(Float64Builder::new()),
            LogicalType::Decimal { precision, scale } if *precision <= 38 => {
                let builder = Decimal128Builder::new().with_precision_and_scale(*precision, *scale)?;
                Self::Decimal128(builder, *precision, *scale)
            }
            LogicalType::Decimal { precision, scale } => {
                let builder = Decimal256Builder::new().with_precision_and_scale(*precision, *scale)?;
                Self::Decimal256(Box::new(builder), *precision, *scale)
            }
            LogicalType::Binary => Self::Binary(BinaryBuilder::new()),
            LogicalType::Date => Self::Date(Date32Builder::new()),
            LogicalType::Time => Self::Time(Time64MicrosecondBuilder::new()),
            LogicalType::Timestamp { unit, .. } => {
                let declared: DataType = logical.arrow();
                match unit {
                    Unit::Second => Self::Seconds(TimestampSecondBuilder::new().with_data_type(declared)),
                    Unit::Millisecond => Self::Millis(TimestampMillisecondBuilder::new().with_data_type(declared)),
                    Unit::Microsecond => Self::Micros(TimestampMicrosecondBuilder::new().with_data_type(declared)),
                    Unit::Nanosecond => Self::Nanos(TimestampNanosecondBuilder::new().with_data_type(declared)),
                }
            }
            LogicalType::Numeric
            | LogicalType::Text
            | LogicalType::Uuid
            | LogicalType::Json
            | LogicalType::Interval
            | LogicalType::Enum
            | LogicalType::Array
            | LogicalType::Other => Self::Text(StringBuilder::new()),
        })
    }

    pub(super) fn append_null(&mut self) {
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
            Self::Seconds(builder) => builder.append_null(),
            Self::Millis(builder) => builder.append_null(),
            Self::Micros(builder) => builder.append_null(),
            Self::Nanos(builder) => builder.append_null(),
        }
    }

    /// Takes one value. After a refusal nothing was taken.
    pub(super) fn append(&mut self, value: &Value, zero: ZeroDates) -> Result<(), Refusal> {
        if matches!(value, Value::NULL) {
            self.append_null();
            return Ok(());
        }
        match self {
            Self::Boolean(builder) => match integer(value)? {
                0 => builder.append_value(false),
                1 => builder.append_value(true),
                _ => return Err(Refusal::NOT_BOOLEAN),
            },
            Self::Int8(builder) => builder.append_value(narrow(value)?),
            Self::Int16(builder) => builder.append_value(narrow(value)?),
            Self::Int32(builder) => builder.append_value(narrow(value)?),
            Self::Int64(builder) => builder.append_value(narrow(value)?),
            Self::UInt8(builder) => builder.append_value(narrow(value)?),
            Self::UInt16(builder) => builder.append_value(narrow(value)?),
            Self::UInt32(builder) => builder.append_value(narrow(value)?),
            Self::UInt64(builder) => builder.append_value(narrow(value)?),
            Self::Float32(builder) => match value {
                Value::Float(number) => builder.append_value(*number),
                _ => return Err(Refusal::UNEXPECTED),
            },
            Self::Float64(builder) => match value {
                Value::Double(number) => builder.append_value(*number),
                Value::Float(number) => builder.append_value(f64::from(*number)),
                _ => return Err(Refusal::UNEXPECTED),
            },
            Self::Decimal128(builder, precision, scale) => {
                let text = bytes(value)?;
                let number = match plain_decimal(text, *scale) {
                    Some(number) => number,
                    None => decimal(text)?.to_i128(*precision, *scale).ok_or(Refusal::OVERFLOW)?,
                };
                builder.append_value(number);
            }
            Self::Decimal256(builder, precision, scale) => {
                let number = decimal(bytes(value)?)?.to_i256(*precision, *scale).ok_or(Refusal::OVERFLOW)?;
                builder.append_value(number);
            }
            Self::Text(builder) => return text(builder, value),
            Self::Binary(builder) => builder.append_value(bytes(value)?),
            Self::Date(builder) => match (day(value)?, zero) {
                (Some(days), _) => builder.append_value(days),
                (None, ZeroDates::Null) => builder.append_null(),
                (None, ZeroDates::Reject) => return Err(Refusal::ZERO_DATE),
            },
            Self::Time(builder) => builder.append_value(time_of_day(value)?),
            Self::Seconds(builder) => moment(value, zero, Unit::Second, |ticks| builder.append_option(ticks))?,
            Self::Millis(builder) => moment(value, zero, Unit::Millisecond, |ticks| builder.append_option(ticks))?,
            Self::Micros(builder) => moment(value, zero, Unit::Microsecond, |ticks| builder.append_option(ticks))?,
            Self::Nanos(builder) => moment(value, zero, Unit::Nanosecond, |ticks| builder.append_option(ticks))?,
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::UInt8(builder) => Arc::new(builder.finish()),
            Self::UInt16(builder) => Arc::new(builder.finish()),
            Self::UInt32(builder) => Arc::new(builder.finish()),
            Self::UInt64(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal128(builder, ..) => Arc::new(builder.finish()),
            Self::Decimal256(builder, ..) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Seconds(builder) => Arc::new(builder.finish()),
            Self::Millis(builder) => Arc::new(builder.finish()),
            Self::Micros(builder) => Arc::new(builder.finish()),
            Self::Nanos(builder) => Arc::new(builder.finish()),
        }
    }
}

fn integer(value: &Value) -> Result<i128, Refusal> {
    match value {
        Value::Int(number) => Ok((*number).into()),
        Value::UInt(number) => Ok((*number).into()),
        Value::Bytes(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Refusal::UNEXPECTED)
        }
        _ => Err(Refusal::UNEXPECTED),
    }
}

fn narrow<N: TryFrom<i64> + TryFrom<u64> + TryFrom<i128>>(value: &Value) -> Result<N, Refusal> {
    match value {
        Value::Int(number) => N::try_from(*number).map_err(|_| Refusal::OVERFLOW),
        Value::UInt(number) => N::try_from(*number).map_err(|_| Refusal::OVERFLOW),
        other => N::try_from(integer(other)?).map_err(|_| Refusal::OVERFLOW),
    }
}

fn bytes(value: &Value) -> Result<&[u8], Refusal> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(Refusal::UNEXPECTED),
    }
}

fn decimal(text: &[u8]) -> Result<Decimal, Refusal> {
    std::str::from_utf8(text).ok().and_then(Decimal::parse).ok_or(Refusal::UNEXPECTED)
}

/// A number of at most 38 digits with exactly this scale, as servers write their decimals; `None` for any other.
fn plain_decimal(text: &[u8], scale: i8) -> Option<i128> {
    let scale = usize::try_from(scale).ok()?;
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 38 {
        return None;
    }
    let point = if scale == 0 { None } else { Some(digits.len().checked_sub(scale + 1)?) };
    // In parts that fit half the width, which is several times as fast.
    let (mut number, mut part, mut factor): (i128, u64, u64) = (0, 0, 1);
    for (place, byte) in digits.iter().enumerate() {
        if Some(place) == point {
            if *byte != b'.' {
                return None;
            }
            continue;
        }
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        part = part * 10 + u64::from(digit);
        factor *= 10;
        if factor == 1_000_000_000_000_000_000 {
            number = number * i128::from(factor) + i128::from(part);
            (part, factor) = (0, 1);
        }
    }
    let number = number * i128::from(factor) + i128::from(part);
    Some(if negative { -number } else { number })
}

fn text(builder: &mut StringBuilder, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Bytes(bytes) => builder.append_value(std::str::from_utf8(bytes).map_err(|_| Refusal::ENCODING)?),
        // A column whose text form was asked for, such as a time.
        other => builder.append_value(show(other).ok_or(Refusal::UNEXPECTED)?),
    }
    Ok(())
}

/// A value as the server would write it; `None` for NULL.
pub(super) fn show(value: &Value) -> Option<String> {
    Some(match value {
        Value::NULL => return None,
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("\\x{}", hex::encode(bytes)),
        },
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Date(year, month, day, 0, 0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}")
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let (sign, hours) = (if *negative { "-" } else { "" }, days * 24 + u32::from(*hours));
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{micros:06}")
        }
    })
}

/// Days since 1970-01-01; `None` for a day that no calendar has.
fn day(value: &Value) -> Result<Option<i32>, Refusal> {
    match value {
        Value::Date(year, month, day, ..) => Ok(civil(*year, *month, *day)),
        _ => Err(Refusal::UNEXPECTED),
    }
}

fn civil(year: u16, month: u8, day: u8) -> Option<i32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(leap),
        _ => return None,
    };
    if day == 0 || day > longest {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let (year, month, day) = (i32::from(year), i32::from(month), i32::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Microseconds since midnight.
fn time_of_day(value: &Value) -> Result<i64, Refusal> {
    let Value::Time(negative, days, hours, minutes, seconds, micros) = value else { return Err(Refusal::UNEXPECTED) };
    let whole = i64::from(*days) * DAY + clock(*hours, *minutes, *seconds, *micros);
    // The end of a day is one of its times, as other systems have it.
    if whole > DAY || (*negative && whole > 0) {
        return Err(Refusal::NOT_TIME_OF_DAY);
    }
    Ok(whole)
}

fn clock(hours: u8, minutes: u8, seconds: u8, micros: u32) -> i64 {
    ((i64::from(hours) * 60 + i64::from(minutes)) * 60 + i64::from(seconds)) * 1_000_000 + i64::from(micros)
}

fn moment(value: &Value, zero: ZeroDates, unit: Unit, mut take: impl FnMut(Option<i64>)) -> Result<(), Refusal> {
    let Value::Date(year, month, day, hour, minute, second, micros) = value else { return Err(Refusal::UNEXPECTED) };
    let Some(days) = civil(*year, *month, *day) else {
        if zero == ZeroDates::Reject {
            return Err(Refusal::ZERO_DATE);
        }
        take(None);
        return Ok(());
    };
    let micros = i64::from(days) * DAY + clock(*hour, *minute, *second, *micros);
    let ticks = match per_second(unit) {
        1_000_000 => micros,
        finer if finer > 1_000_000 => micros.checked_mul(finer / 1_000_000).ok_or(Refusal::OVERFLOW)?,
        coarser => {
            let parts = 1_000_000 / coarser;
            if micros % parts != 0 {
                return Err(Refusal::OVERFLOW);
            }
            micros / parts
        }
    };
    take(Some(ticks));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        use chrono::Datelike as _;
        for days in (-719_162..2_932_897).step_by(13) {
            let date = chrono::NaiveDate::from_epoch_days(days).unwrap();
            let (month, day) = (u8::try_from(date.month()).unwrap(), u8::try_from(date.day()).unwrap());
            assert_eq!(civil(u16::try_from(date.year()).unwrap(), month, day), Some(days), "{date}");
        }
        for (year, month, day) in [(0, 0, 0), (2024, 0, 1), (2024, 2, 0), (2023, 2, 29), (2024, 4, 31), (2024, 13, 1)] {
            assert_eq!(civil(year, month, day), None);
        }
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (text, scale, expected) in [
            ("0.05", 2, Some(5)),
            ("-123456789012345678.12", 2, Some(-12_345_678_901_234_567_812)),
            ("1234567890123456789012345678901234567", 0, Some(1_234_567_890_123_456_789_012_345_678_901_234_567)),
            ("0.00000000000000000000000000001", 29, Some(1)),
            ("1234567890.12345678901", 11, Some(123_456_789_012_345_678_901)),
            ("-0.01", 2, Some(-1)),
            ("1.5", 2, None),
            ("1e5", 0, None),
            ("", 0, None),
            ("15", 2, None),
        ] {
            assert_eq!(plain_decimal(text.as_bytes(), scale), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let refused = |logical: &LogicalType, value: &Value| {
            Cell::new(logical).unwrap().append(value, ZeroDates::Reject).unwrap_err().code
        };
        assert_eq!(refused(&LogicalType::Boolean, &Value::Int(2)), "not_boolean");
        assert_eq!(refused(&LogicalType::Date, &Value::Date(0, 0, 0, 0, 0, 0, 0)), "zero_date");
        assert_eq!(refused(&LogicalType::Time, &Value::Time(true, 0, 0, 0, 1, 0)), "not_time_of_day");
        assert_eq!(refused(&LogicalType::Time, &Value::Time(false, 1, 0, 0, 0, 1)), "not_time_of_day");
        assert_eq!(refused(&LogicalType::Text, &Value::Bytes(vec![0xff])), "invalid_encoding");
        assert_eq!(refused(&LogicalType::Int8, &Value::Int(128)), "numeric_overflow");
    }

    #[test]
    fn a_time_is_text_with_all_its_hours() {
        assert_eq!(show(&Value::Time(true, 34, 22, 59, 59, 1)).as_deref(), Some("-838:59:59.000001"));
        assert_eq!(show(&Value::Time(false, 0, 1, 2, 3, 0)).as_deref(), Some("01:02:03.000000"));
    }
}
