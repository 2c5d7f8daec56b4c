//! Between Arrow as everyone uses it and Arrow as DuckDB takes and gives it: infinities, wide decimals, zones.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, Date32Array, Decimal128Array, Decimal256Array, PrimitiveArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, ArrowTimestampType, DataType, Date32Type, Decimal128Type, Decimal256Type,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow::error::ArrowError;

use super::spelling;
use crate::connectors::decimal::{Decimal, spell};
use crate::connectors::{ConnectorError, ErrorKind, LogicalType, Unit, moment};

/// Why a value cannot be held: a stable code and the end of a sentence that begins with the column.
pub(super) type Refusal = (&'static str, &'static str);

const OUT_OF_RANGE: Refusal = ("numeric_overflow", "holds a number with more digits than the target column keeps");
const NO_MOMENT: Refusal = ("datetime_overflow", "holds a moment beyond what DuckDB keeps");

/// An array as the staging table takes it, and the rows whose value it cannot take (they are NULL there).
pub(super) struct Outbound {
    pub(super) array: ArrayRef,
    pub(super) refused: Vec<(usize, Refusal)>,
}

/// The type that the staging table gives a column, which depends on where it goes in one case: a number without bounds
/// that goes into a decimal column waits as that decimal, because DuckDB would round it.
pub(super) fn carrier(logical: &LogicalType, target_type: &str) -> String {
    let unbounded = matches!(logical, LogicalType::Numeric | LogicalType::Decimal { .. });
    match spelling::carrier(logical).as_str() {
        "VARCHAR" if unbounded && spelling::decimal(target_type).is_some() => target_type.to_owned(),
        carrier => carrier.to_owned(),
    }
}

pub(super) fn outbound(array: &ArrayRef, logical: &LogicalType, target_type: &str) -> Result<Outbound, ConnectorError> {
    if *array.data_type() != logical.arrow() {
        let message = format!("A batch brings {} where {} is due.", array.data_type(), logical.arrow());
        return Err(ConnectorError::new(ErrorKind::Bug, message));
    }
    let mut refused = Vec::new();
    let array: ArrayRef = match logical {
        LogicalType::Decimal { precision, .. } => match spelling::decimal(&carrier(logical, target_type)) {
            Some((width, scale)) if spelling::carrier(logical) == "VARCHAR" => {
                let texts = decimal_texts(array, logical, &mut refused);
                bounded(&texts, width, scale, &mut refused)?
            }
            Some(_) => within(array, *precision, &mut refused),
            None => Arc::new(decimal_texts(array, logical, &mut refused)),
        },
        LogicalType::Numeric => match spelling::decimal(target_type) {
            Some((width, scale)) => bounded(array.as_string::<i32>(), width, scale, &mut refused)?,
            None => Arc::clone(array),
        },
        LogicalType::Date => {
            let days = array.as_primitive::<Date32Type>();
            let held = (0..days.len()).map(|row| match days.is_valid(row).then(|| days.value(row)) {
                // DuckDB's minus infinity is the negative of its infinity.
                Some(i32::MIN) => Some(-i32::MAX),
                Some(day) if day == -i32::MAX => {
                    refused.push((row, NO_MOMENT));
                    None
                }
                other => other,
            });
            Arc::new(held.collect::<Date32Array>())
        }
        LogicalType::Time => {
            let times = array.as_primitive::<Time64MicrosecondType>();
            for row in 0..times.len() {
                if times.is_valid(row) && !(0..=86_400_000_000).contains(&times.value(row)) {
                    refused.push((row, NO_MOMENT));
                }
            }
            Arc::clone(array)
        }
        LogicalType::Timestamp { unit, zoned } => moments_out(array, *unit, *zoned, &mut refused),
        _ => Arc::clone(array),
    };
    Ok(Outbound { array, refused })
}

/// Decimals as they are; those with more digits than declared are refused.
fn within(array: &ArrayRef, precision: u8, refused: &mut Vec<(usize, Refusal)>) -> ArrayRef {
    let digits = array.as_primitive::<Decimal128Type>();
    let limit = 10_u128.pow(u32::from(precision));
    let before = refused.len();
    refused.extend(
        (0..digits.len())
            .filter(|row| digits.is_valid(*row) && digits.value(*row).unsigned_abs() >= limit)
            .map(|row| (row, OUT_OF_RANGE)),
    );
    if refused.len() == before {
        return Arc::clone(array);
    }
    let held = digits.iter().map(|number| number.filter(|number| number.unsigned_abs() < limit));
    Arc::new(held.collect::<Decimal128Array>().with_data_type(array.data_type().clone()))
}

/// The digits of every decimal as text; those with more digits than declared are refused.
fn decimal_texts(array: &ArrayRef, logical: &LogicalType, refused: &mut Vec<(usize, Refusal)>) -> StringArray {
    let LogicalType::Decimal { precision, scale } = logical else { return StringArray::new_null(array.len()) };
    (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return None;
            }
            let unscaled = if *precision <= 38 {
                array.as_primitive::<Decimal128Type>().value(row).to_string()
            } else {
                array.as_primitive::<Decimal256Type>().value(row).to_string()
            };
            if unscaled.trim_start_matches('-').len() > usize::from(*precision) {
                refused.push((row, OUT_OF_RANGE));
                return None;
            }
            Some(spell(&unscaled, *scale))
        })
        .collect()
}

fn bounded(
    texts: &StringArray,
    precision: u8,
    scale: i8,
    refused: &mut Vec<(usize, Refusal)>,
) -> Result<ArrayRef, ConnectorError> {
    let held: Decimal128Array = (0..texts.len())
        .map(|row| {
            let text = texts.is_valid(row).then(|| texts.value(row))?;
            let number = Decimal::parse(text).and_then(|number| number.to_i128(precision, scale));
            if number.is_none() {
                refused.push((row, OUT_OF_RANGE));
            }
            number
        })
        .collect();
    Ok(Arc::new(held.with_precision_and_scale(precision, scale).map_err(broken)?))
}

fn moments_out(array: &ArrayRef, unit: Unit, zoned: bool, refused: &mut Vec<(usize, Refusal)>) -> ArrayRef {
    let per_second = moment::per_second(unit);
    let factor = if zoned && unit != Unit::Nanosecond { 1_000_000 / per_second } else { 1 };
    let mut held = |ticks: &dyn Fn(usize) -> i64| -> Vec<Option<i64>> {
        (0..array.len())
            .map(|row| {
                let moved = match array.is_valid(row).then(|| ticks(row))? {
                    i64::MAX => Some(i64::MAX),
                    i64::MIN => Some(-i64::MAX),
                    ticks => ticks.checked_mul(factor).filter(|moved| *moved != i64::MAX && *moved > -i64::MAX),
                };
                if moved.is_none() {
                    refused.push((row, NO_MOMENT));
                }
                moved
            })
            .collect()
    };
    let ticks = match unit {
        Unit::Second => held(&|row| array.as_primitive::<TimestampSecondType>().value(row)),
        Unit::Millisecond => held(&|row| array.as_primitive::<TimestampMillisecondType>().value(row)),
        Unit::Microsecond => held(&|row| array.as_primitive::<TimestampMicrosecondType>().value(row)),
        Unit::Nanosecond => held(&|row| array.as_primitive::<TimestampNanosecondType>().value(row)),
    };
    match (unit, zoned) {
        (Unit::Nanosecond, _) => Arc::new(PrimitiveArray::<TimestampNanosecondType>::from(ticks)),
        (_, true) => Arc::new(TimestampMicrosecondArray::from(ticks).with_timezone("UTC")),
        (Unit::Second, false) => Arc::new(PrimitiveArray::<TimestampSecondType>::from(ticks)),
        (Unit::Millisecond, false) => Arc::new(PrimitiveArray::<TimestampMillisecondType>::from(ticks)),
        (Unit::Microsecond, false) => Arc::new(TimestampMicrosecondArray::from(ticks)),
    }
}

/// What DuckDB gave for a column that was [`spelling::asked`] for, as the logical type's own Arrow type.
pub(super) fn inbound(array: &ArrayRef, logical: &LogicalType) -> Result<ArrayRef, ConnectorError> {
    let due = logical.arrow();
    match logical {
        LogicalType::Decimal { precision, scale } if *array.data_type() == DataType::Utf8 => {
            wide(array.as_string::<i32>(), *precision, *scale)
        }
        LogicalType::Date if *array.data_type() == DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            Ok(Arc::new(days.unary::<_, Date32Type>(|day| if day == -i32::MAX { i32::MIN } else { day })))
        }
        LogicalType::Timestamp { unit, zoned } => moments_in(array, *unit, *zoned),
        _ if *array.data_type() == due => Ok(Arc::clone(array)),
        // A table of the user's may keep a column in another type; values that do not pass are an error, not NULL.
        _ => {
            let moved = cast(array, &due).map_err(broken)?;
            if moved.null_count() == array.null_count() {
                Ok(moved)
            } else {
                Err(ConnectorError::new(ErrorKind::BadData, "The target holds a value that was not written there."))
            }
        }
    }
}

fn wide(texts: &StringArray, precision: u8, scale: i8) -> Result<ArrayRef, ConnectorError> {
    let bad = || ConnectorError::new(ErrorKind::BadData, "A column of numbers holds a text that is none.");
    let numbers = |row: usize| texts.is_valid(row).then(|| Decimal::parse(texts.value(row)));
    if precision <= 38 {
        let held = (0..texts.len())
            .map(|row| match numbers(row) {
                None => Ok(None),
                Some(number) => number.and_then(|number| number.to_i128(precision, scale)).map(Some).ok_or_else(bad),
            })
            .collect::<Result<Decimal128Array, _>>()?;
        return Ok(Arc::new(held.with_precision_and_scale(precision, scale).map_err(broken)?));
    }
    let held = (0..texts.len())
        .map(|row| match numbers(row) {
            None => Ok(None),
            Some(number) => number.and_then(|number| number.to_i256(precision, scale)).map(Some).ok_or_else(bad),
        })
        .collect::<Result<Decimal256Array, _>>()?;
    Ok(Arc::new(held.with_precision_and_scale(precision, scale).map_err(broken)?))
}

fn moments_in(array: &ArrayRef, unit: Unit, zoned: bool) -> Result<ArrayRef, ConnectorError> {
    let DataType::Timestamp(given, _) = array.data_type() else {
        return cast(array, &LogicalType::Timestamp { unit, zoned }.arrow()).map_err(broken);
    };
    let given_per_second = match given {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let ticks = match given {
        TimeUnit::Second => raw::<TimestampSecondType>(array),
        TimeUnit::Millisecond => raw::<TimestampMillisecondType>(array),
        TimeUnit::Microsecond => raw::<TimestampMicrosecondType>(array),
        TimeUnit::Nanosecond => raw::<TimestampNanosecondType>(array),
    };
    let moved = ticks
        .into_iter()
        .map(|ticks| match ticks {
            None => Ok(None),
            Some(i64::MAX) => Ok(Some(i64::MAX)),
            Some(ticks) if ticks == -i64::MAX => Ok(Some(i64::MIN)),
            Some(ticks) => {
                let scaled = i128::from(ticks) * i128::from(moment::per_second(unit));
                let exact = (scaled % given_per_second == 0).then(|| i64::try_from(scaled / given_per_second).ok());
                exact.flatten().map(Some).ok_or_else(|| {
                    ConnectorError::new(ErrorKind::BadData, "The target holds a moment that was not written there.")
                })
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let zone = zoned.then_some("UTC");
    Ok(match unit {
        Unit::Second => zoned_array::<TimestampSecondType>(moved, zone),
        Unit::Millisecond => zoned_array::<TimestampMillisecondType>(moved, zone),
        Unit::Microsecond => zoned_array::<TimestampMicrosecondType>(moved, zone),
        Unit::Nanosecond => zoned_array::<TimestampNanosecondType>(moved, zone),
    })
}

fn raw<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef) -> Vec<Option<i64>> {
    array.as_primitive::<T>().iter().collect()
}

fn zoned_array<T: ArrowTimestampType>(ticks: Vec<Option<i64>>, zone: Option<&str>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter(ticks).with_timezone_opt(zone))
}

fn broken(error: ArrowError) -> ConnectorError {
    ConnectorError::new(ErrorKind::BadData, "Values of DuckDB do not have the type that was asked for.").because(error)
}
