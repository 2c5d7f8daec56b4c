//! One value between text and Arrow: parsed strictly (nothing is rounded or guessed), and appended to a column's builder.

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder, TimestampMillisecondBuilder, TimestampNanosecondBuilder, TimestampSecondBuilder,
    UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::i256;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use std::sync::Arc;

use crate::connectors::{LogicalType, Unit};

/// A parsed value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Boolean(bool),
    /// Every integer type; range is checked when it is made.
    Integer(i128),
    Float(f64),
    /// Unscaled.
    Decimal(i256),
    Text(&'a str),
    OwnedText(String),
    Binary(Vec<u8>),
    /// Days, microseconds of a day, or units since 1970, by the column's type.
    Count(i64),
}

/// Parses text as a type. The error is a reason that names no value.
pub(super) fn parse<'a>(text: &'a str, logical: &LogicalType) -> Result<Scalar<'a>, &'static str> {
    match logical {
        LogicalType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "1" => Ok(Scalar::Boolean(true)),
            "false" | "f" | "no" | "0" => Ok(Scalar::Boolean(false)),
            _ => Err("is not a boolean"),
        },
        LogicalType::Int8 => integer(text, i8::MIN.into(), i8::MAX.into()),
        LogicalType::Int16 => integer(text, i16::MIN.into(), i16::MAX.into()),
        LogicalType::Int32 => integer(text, i32::MIN.into(), i32::MAX.into()),
        LogicalType::Int64 => integer(text, i64::MIN.into(), i64::MAX.into()),
        LogicalType::UInt8 => integer(text, 0, u8::MAX.into()),
        LogicalType::UInt16 => integer(text, 0, u16::MAX.into()),
        LogicalType::UInt32 => integer(text, 0, u32::MAX.into()),
        LogicalType::UInt64 => integer(text, 0, u64::MAX.into()),
        LogicalType::Float32 => {
            text.parse::<f32>().map(|number| Scalar::Float(number.into())).map_err(|_| "is not a number")
        }
        LogicalType::Float64 => text.parse::<f64>().map(Scalar::Float).map_err(|_| "is not a number"),
        LogicalType::Decimal { precision, scale } => decimal(text, *precision, *scale).map(Scalar::Decimal),
        LogicalType::Binary => {
            let digits = text.strip_prefix("\\x").ok_or("is not bytes in hexadecimal after `\\x`")?;
            hex::decode(digits).map(Scalar::Binary).map_err(|_| "is not bytes in hexadecimal after `\\x`")
        }
        LogicalType::Date => match text {
            "infinity" => Ok(Scalar::Count(i32::MAX.into())),
            "-infinity" => Ok(Scalar::Count(i32::MIN.into())),
            _ => date(text).map(|date| Scalar::Count(days(date).into())).ok_or("is not a date like 2026-01-31"),
        },
        LogicalType::Time => time(text).map(Scalar::Count).ok_or("is not a time like 13:45:00"),
        LogicalType::Timestamp { unit, zoned } => timestamp(text, *unit, *zoned).map(Scalar::Count),
        LogicalType::Numeric
        | LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Json
        | LogicalType::Interval
        | LogicalType::Enum
        | LogicalType::Array
        | LogicalType::Other => Ok(Scalar::Text(text)),
    }
}

/// Eighteen digits fit 64 bits whatever they are.
const QUICK_DIGITS: usize = 18;

/// The number that these digits are, and nothing but digits.
fn quick(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > QUICK_DIGITS {
        return None;
    }
    digits.iter().try_fold(0_i64, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + i64::from(digit))
    })
}

/// A sign, if there is one, and what follows it.
fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn integer(text: &str, low: i128, high: i128) -> Result<Scalar<'static>, &'static str> {
    let (negative, digits) = signed(text.as_bytes());
    if let Some(number) = quick(digits) {
        let number = i128::from(if negative { -number } else { number });
        let fits = number >= low && number <= high;
        return if fits { Ok(Scalar::Integer(number)) } else { Err("is outside the range of its type") };
    }
    let number: i128 = text.parse().map_err(|_| "is not a whole number")?;
    if number < low || number > high { Err("is outside the range of its type") } else { Ok(Scalar::Integer(number)) }
}

/// Exact: more digits behind the point than the type holds is an error, not a rounding.
fn decimal(text: &str, precision: u8, scale: i8) -> Result<i256, &'static str> {
    let scale = usize::try_from(scale).map_err(|_| "has a negative scale")?;
    if let Some(unscaled) = quick_decimal(text.as_bytes(), precision, scale) {
        return Ok(i256::from_i128(unscaled.into()));
    }
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty()
        || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return Err("is not a decimal number");
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return Err("has more digits behind the point than its type");
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() + scale > usize::from(precision) {
        return Err("is outside the range of its type");
    }
    let mut unscaled = String::with_capacity(whole.len() + scale + 2);
    if negative {
        unscaled.push('-');
    }
    unscaled.push('0');
    unscaled.push_str(whole);
    unscaled.push_str(fraction);
    unscaled.extend(std::iter::repeat_n('0', scale - fraction.len()));
    i256::from_string(&unscaled).ok_or("is outside the range of its type")
}

/// Short numbers that certainly fit, without a detour over text.
fn quick_decimal(text: &[u8], precision: u8, scale: usize) -> Option<i64> {
    let (negative, digits) = signed(text);
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (digits.get(..point)?, digits.get(point + 1..)?),
        None => (digits, [].as_slice()),
    };
    let fits =
        fraction.len() <= scale && whole.len() + scale <= usize::from(precision) && whole.len() + scale <= QUICK_DIGITS;
    if !fits {
        return None;
    }
    let missing = u32::try_from(scale - fraction.len()).ok()?;
    let tail = if fraction.is_empty() { 0 } else { quick(fraction)? };
    let lifted = 10_i64.pow(u32::try_from(fraction.len()).ok()?);
    let unscaled = (quick(whole)? * lifted + tail) * 10_i64.pow(missing);
    Some(if negative { -unscaled } else { unscaled })
}

pub(super) fn date(text: &str) -> Option<NaiveDate> {
    if let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes()
        && let (Some(year), Some(month), Some(day)) =
            (quick(&[*y1, *y2, *y3, *y4]), quick(&[*m1, *m2]), quick(&[*d1, *d2]))
    {
        return NaiveDate::from_ymd_opt(
            i32::try_from(year).ok()?,
            u32::try_from(month).ok()?,
            u32::try_from(day).ok()?,
        );
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() >= 10)
}

/// Days since 1970-01-01.
pub(super) fn days(date: NaiveDate) -> i32 {
    date.to_epoch_days()
}

fn time(text: &str) -> Option<i64> {
    let time =
        NaiveTime::parse_from_str(text, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")).ok()?;
    let nanos = time.nanosecond();
    (nanos < 1_000_000_000 && nanos.is_multiple_of(1000))
        .then(|| i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(nanos / 1000))
}

/// An instant with its offset, or a wall clock reading without one.
pub(super) enum Moment {
    Instant(DateTime<chrono::Utc>),
    Wall(NaiveDateTime),
}

/// Reads ISO 8601 with `T` or a space, with or without seconds and fraction, with `Z`, `+02:00`, `+0200` or `+02`.
pub(super) fn moment(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    if bytes.len() < 16 || bytes.get(4) != Some(&b'-') || !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (day, rest) = (text.get(..10)?, text.get(11..)?);
    let date = date(day)?;
    let split = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, offset) = (rest.get(..split)?.trim_end(), rest.get(split..)?);
    let time =
        NaiveTime::parse_from_str(clock, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(clock, "%H:%M")).ok()?;
    // Chrono keeps a leap second as a nanosecond count of a billion and more; nothing downstream can hold one.
    if time.nanosecond() >= 1_000_000_000 {
        return None;
    }
    let wall = date.and_time(time);
    let seconds = match offset {
        "" => return Some(Moment::Wall(wall)),
        "Z" | "z" => 0,
        _ => {
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            let digits: String = offset.chars().skip(1).filter(|c| *c != ':').collect();
            if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let hours: i64 = digits.get(..2)?.parse().ok()?;
            let minutes: i64 =
                digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0), |rest| rest.parse().ok())?;
            sign * (hours * 3600 + minutes * 60)
        }
    };
    Some(Moment::Instant((wall - chrono::TimeDelta::seconds(seconds)).and_utc()))
}

fn timestamp(text: &str, unit: Unit, zoned: bool) -> Result<i64, &'static str> {
    match text {
        "infinity" => return Ok(i64::MAX),
        "-infinity" => return Ok(i64::MIN),
        _ => {}
    }
    let at = match (moment(text), zoned) {
        (Some(Moment::Instant(at)), true) => at,
        (Some(Moment::Wall(wall)), false) => wall.and_utc(),
        (Some(Moment::Wall(_)), true) => return Err("is a time without a zone where an instant is wanted"),
        (Some(Moment::Instant(_)), false) => return Err("is an instant with a zone where a wall clock time is wanted"),
        (None, _) => return Err("is not a time like 2026-01-31T13:45:00"),
    };
    in_unit(at, unit).ok_or("is finer or farther than its type can hold")
}

/// The count of units since 1970, or `None` when that would round or overflow.
pub(super) fn in_unit(at: DateTime<chrono::Utc>, unit: Unit) -> Option<i64> {
    let nanos = at.timestamp_subsec_nanos();
    let (per_second, step) = match unit {
        Unit::Second => (1, 1_000_000_000),
        Unit::Millisecond => (1000, 1_000_000),
        Unit::Microsecond => (1_000_000, 1000),
        Unit::Nanosecond => (1_000_000_000, 1),
    };
    nanos.is_multiple_of(step).then_some(())?;
    let count = i128::from(at.timestamp()) * per_second + i128::from(nanos / step);
    i64::try_from(count).ok().filter(|count| *count != i64::MAX && *count != i64::MIN)
}

/// A column being built, of the one Arrow type of its logical type.
pub(super) enum ColumnBuilder {
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

impl ColumnBuilder {
    pub(super) fn new(logical: &LogicalType) -> Self {
        let data_type = logical.arrow();
        match logical {
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
            LogicalType::Decimal { precision, .. } if *precision <= 38 => {
                Self::Decimal128(Decimal128Builder::new().with_data_type(data_type))
            }
            LogicalType::Decimal { .. } => Self::Decimal256(Decimal256Builder::new().with_data_type(data_type)),
            LogicalType::Binary => Self::Binary(BinaryBuilder::new()),
            LogicalType::Date => Self::Date(Date32Builder::new()),
            LogicalType::Time => Self::Time(Time64MicrosecondBuilder::new()),
            LogicalType::Timestamp { unit: Unit::Second, .. } => {
                Self::Second(TimestampSecondBuilder::new().with_data_type(data_type))
            }
            LogicalType::Timestamp { unit: Unit::Millisecond, .. } => {
                Self::Millisecond(TimestampMillisecondBuilder::new().with_data_type(data_type))
            }
            LogicalType::Timestamp { unit: Unit::Microsecond, .. } => {
                Self::Microsecond(TimestampMicrosecondBuilder::new().with_data_type(data_type))
            }
            LogicalType::Timestamp { unit: Unit::Nanosecond, .. } => {
                Self::Nanosecond(TimestampNanosecondBuilder::new().with_data_type(data_type))
            }
            LogicalType::Numeric
            | LogicalType::Text
            | LogicalType::Uuid
            | LogicalType::Json
            | LogicalType::Interval
            | LogicalType::Enum
            | LogicalType::Array
            | LogicalType::Other => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends a value that [`parse`] made for this column's type; anything of another kind is NULL by construction.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`parse` has checked the range")]
    pub(super) fn push(&mut self, value: &Scalar<'_>) {
        macro_rules! push {
            ($builder:expr, $($pattern:pat => $value:expr),+) => {
                match value { $($pattern => $builder.append_value($value),)+ _ => $builder.append_null() }
            };
        }
        match self {
            Self::Boolean(to) => push!(to, Scalar::Boolean(value) => *value),
            Self::Int8(to) => push!(to, Scalar::Integer(value) => *value as i8),
            Self::Int16(to) => push!(to, Scalar::Integer(value) => *value as i16),
            Self::Int32(to) => push!(to, Scalar::Integer(value) => *value as i32),
            Self::Int64(to) => push!(to, Scalar::Integer(value) => *value as i64),
            Self::UInt8(to) => push!(to, Scalar::Integer(value) => *value as u8),
            Self::UInt16(to) => push!(to, Scalar::Integer(value) => *value as u16),
            Self::UInt32(to) => push!(to, Scalar::Integer(value) => *value as u32),
            Self::UInt64(to) => push!(to, Scalar::Integer(value) => *value as u64),
            Self::Float32(to) => push!(to, Scalar::Float(value) => *value as f32),
            Self::Float64(to) => push!(to, Scalar::Float(value) => *value),
            Self::Decimal128(to) => push!(to, Scalar::Decimal(value) => value.as_i128()),
            Self::Decimal256(to) => push!(to, Scalar::Decimal(value) => *value),
            Self::Text(to) => push!(to, Scalar::Text(value) => value, Scalar::OwnedText(value) => value),
            Self::Binary(to) => push!(to, Scalar::Binary(value) => value),
            Self::Date(to) => push!(to, Scalar::Count(value) => *value as i32),
            Self::Time(to) => push!(to, Scalar::Count(value) => *value),
            Self::Second(to) => push!(to, Scalar::Count(value) => *value),
            Self::Millisecond(to) => push!(to, Scalar::Count(value) => *value),
            Self::Microsecond(to) => push!(to, Scalar::Count(value) => *value),
            Self::Nanosecond(to) => push!(to, Scalar::Count(value) => *value),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(from) => Arc::new(from.finish()),
            Self::Int8(from) => Arc::new(from.finish()),
            Self::Int16(from) => Arc::new(from.finish()),
            Self::Int32(from) => Arc::new(from.finish()),
            Self::Int64(from) => Arc::new(from.finish()),
            Self::UInt8(from) => Arc::new(from.finish()),
            Self::UInt16(from) => Arc::new(from.finish()),
            Self::UInt32(from) => Arc::new(from.finish()),
            Self::UInt64(from) => Arc::new(from.finish()),
            Self::Float32(from) => Arc::new(from.finish()),
            Self::Float64(from) => Arc::new(from.finish()),
            Self::Decimal128(from) => Arc::new(from.finish()),
            Self::Decimal256(from) => Arc::new(from.finish()),
            Self::Text(from) => Arc::new(from.finish()),
            Self::Binary(from) => Arc::new(from.finish()),
            Self::Date(from) => Arc::new(from.finish()),
            Self::Time(from) => Arc::new(from.finish()),
            Self::Second(from) => Arc::new(from.finish()),
            Self::Millisecond(from) => Arc::new(from.finish()),
            Self::Microsecond(from) => Arc::new(from.finish()),
            Self::Nanosecond(from) => Arc::new(from.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, logical: &LogicalType) -> bool {
        parse(text, logical).is_err()
    }

    #[test]
    fn nothing_is_rounded_or_guessed() {
        let money = LogicalType::Decimal { precision: 5, scale: 2 };
        assert_eq!(parse("123.45", &money), Ok(Scalar::Decimal(i256::from_i128(12345))));
        assert_eq!(parse("-0.5", &money), Ok(Scalar::Decimal(i256::from_i128(-50))));
        assert_eq!(parse("1.500", &money), Ok(Scalar::Decimal(i256::from_i128(150))));
        assert!(
            refused("1.005", &money)
                && refused("1234", &money)
                && refused("1e2", &money)
                && refused("", &money)
                && refused(".", &money)
        );
        assert!(
            refused("128", &LogicalType::Int8)
                && refused("1.0", &LogicalType::Int64)
                && refused("2026-02-30", &LogicalType::Date)
        );
        assert!(refused("2026-1-3", &LogicalType::Date));
    }

    #[test]
    fn instants_keep_their_offset_and_wall_clocks_have_none() {
        let zoned = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true };
        let wall = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false };
        for text in [
            "2026-03-29T02:30:00+02:00",
            "2026-03-29 00:30:00Z",
            "2026-03-29 02:30+02",
            "2026-03-29T02:30:00.000000+0200",
        ] {
            assert_eq!(parse(text, &zoned), Ok(Scalar::Count(1_774_744_200_000_000)), "{text}");
            assert!(refused(text, &wall), "{text}");
        }
        assert!(refused("2026-03-29T02:30:00", &zoned));
        assert!(refused("2026-03-29T02:30:00.0000001", &wall), "finer than the type");
    }
}
