//! Casts as a plan asks for them. A value that does not fit the new type is found and set aside, never bent and never
//! turned into NULL. Only what a cast's note states is lost: a float's last digits, a timestamp's time of day.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, Date32Array, Decimal128Array, Decimal256Array, PrimitiveArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use serde_json::value::RawValue;

use super::failure::Failure;
use crate::connectors::decimal::{Decimal, is_numeric_text};
use crate::connectors::spelling::spell;
use crate::connectors::{ErrorKind, LogicalType, Unit, moment};

const SECONDS_OF_DAY: i64 = 86_400;

/// A column after its cast, and the rows whose value did not fit.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) array: ArrayRef,
    pub(super) unfit: Vec<usize>,
}

impl Cast {
    /// `array` has a NULL where a value of `from` did not fit.
    fn of(from: &ArrayRef, array: ArrayRef) -> Self {
        let unfit = (0..from.len()).filter(|row| from.is_valid(*row) && array.is_null(*row)).collect();
        Self { array, unfit }
    }
}

/// Casts a column from one logical type to another.
pub(super) fn cast(array: &ArrayRef, from: &LogicalType, to: &LogicalType) -> Result<Cast, Failure> {
    use LogicalType as L;
    if from == to || (from.arrow() == to.arrow() && !matches!(to, L::Uuid | L::Json | L::Numeric)) {
        return Ok(Cast { array: Arc::clone(array), unfit: Vec::new() });
    }
    let done = match (from, to) {
        (L::Timestamp { .. } | L::Date | L::Time, L::Text) => {
            let texts: StringArray = (0..array.len()).map(|row| spell(array, row)).collect();
            Cast::of(array, Arc::new(texts))
        }
        (L::Timestamp { .. } | L::Date, L::Timestamp { .. } | L::Date) => {
            Cast::of(array, ticks(to, (0..array.len()).map(|row| rescale(tick(array, row)?, from, to))))
        }
        (_, L::Decimal { precision, scale }) if matches!(array.data_type(), DataType::Float32 | DataType::Float64) => {
            let texts = floats_as_text(array);
            Cast::of(array, decimals(&texts, *precision, *scale)?)
        }
        _ if array.data_type() == &DataType::Utf8 => match text(array.as_string(), from, to)? {
            Some(cast) => Cast::of(array, cast),
            None => by_arrow(array, to)?,
        },
        _ => by_arrow(array, to)?,
    };
    // Whatever became text must still be of a form that its type fixes.
    match to {
        L::Uuid | L::Json | L::Numeric if from.arrow() != DataType::Utf8 => {
            let checked = text(done.array.as_string(), &L::Text, to)?.unwrap_or(done.array);
            Ok(Cast::of(array, checked))
        }
        _ => Ok(done),
    }
}

/// Text to a type with a form of its own; `None` where Arrow reads the text well.
fn text(values: &StringArray, from: &LogicalType, to: &LogicalType) -> Result<Option<ArrayRef>, Failure> {
    use LogicalType as L;
    let texts = |form: &dyn Fn(&str) -> Option<String>| -> ArrayRef {
        Arc::new(values.iter().map(|value| form(value?.trim())).collect::<StringArray>())
    };
    Ok(Some(match to {
        L::Uuid => texts(&|value| uuid::Uuid::parse_str(value).ok().map(|id| id.to_string())),
        L::Json => {
            let is_json = |value: &&str| serde_json::from_str::<&RawValue>(value).is_ok();
            Arc::new(values.iter().map(|value| value.filter(is_json)).collect::<StringArray>())
        }
        L::Numeric => texts(&|value| is_numeric_text(value).then(|| value.to_owned())),
        L::Decimal { precision, scale } => decimals(values, *precision, *scale)?,
        L::Date => ticks(to, values.iter().map(|value| moment::parse_date(value?.trim()).map(i64::from))),
        L::Time => ticks(to, values.iter().map(|value| moment::parse_time(value?.trim()))),
        L::Timestamp { unit, .. } => {
            ticks(to, values.iter().map(|value| moment::parse_timestamp(value?.trim(), *unit)))
        }
        // `5.0` is a whole number too.
        to if is_integer(to) => {
            let plain = texts(&|value| Decimal::parse(value).map(|number| number.to_string()));
            by_arrow(&plain, to)?.array
        }
        L::Float32 | L::Float64 if *from != L::Numeric => {
            let trimmed = texts(&|value| Some(value.to_owned()));
            by_arrow(&trimmed, to)?.array
        }
        _ => return Ok(None),
    }))
}

fn is_integer(logical: &LogicalType) -> bool {
    logical.arrow().is_integer()
}

/// A date's days, or a time's or timestamp's ticks.
fn tick(array: &ArrayRef, row: usize) -> Option<i64> {
    fn value<T: arrow::datatypes::ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Option<T::Native> {
        let array: &PrimitiveArray<T> = array.as_primitive_opt()?;
        array.is_valid(row).then(|| array.value(row))
    }
    match array.data_type() {
        DataType::Date32 => value::<Date32Type>(array, row).map(i64::from),
        DataType::Time64(_) => value::<Time64MicrosecondType>(array, row),
        _ => value::<TimestampMicrosecondType>(array, row)
            .or_else(|| value::<TimestampNanosecondType>(array, row))
            .or_else(|| value::<TimestampMillisecondType>(array, row))
            .or_else(|| value::<TimestampSecondType>(array, row)),
    }
}

/// A date or timestamp of one type in the ticks of another. Infinities stay infinite; what is cut off is cut towards the
/// past.
fn rescale(tick: i64, from: &LogicalType, to: &LogicalType) -> Option<i64> {
    let per_day = |logical: &LogicalType| match logical {
        LogicalType::Timestamp { unit, .. } => moment::per_second(*unit) * SECONDS_OF_DAY,
        _ => 1,
    };
    let ends = |logical: &LogicalType| match logical {
        LogicalType::Date => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let ((lowest, highest), (least, most)) = (ends(from), ends(to));
    if tick == lowest {
        return Some(least);
    }
    if tick == highest {
        return Some(most);
    }
    let (from, to) = (per_day(from), per_day(to));
    let scaled = if to >= from { tick.checked_mul(to / from)? } else { tick.div_euclid(from / to) };
    (scaled > least && scaled < most).then_some(scaled)
}

fn ticks(to: &LogicalType, values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    match to {
        LogicalType::Date => {
            Arc::new(values.map(|days| days.and_then(|days| i32::try_from(days).ok())).collect::<Date32Array>())
        }
        LogicalType::Timestamp { unit, zoned } => {
            let zone = zoned.then(|| Arc::<str>::from("UTC"));
            match unit {
                Unit::Second => Arc::new(values.collect::<TimestampSecondArray>().with_timezone_opt(zone)),
                Unit::Millisecond => Arc::new(values.collect::<TimestampMillisecondArray>().with_timezone_opt(zone)),
                Unit::Microsecond => Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone_opt(zone)),
                Unit::Nanosecond => Arc::new(values.collect::<TimestampNanosecondArray>().with_timezone_opt(zone)),
            }
        }
        _ => Arc::new(values.collect::<Time64MicrosecondArray>()),
    }
}

/// By the shortest text that names the float.
fn floats_as_text(array: &ArrayRef) -> StringArray {
    match array.as_primitive_opt::<Float32Type>() {
        Some(values) => values.iter().map(|value| value.map(|value| value.to_string())).collect(),
        None => array.as_primitive::<Float64Type>().iter().map(|value| value.map(|value| value.to_string())).collect(),
    }
}

/// Decimals that hold every digit of the text; none is rounded.
fn decimals(values: &StringArray, precision: u8, scale: i8) -> Result<ArrayRef, Failure> {
    let number = |value: Option<&str>| Decimal::parse(value?.trim());
    if precision <= 38 {
        let exact = values.iter().map(|value| number(value)?.to_i128(precision, scale));
        let array: Decimal128Array = exact.collect();
        Ok(Arc::new(array.with_precision_and_scale(precision, scale).map_err(impossible)?))
    } else {
        let exact = values.iter().map(|value| number(value)?.to_i256(precision, scale));
        let array: Decimal256Array = exact.collect();
        Ok(Arc::new(array.with_precision_and_scale(precision, scale).map_err(impossible)?))
    }
}

fn impossible(error: arrow::error::ArrowError) -> Failure {
    let mut failure = Failure::new(ErrorKind::Unsupported, "A column cannot be cast as the plan asks.")
        .advise("Take the cast out of the plan or choose another type.");
    failure.error = failure.error.because(error);
    failure
}

/// Numbers among each other, booleans, and what else Arrow converts value by value.
fn by_arrow(array: &ArrayRef, to: &LogicalType) -> Result<Cast, Failure> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let convert = |array: &ArrayRef, to: &DataType| cast_with_options(array, to, &options).map_err(impossible);
    let result = convert(array, &to.arrow())?;
    let mut done = Cast::of(array, result);
    let bent = |row: &usize| array.is_valid(*row) && done.array.is_valid(*row);
    let rows = 0..array.len();
    let more: Vec<usize> = match (array.data_type(), to) {
        // A number with a fraction is no whole number, and a decimal of fewer places is another number.
        (DataType::Decimal128(..) | DataType::Decimal256(..), to)
            if is_integer(to) || matches!(to, LogicalType::Decimal { .. }) =>
        {
            let back = convert(&done.array, array.data_type())?;
            let differs = arrow::compute::kernels::cmp::distinct(array, &back).map_err(impossible)?;
            rows.filter(bent).filter(|row| differs.value(*row)).collect()
        }
        (DataType::Float64, to) if is_integer(to) => {
            let values = array.as_primitive::<Float64Type>();
            rows.filter(bent).filter(|row| values.value(*row).fract() != 0.0).collect()
        }
        (DataType::Float32, to) if is_integer(to) => {
            let values = array.as_primitive::<Float32Type>();
            rows.filter(bent).filter(|row| values.value(*row).fract() != 0.0).collect()
        }
        (from, LogicalType::Boolean) if from.is_integer() => {
            let values = convert(array, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>();
            rows.filter(bent).filter(|row| !matches!(values.value(*row), 0 | 1) || values.is_null(*row)).collect()
        }
        _ => Vec::new(),
    };
    done.unfit.extend(more);
    done.unfit.sort_unstable();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Float64Array, Int64Array};

    use super::*;

    fn shown(cast: &Cast) -> Vec<String> {
        (0..cast.array.len())
            .map(|row| {
                if cast.unfit.contains(&row) {
                    "unfit".to_owned()
                } else if cast.array.is_null(row) {
                    "null".to_owned()
                } else {
                    spell(&cast.array, row).unwrap()
                }
            })
            .collect()
    }

    fn from_text(values: &[Option<&str>], to: &LogicalType) -> Vec<String> {
        let array: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        shown(&cast(&array, &LogicalType::Text, to).unwrap())
    }

    #[test]
    fn text_that_is_no_such_value_is_found_and_null_stays_null() {
        let int = [Some("12"), Some("x"), None, Some("99999999999999999999"), Some("1.5"), Some(" 5.0 ")];
        let int = from_text(&int, &LogicalType::Int64);
        assert_eq!(int, ["12", "unfit", "null", "unfit", "unfit", "5"]);
        let decimal = LogicalType::Decimal { precision: 6, scale: 2 };
        assert_eq!(from_text(&[Some("1.50"), Some("1e2"), Some("-.5")], &decimal), ["1.50", "100.00", "-0.50"]);
        let sums = from_text(&[Some("1.005"), Some("-12345.6"), Some("NaN"), Some("")], &decimal);
        assert_eq!(sums, ["unfit", "unfit", "unfit", "unfit"]);
        let day = from_text(&[Some("2026-02-28"), Some("2026-02-30"), Some("soon")], &LogicalType::Date);
        assert_eq!(day, ["2026-02-28", "unfit", "unfit"]);
        let at = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true };
        let moments = from_text(
            &[Some("2026-02-28T10:00:00+02:00"), Some("yesterday"), Some("2026-02-28 10:00:00.1234567")],
            &at,
        );
        assert_eq!(moments, ["2026-02-28 08:00:00.000000+00:00", "unfit", "unfit"]);
    }

    #[test]
    fn text_of_a_fixed_form_is_checked() {
        let ids = [Some("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), Some("a0ee")];
        assert_eq!(from_text(&ids, &LogicalType::Uuid), ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "unfit"]);
        assert_eq!(from_text(&[Some("{\"a\": 1}"), Some("{a}")], &LogicalType::Json), ["{\"a\": 1}", "unfit"]);
        let numbers =
            [Some("1e5"), Some("-.5"), Some("1."), Some("."), Some("e1"), Some("1e"), Some("NaN"), Some("0x1")];
        let expected = ["1e5", "-.5", "1.", "unfit", "unfit", "unfit", "NaN", "unfit"];
        assert_eq!(from_text(&numbers, &LogicalType::Numeric), expected);
    }

    #[test]
    fn an_integer_never_loses_a_fraction() {
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![2.0, 2.5, f64::NAN, 1e300]));
        assert_eq!(
            shown(&cast(&floats, &LogicalType::Float64, &LogicalType::Int32).unwrap()),
            ["2", "unfit", "unfit", "unfit"]
        );
        let decimals: ArrayRef =
            Arc::new(Decimal128Array::from(vec![200, 250, -100]).with_precision_and_scale(10, 2).unwrap());
        let from = LogicalType::Decimal { precision: 10, scale: 2 };
        assert_eq!(shown(&cast(&decimals, &from, &LogicalType::Int64).unwrap()), ["2", "unfit", "-1"]);
        let coarser = LogicalType::Decimal { precision: 10, scale: 1 };
        assert_eq!(shown(&cast(&decimals, &from, &coarser).unwrap()), ["2.0", "2.5", "-1.0"]);
        let whole = LogicalType::Decimal { precision: 10, scale: 0 };
        assert_eq!(shown(&cast(&decimals, &from, &whole).unwrap()), ["2", "unfit", "-1"]);
        let cents: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 0.125, f64::NAN]));
        assert_eq!(shown(&cast(&cents, &LogicalType::Float64, &from).unwrap()), ["0.10", "unfit", "unfit"]);
        let bits: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), Some(1), Some(2), None]));
        assert_eq!(
            shown(&cast(&bits, &LogicalType::Int64, &LogicalType::Boolean).unwrap()),
            ["false", "true", "unfit", "null"]
        );
    }

    #[test]
    fn moments_keep_their_infinities_and_are_cut_towards_the_past() {
        let at = |unit| LogicalType::Timestamp { unit, zoned: false };
        let moments: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![-1, 1_001, i64::MAX, i64::MIN]));
        let micros = cast(&moments, &at(Unit::Nanosecond), &at(Unit::Microsecond)).unwrap();
        let ticks: Vec<_> = (0..4).map(|row| tick(&micros.array, row)).collect();
        assert_eq!(ticks, [Some(-1), Some(1), Some(i64::MAX), Some(i64::MIN)]);
        let days = cast(&moments, &at(Unit::Nanosecond), &LogicalType::Date).unwrap();
        let ticks: Vec<_> = (0..4).map(|row| tick(&days.array, row)).collect();
        assert_eq!(ticks, [Some(-1), Some(0), Some(i64::from(i32::MAX)), Some(i64::from(i32::MIN))]);
        let back = cast(&days.array, &LogicalType::Date, &at(Unit::Microsecond)).unwrap();
        let ticks: Vec<_> = (0..4).map(|row| tick(&back.array, row)).collect();
        assert_eq!(ticks, [Some(-86_400_000_000), Some(0), Some(i64::MAX), Some(i64::MIN)]);
        let text = cast(&moments, &at(Unit::Nanosecond), &LogicalType::Text).unwrap();
        assert_eq!(
            shown(&text),
            ["1969-12-31 23:59:59.999999999", "1970-01-01 00:00:00.000001001", "infinity", "-infinity"]
        );
    }

    #[test]
    fn numbers_become_text_exactly() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, 0]));
        let text = cast(&numbers, &LogicalType::Int64, &LogicalType::Text).unwrap();
        assert_eq!(shown(&text), ["-9223372036854775808", "0"]);
    }
}
