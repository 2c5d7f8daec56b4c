//! Values out of Arrow arrays: as lines of a file for `LOAD DATA`, or as parameters of a prepared insert. What the server would
//! change without a word is refused here.

use std::borrow::Cow;
use std::io::Write as _;

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{Datelike as _, NaiveDate};
use mysql_async::Value;

use super::data_type::MyType;
use crate::connectors::decimal;

/// Why a value cannot be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) code: &'static str,
    /// A clause without a full stop.
    pub(super) what: &'static str,
}

impl Unfit {
    const NOT_FINITE: Self = Self { code: "not_finite", what: "MySQL holds no NaN and no infinity" };
    const ROUNDED: Self = Self { code: "rounded", what: "the value has more digits than its column keeps" };
    const TIME: Self = Self { code: "invalid_time", what: "the date or time is not one that MySQL holds" };
    const LONG: Self = Self { code: "text_too_long", what: "the text is longer than its column allows" };
    const PADDED: Self = Self { code: "trailing_spaces", what: "a `char` column keeps no spaces at the end of a text" };
    const LENGTH: Self = Self { code: "wrong_length", what: "a `binary` column would fill the value up with zeros" };
    const MISSING: Self = Self { code: "missing_value", what: "a column that must have a value has none" };
    const BUG: Self = Self { code: "invalid_value", what: "the value has a type that was not announced" };
}

/// What a value must meet beyond what the server itself refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Check {
    /// NULL would become something else.
    no_null: bool,
    /// The plan accepts that digits are lost.
    may_round: bool,
    /// Most characters.
    characters: Option<usize>,
    /// Spaces at the end are lost.
    trims: bool,
    /// Exactly so many bytes.
    bytes: Option<usize>,
    /// Digits after the point, of a number or a second.
    digits: Option<usize>,
    single: bool,
}

impl Check {
    pub(super) fn new(standing: &MyType, fills_null: bool, may_round: bool) -> Self {
        let number = |place: usize| standing.numbers.get(place).and_then(|number| usize::try_from(*number).ok());
        let name = standing.name.as_str();
        Self {
            no_null: fills_null,
            may_round,
            characters: if matches!(name, "char" | "varchar") { Some(number(0).unwrap_or(1)) } else { None },
            trims: name == "char",
            bytes: if name == "binary" { Some(number(0).unwrap_or(1)) } else { None },
            digits: match name {
                "decimal" => Some(number(1).unwrap_or(0)),
                "datetime" | "timestamp" | "time" => Some(number(0).unwrap_or(0)),
                "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Some(0),
                _ => None,
            },
            single: name == "float",
        }
    }

    pub(super) fn may_round(&self) -> bool {
        self.may_round
    }
}

/// A value on its way.
#[derive(Debug, PartialEq)]
pub(super) enum Sent<'a> {
    Null,
    Int(i64),
    UInt(u64),
    Single(f32),
    Double(f64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
}

/// One value of an array, if the column can hold it.
pub(super) fn value<'a>(array: &'a dyn Array, row: usize, check: &Check) -> Result<Sent<'a>, Unfit> {
    if array.is_null(row) {
        return if check.no_null { Err(Unfit::MISSING) } else { Ok(Sent::Null) };
    }
    Ok(match array.data_type() {
        DataType::Boolean => Sent::Int(i64::from(array.as_boolean().value(row))),
        DataType::Int8 => Sent::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Sent::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Sent::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Sent::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => Sent::UInt(array.as_primitive::<UInt8Type>().value(row).into()),
        DataType::UInt16 => Sent::UInt(array.as_primitive::<UInt16Type>().value(row).into()),
        DataType::UInt32 => Sent::UInt(array.as_primitive::<UInt32Type>().value(row).into()),
        DataType::UInt64 => Sent::UInt(array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => match array.as_primitive::<Float32Type>().value(row) {
            number if number.is_finite() => Sent::Single(number),
            _ => return Err(Unfit::NOT_FINITE),
        },
        DataType::Float64 => double(array.as_primitive::<Float64Type>().value(row), check)?,
        DataType::Decimal128(_, scale) => {
            let number = array.as_primitive::<Decimal128Type>().value(row).to_string();
            exact(decimal::spell(&number, *scale), check)?
        }
        DataType::Decimal256(_, scale) => {
            let number = array.as_primitive::<Decimal256Type>().value(row).to_string();
            exact(decimal::spell(&number, *scale), check)?
        }
        DataType::Utf8 => text(array.as_string::<i32>().value(row), check)?,
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(row);
            if check.bytes.is_some_and(|length| length != bytes.len()) && !check.may_round {
                return Err(Unfit::LENGTH);
            }
            Sent::Bytes(bytes)
        }
        DataType::Date32 => {
            let date = NaiveDate::from_epoch_days(array.as_primitive::<Date32Type>().value(row)).ok_or(Unfit::TIME)?;
            Sent::Text(day(date)?.into())
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let micros = array.as_primitive::<Time64MicrosecondType>().value(row);
            let micros = kept(micros, 1_000_000, check)?;
            if !(0..=86_400_000_000).contains(&micros) {
                return Err(Unfit::TIME);
            }
            Sent::Text(clock(micros).into())
        }
        DataType::Timestamp(unit, _) => {
            let (ticks, second) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1),
                TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000),
                TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000),
                TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000),
            };
            Sent::Text(moment(ticks, second, check)?.into())
        }
        _ => return Err(Unfit::BUG),
    })
}

fn double(number: f64, check: &Check) -> Result<Sent<'static>, Unfit> {
    if !number.is_finite() {
        return Err(Unfit::NOT_FINITE);
    }
    #[expect(clippy::cast_possible_truncation, reason = "what does not come back the same is refused")]
    let single = number as f32;
    if check.single && !check.may_round && f64::from(single).to_bits() != number.to_bits() {
        return Err(Unfit::ROUNDED);
    }
    Ok(Sent::Double(number))
}

/// Digits that the server would round away are zeros, and go.
fn exact(mut text: String, check: &Check) -> Result<Sent<'static>, Unfit> {
    if let Some(digits) = check.digits
        && !check.may_round
        && let Some(point) = text.find('.')
    {
        let kept = point + 1 + digits;
        if text.get(kept..).is_some_and(|rest| rest.bytes().any(|digit| digit != b'0')) {
            return Err(Unfit::ROUNDED);
        }
        text.truncate(if digits == 0 { point } else { kept });
    }
    Ok(Sent::Text(text.into()))
}

fn text<'a>(text: &'a str, check: &Check) -> Result<Sent<'a>, Unfit> {
    if !check.may_round {
        if check.characters.is_some_and(|most| text.len() > most && text.chars().count() > most) {
            return Err(Unfit::LONG);
        }
        if check.trims && text.ends_with(' ') {
            return Err(Unfit::PADDED);
        }
        // Decimal text on its way to a number, or a span to a time.
        if check.digits.is_some()
            && let Some(fraction) = text.split('.').nth(1)
            && fraction.bytes().skip(check.digits.unwrap_or(0)).any(|digit| digit != b'0')
        {
            return Err(Unfit::ROUNDED);
        }
    }
    Ok(Sent::Text(Cow::Borrowed(text)))
}

/// Years that the server holds, and that other systems agree on.
fn day(date: NaiveDate) -> Result<String, Unfit> {
    if !(1..=9999).contains(&date.year()) {
        return Err(Unfit::TIME);
    }
    Ok(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
}

/// Ticks in microseconds, cut to the digits that the column keeps only if the plan accepts that.
fn kept(ticks: i64, second: i64, check: &Check) -> Result<i64, Unfit> {
    let digits = u32::try_from(check.digits.unwrap_or(6).min(6)).unwrap_or(6);
    // Ticks in the finest part that is kept.
    let part = second / 10_i64.pow(digits).min(second);
    if ticks.rem_euclid(part.max(1)) != 0 && !check.may_round {
        return Err(Unfit::ROUNDED);
    }
    let ticks = ticks.div_euclid(part.max(1)) * part.max(1);
    if second > 1_000_000 {
        Ok(ticks.div_euclid(second / 1_000_000))
    } else {
        ticks.checked_mul(1_000_000 / second).ok_or(Unfit::TIME)
    }
}

fn moment(ticks: i64, second: i64, check: &Check) -> Result<String, Unfit> {
    if ticks == i64::MAX || ticks == i64::MIN {
        return Err(Unfit::TIME);
    }
    let micros = kept(ticks, second, check)?;
    let days = i32::try_from(micros.div_euclid(86_400_000_000)).map_err(|_| Unfit::TIME)?;
    let date = NaiveDate::from_epoch_days(days).ok_or(Unfit::TIME)?;
    Ok(format!("{} {}", day(date)?, clock(micros.rem_euclid(86_400_000_000))))
}

fn clock(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:06}", seconds % 60, micros % 1_000_000)
}

impl Sent<'_> {
    /// As one field of a line of a file: escaped by backslashes.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let written = match self {
            Self::Null => {
                out.extend_from_slice(b"\\N");
                return;
            }
            Self::Text(text) => return escaped(text.as_bytes(), out),
            Self::Bytes(bytes) => return escaped(bytes, out),
            Self::Int(number) => write!(out, "{number}"),
            Self::UInt(number) => write!(out, "{number}"),
            // Every digit of the double that the single is, so that it is found again.
            Self::Single(number) => write!(out, "{:e}", f64::from(*number)),
            Self::Double(number) => write!(out, "{number:e}"),
        };
        debug_assert!(written.is_ok(), "a vector takes everything");
    }

    /// As a parameter of a prepared statement.
    pub(super) fn parameter(self) -> Value {
        match self {
            Self::Null => Value::NULL,
            Self::Int(number) => Value::Int(number),
            Self::UInt(number) => Value::UInt(number),
            Self::Single(number) => Value::Float(number),
            Self::Double(number) => Value::Double(number),
            Self::Text(text) => Value::Bytes(text.into_owned().into_bytes()),
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        }
    }
}

fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | 0)) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((special, tail)) = tail.split_first() else { break };
        out.push(b'\\');
        out.push(match special {
            b'\t' => b't',
            b'\n' => b'n',
            0 => b'0',
            other => *other,
        });
        rest = tail;
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, Decimal128Array, Float64Array, StringArray, TimestampMicrosecondArray,
        TimestampNanosecondArray,
    };

    use super::*;

    fn sent(array: &ArrayRef, spelled: &str, may_round: bool) -> Result<String, &'static str> {
        let check = Check::new(&MyType::parse(spelled), false, may_round);
        let mut line = Vec::new();
        value(array, 0, &check).map_err(|unfit| unfit.code)?.write(&mut line);
        Ok(String::from_utf8(line).unwrap())
    }

    #[test]
    fn a_field_escapes_what_would_end_it() {
        let array: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a\tb\nc\\d\0e\r"]));
        assert_eq!(sent(&array, "longblob", false).unwrap(), "a\\tb\\nc\\\\d\\0e\r");
        let null: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>]));
        assert_eq!(sent(&null, "longtext", false).unwrap(), "\\N");
    }

    #[test]
    fn what_the_server_would_round_in_silence_is_refused() {
        let number: ArrayRef = Arc::new(Decimal128Array::from(vec![12_345]).with_precision_and_scale(9, 4).unwrap());
        assert_eq!(sent(&number, "decimal(9,4)", false).as_deref(), Ok("1.2345"));
        assert_eq!(sent(&number, "decimal(9,3)", false), Err("rounded"));
        assert_eq!(sent(&number, "decimal(9,3)", true).as_deref(), Ok("1.2345"));
        let whole: ArrayRef = Arc::new(Decimal128Array::from(vec![50_000]).with_precision_and_scale(9, 4).unwrap());
        assert_eq!(sent(&whole, "decimal(9,0)", false).as_deref(), Ok("5"));
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![-1]));
        assert_eq!(sent(&at, "datetime(6)", false).as_deref(), Ok("1969-12-31 23:59:59.999999"));
        assert_eq!(sent(&at, "datetime(3)", false), Err("rounded"));
        assert_eq!(sent(&at, "datetime", true).as_deref(), Ok("1969-12-31 23:59:59.000000"));
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_999]));
        assert_eq!(sent(&nanos, "datetime(6)", true).as_deref(), Ok("1970-01-01 00:00:00.000001"));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["üü "]));
        assert_eq!(sent(&text, "varchar(3)", false).as_deref(), Ok("üü "));
        assert_eq!(sent(&text, "varchar(2)", false), Err("text_too_long"));
        assert_eq!(sent(&text, "char(3)", false), Err("trailing_spaces"));
        let double: ArrayRef = Arc::new(Float64Array::from(vec![0.1]));
        assert_eq!(sent(&double, "float", false), Err("rounded"));
        assert_eq!(sent(&double, "double", false).as_deref(), Ok("1e-1"));
    }
}
