//! Casts as a plan asks for them. A value that does not fit is found and set aside, never turned into NULL; a number is
//! rounded only into a decimal of fewer places or a float, which is what such a cast means.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::failure::Failure;
use crate::connectors::{ErrorKind, LogicalType};

/// A column after its cast, and the rows whose value did not fit.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) array: ArrayRef,
    pub(super) unfit: Vec<usize>,
}

/// Casts a column from one logical type to another.
pub(super) fn cast(array: &ArrayRef, from: &LogicalType, to: &LogicalType) -> Result<Cast, Failure> {
    if from == to || (from.arrow() == to.arrow() && !is_checked_text(to)) {
        return Ok(Cast { array: Arc::clone(array), unfit: Vec::new() });
    }
    if from.arrow() == DataType::Utf8 && is_checked_text(to) {
        return Ok(checked_text(array.as_string::<i32>(), to));
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let convert = |array: &ArrayRef, to: &DataType| {
        cast_with_options(array, to, &options).map_err(|error| {
            let message = format!("A value of type {from:?} cannot become {to:?}.");
            let mut failure = Failure::new(ErrorKind::Unsupported, message)
                .advise("Take the cast out of the plan or choose another type.");
            failure.error = failure.error.because(error);
            failure
        })
    };
    let result = convert(array, &to.arrow())?;
    let mut unfit: Vec<usize> =
        (0..array.len()).filter(|row| array.is_valid(*row) && result.is_null(*row)).collect();
    if is_integer(to) {
        unfit.extend(with_fraction(array, &result, &convert)?);
        unfit.sort_unstable();
    }
    if is_checked_text(to) {
        let mut checked = checked_text(result.as_string::<i32>(), to);
        checked.unfit.extend(unfit);
        checked.unfit.sort_unstable();
        checked.unfit.dedup();
        return Ok(checked);
    }
    Ok(Cast { array: result, unfit })
}

/// Text whose form its logical type fixes.
fn is_checked_text(logical: &LogicalType) -> bool {
    matches!(logical, LogicalType::Uuid | LogicalType::Json | LogicalType::Numeric)
}

fn is_integer(logical: &LogicalType) -> bool {
    matches!(
        logical,
        LogicalType::Int8
            | LogicalType::Int16
            | LogicalType::Int32
            | LogicalType::Int64
            | LogicalType::UInt8
            | LogicalType::UInt16
            | LogicalType::UInt32
            | LogicalType::UInt64
    )
}

fn checked_text(values: &StringArray, to: &LogicalType) -> Cast {
    let mut unfit = Vec::new();
    let array: StringArray = values
        .iter()
        .enumerate()
        .map(|(row, value)| {
            let value = value?;
            let fitting = match to {
                LogicalType::Uuid => uuid::Uuid::parse_str(value.trim()).ok().map(|id| id.to_string()),
                LogicalType::Json => {
                    serde_json::from_str::<&serde_json::value::RawValue>(value).ok().map(|_| value.to_owned())
                }
                _ => is_number(value.trim()).then(|| value.trim().to_owned()),
            };
            if fitting.is_none() {
                unfit.push(row);
            }
            fitting
        })
        .collect();
    Cast { array: Arc::new(array), unfit }
}

/// A decimal number or one of the words that stand for none.
fn is_number(text: &str) -> bool {
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return true;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !(whole.is_empty() && fraction.is_empty())
        && !exponent.is_empty()
        && [whole, fraction, exponent].into_iter().all(all_digits)
}

/// Rows whose number has a fraction that an integer would lose.
fn with_fraction(
    array: &ArrayRef,
    result: &ArrayRef,
    convert: &dyn Fn(&ArrayRef, &DataType) -> Result<ArrayRef, Failure>,
) -> Result<Vec<usize>, Failure> {
    let rows = |lost: &dyn Fn(usize) -> bool| {
        (0..array.len()).filter(|row| array.is_valid(*row) && result.is_valid(*row) && lost(*row)).collect()
    };
    Ok(match array.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            rows(&|row| values.value(row).fract() != 0.0)
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            rows(&|row| values.value(row).fract() != 0.0)
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            let back = convert(result, array.data_type())?;
            let differs = arrow::compute::kernels::cmp::distinct(array, &back).map_err(|error| {
                let mut failure = Failure::new(ErrorKind::Bug, "A cast could not be checked.");
                failure.error = failure.error.because(error);
                failure
            })?;
            rows(&|row| differs.value(row))
        }
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Float64Array, Int64Array};

    use super::*;
    use crate::connectors::Unit;

    fn shown(cast: &Cast) -> Vec<String> {
        (0..cast.array.len())
            .map(|row| {
                if cast.unfit.contains(&row) {
                    "unfit".to_owned()
                } else if cast.array.is_null(row) {
                    "null".to_owned()
                } else {
                    arrow::util::display::array_value_to_string(&cast.array, row).unwrap()
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
        let int = from_text(&[Some("12"), Some("x"), None, Some("99999999999999999999"), Some("1.5")], &LogicalType::Int64);
        assert_eq!(int, ["12", "unfit", "null", "unfit", "unfit"]);
        let decimal = LogicalType::Decimal { precision: 6, scale: 2 };
        let sums = from_text(&[Some("1.005"), Some("-12345.6"), Some("NaN"), Some("")], &decimal);
        assert_eq!(sums, ["1.01", "unfit", "unfit", "unfit"]);
        let day = from_text(&[Some("2026-02-28"), Some("2026-02-30"), Some("soon")], &LogicalType::Date);
        assert_eq!(day, ["2026-02-28", "unfit", "unfit"]);
        let at = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true };
        let moments = from_text(&[Some("2026-02-28T10:00:00+02:00"), Some("yesterday")], &at);
        assert_eq!(moments, ["2026-02-28T08:00:00Z", "unfit"]);
    }

    #[test]
    fn text_of_a_fixed_form_is_checked() {
        let ids = [Some("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), Some("a0ee")];
        assert_eq!(from_text(&ids, &LogicalType::Uuid), ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "unfit"]);
        assert_eq!(from_text(&[Some("{\"a\": 1}"), Some("{a}")], &LogicalType::Json), ["{\"a\": 1}", "unfit"]);
        let numbers = [Some("1e5"), Some("-.5"), Some("1."), Some("."), Some("e1"), Some("1e"), Some("NaN"), Some("0x1")];
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
    }

    #[test]
    fn numbers_become_text_exactly() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, 0]));
        let text = cast(&numbers, &LogicalType::Int64, &LogicalType::Text).unwrap();
        assert_eq!(shown(&text), ["-9223372036854775808", "0"]);
    }
}
