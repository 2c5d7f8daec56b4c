//! Every logical type that a destination says it takes, with ordinary values and with the ends of its range.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type, i256};

use super::destination::target;
use super::row::canonical;
use super::writing::{Hand, commit, metadata, plain, whole_batch};
use super::{Violation, ensure};
use crate::connectors::{ColumnType, ErrorKind, Fidelity, LogicalType, Unit, WriteMode};

/// Values of one type. The first `ordinary` of them may never be rejected; the others may, but not change.
struct Values {
    array: ArrayRef,
    ordinary: usize,
}

impl Values {
    fn of(array: impl Array + 'static, ordinary: usize) -> Self {
        Self { array: Arc::new(array), ordinary }
    }

    fn texts(ordinary: &[&str], extreme: &[&str]) -> Self {
        let all = ordinary.iter().chain(extreme).map(|&text| Some(text)).chain([None]);
        Self::of(all.collect::<StringArray>(), ordinary.len())
    }
}

pub(super) async fn every_type(hand: &Hand<'_>) -> Result<(), Violation> {
    for (number, logical) in every_logical_type().into_iter().enumerate() {
        let check = format!("values of {logical:?}");
        one_type(hand, number, logical).await.map_err(|violation| violation.in_check(&check))?;
    }
    Ok(())
}

async fn one_type(hand: &Hand<'_>, number: usize, logical: LogicalType) -> Result<(), Violation> {
    let column = plain("value", logical.clone());
    let landing = match hand.destination.land(&column.data_type) {
        Ok(landing) => landing,
        Err(error) if error.kind == ErrorKind::Unsupported => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    ensure(landing.fidelity != Fidelity::Lossy || landing.note.is_some(), || "a loss is not named".to_owned())?;
    let again = hand.destination.land(&ColumnType::new(logical.clone(), "contract", format!("{logical:?}")))?;
    ensure(landing == again, || "the same type lands in two ways".to_owned())?;

    let values = values(&logical)?;
    let rows = values.array.len();
    let ids: Vec<i64> = (0..rows).filter_map(|row| i64::try_from(row).ok()).collect();
    let [run, synced] = metadata();
    let columns = vec![plain("id", LogicalType::Int64), column, run, synced];
    let target = target(&format!("contract_type_{number}"));
    let abilities = hand.destination.abilities();
    let mode = if abilities.append { WriteMode::Append } else { WriteMode::Replace };
    let mut writer = hand.open(&target, mode, ("types", "run-1"), &columns).await?;
    let arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids)), Arc::clone(&values.array)];
    let rejected = writer.write(whole_batch(&columns, arrays, "run-1")?).await?;
    let taken = rows.saturating_sub(rejected.len());
    let count = u64::try_from(taken).unwrap_or_default();
    commit(&mut writer, ("run-1", 1, count), true).await?;
    hand.counts(&target, Some("run-1"), count, "after one write").await?;

    let mut seen = vec![false; rows];
    for batch in hand.read_back(&target, columns.get(..2).unwrap_or_default(), Some("run-1")).await? {
        for row in 0..batch.num_rows() {
            let id = batch.column(0).as_primitive::<Int64Type>().value(row);
            let Ok(id) = usize::try_from(id) else { return Err(Violation::new("an id came back negative")) };
            let Some(flag) = seen.get_mut(id) else { return Err(Violation::new("an id came back changed")) };
            ensure(!std::mem::replace(flag, true), || format!("the row {id} came back twice"))?;
            let (came, due) = (batch.column(1).slice(row, 1), values.array.slice(id, 1));
            ensure(landing.fidelity == Fidelity::Lossy || same(&logical, &came, &due), || {
                format!("as `{}`, {due:?} came back as {came:?}", landing.target_type)
            })?;
        }
    }
    let lost = seen.iter().filter(|seen| !**seen).count();
    ensure(lost == rejected.len(), || format!("{} rows were rejected, {lost} did not come back", rejected.len()))?;
    ensure(seen.iter().take(values.ordinary).all(|seen| *seen), || {
        let reason = rejected.first().map_or("", |row| row.reason.as_str());
        format!("as `{}`, an ordinary value was rejected: {reason}", landing.target_type)
    })?;
    ensure(seen.last() == Some(&true), || "NULL was rejected".to_owned())
}

/// Equal as values: numbers by worth, NaN like NaN, everything else to the last bit.
fn same(logical: &LogicalType, came: &ArrayRef, due: &ArrayRef) -> bool {
    if came.is_null(0) || due.is_null(0) {
        return came.is_null(0) && due.is_null(0);
    }
    match logical {
        LogicalType::Float32 => {
            let (came, due) = (came.as_primitive::<Float32Type>().value(0), due.as_primitive::<Float32Type>().value(0));
            same_float(came.into(), due.into())
        }
        LogicalType::Float64 => {
            let (came, due) = (came.as_primitive::<Float64Type>().value(0), due.as_primitive::<Float64Type>().value(0));
            same_float(came, due)
        }
        LogicalType::Numeric => {
            canonical(came.as_string::<i32>().value(0)) == canonical(due.as_string::<i32>().value(0))
        }
        _ => came == due,
    }
}

fn same_float(came: f64, due: f64) -> bool {
    came.partial_cmp(&due) == Some(std::cmp::Ordering::Equal) || (came.is_nan() && due.is_nan())
}

fn every_logical_type() -> Vec<LogicalType> {
    let mut all = vec![
        LogicalType::Boolean,
        LogicalType::Int8,
        LogicalType::Int16,
        LogicalType::Int32,
        LogicalType::Int64,
        LogicalType::UInt8,
        LogicalType::UInt16,
        LogicalType::UInt32,
        LogicalType::UInt64,
        LogicalType::Float32,
        LogicalType::Float64,
        LogicalType::Numeric,
        LogicalType::Text,
        LogicalType::Binary,
        LogicalType::Uuid,
        LogicalType::Json,
        LogicalType::Date,
        LogicalType::Time,
        LogicalType::Interval,
        LogicalType::Enum,
        LogicalType::Array,
        LogicalType::Other,
    ];
    for (precision, scale) in [(1, 0), (5, 5), (12, 2), (18, 4), (38, 0), (38, 10), (76, 38)] {
        all.push(LogicalType::Decimal { precision, scale });
    }
    for unit in [Unit::Second, Unit::Millisecond, Unit::Microsecond, Unit::Nanosecond] {
        for zoned in [false, true] {
            all.push(LogicalType::Timestamp { unit, zoned });
        }
    }
    all
}

fn values(logical: &LogicalType) -> Result<Values, Violation> {
    Ok(match logical {
        LogicalType::Boolean => Values::of(BooleanArray::from(vec![Some(true), Some(false), None]), 2),
        LogicalType::Int8 => {
            Values::of(Int8Array::from(vec![Some(0), Some(-1), Some(i8::MIN), Some(i8::MAX), None]), 4)
        }
        LogicalType::Int16 => Values::of(Int16Array::from(vec![Some(0), Some(i16::MIN), Some(i16::MAX), None]), 3),
        LogicalType::Int32 => Values::of(Int32Array::from(vec![Some(0), Some(i32::MIN), Some(i32::MAX), None]), 3),
        LogicalType::Int64 => {
            let all = vec![Some(0), Some(-1), Some((1 << 53) + 1), Some(i64::MIN), Some(i64::MAX), None];
            Values::of(Int64Array::from(all), 5)
        }
        LogicalType::UInt8 => Values::of(UInt8Array::from(vec![Some(0), Some(u8::MAX), None]), 2),
        LogicalType::UInt16 => Values::of(UInt16Array::from(vec![Some(0), Some(u16::MAX), None]), 2),
        LogicalType::UInt32 => Values::of(UInt32Array::from(vec![Some(0), Some(u32::MAX), None]), 2),
        LogicalType::UInt64 => Values::of(UInt64Array::from(vec![Some(0), Some(1 << 62), Some(u64::MAX), None]), 2),
        LogicalType::Float32 => {
            let all =
                [0.0, 0.1, -1.5, f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), f32::INFINITY, f32::NEG_INFINITY];
            Values::of(all.map(Some).into_iter().chain([Some(f32::NAN), None]).collect::<Float32Array>(), 6)
        }
        LogicalType::Float64 => {
            let all =
                [0.0, 0.1, -1.5, f64::MAX, f64::from_bits(1), 1e15, 123_456_789.0, f64::INFINITY, f64::NEG_INFINITY];
            Values::of(all.map(Some).into_iter().chain([Some(f64::NAN), None]).collect::<Float64Array>(), 7)
        }
        LogicalType::Decimal { precision, scale } => decimals(*precision, *scale)?,
        LogicalType::Binary => {
            let all: [Option<&[u8]>; 6] =
                [Some(b""), Some(b"abc"), Some(&[0, 1, 255, 254]), Some("é".as_bytes()), Some(&[0; 300]), None];
            Values::of(BinaryArray::from_iter(all), 5)
        }
        LogicalType::Date => {
            // 0001-01-01 and 9999-12-31 are ordinary; what lies beyond, and the infinities, may be too much.
            let all = [0, -1, 19_782, -719_162, 2_932_896, 2_932_897, -719_163, i32::MAX, i32::MIN];
            Values::of(all.map(Some).into_iter().chain([None]).collect::<Date32Array>(), 5)
        }
        LogicalType::Time => {
            let all = [Some(0), Some(1), Some(43_200_000_000), Some(86_399_999_999), None];
            Values::of(Time64MicrosecondArray::from_iter(all), 4)
        }
        LogicalType::Timestamp { unit, zoned } => timestamps(*unit, *zoned),
        _ => return Ok(texts(logical)),
    })
}

fn texts(logical: &LogicalType) -> Values {
    match logical {
        LogicalType::Numeric => Values::texts(
            &["0", "-0.5", "12345678901234567890.000000000000000001", "100", "1.50"],
            &[
                "NaN",
                "Infinity",
                "-Infinity",
                "9999999999999999999999999999999999999999999999999999999999999999999999999999999",
            ],
        ),
        LogicalType::Text => Values::texts(
            &[
                "",
                " ",
                "a",
                "Zoë",
                "e\u{301}",
                "李雷 🛶",
                "line\nbreak\r\n\ttab",
                "\"q\" 'q' \\ , ; |",
                "NULL",
                "\\N",
                "  pad  ",
            ],
            &["nul\0inside", "\u{feff}bom", "\u{10ffff}"],
        ),
        LogicalType::Uuid => {
            Values::texts(&["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"], &[])
        }
        LogicalType::Json => Values::texts(
            &[
                "{}",
                "[]",
                "null",
                "true",
                "\"text\"",
                "{\"b\": 1, \"a\": [1.10, 12345678901234567890]}",
                "{\"é\": \"🛶\"}",
                "1e400",
            ],
            &[],
        ),
        LogicalType::Interval => Values::texts(&["1 day", "1 year 2 mons -3 days 04:05:06.789"], &[]),
        LogicalType::Enum => Values::texts(&["happy", "Zoë", "two words"], &[""]),
        LogicalType::Array => Values::texts(&["{}", "{1,2,NULL}", "{\"a b\",\"c\\\"d\"}"], &[]),
        _ => Values::texts(&["(1,2)", "POINT(1 2)"], &[""]),
    }
}

fn decimals(precision: u8, scale: i8) -> Result<Values, Violation> {
    let bad = |error| Violation::new(format!("the suite made a bad decimal: {error}"));
    if precision <= 38 {
        let most = 10_i128.pow(u32::from(precision)) - 1;
        let all = [Some(0), Some(1), Some(-1), Some(most), Some(-most), Some(most / 3), None];
        let array = Decimal128Array::from_iter(all).with_precision_and_scale(precision, scale).map_err(bad)?;
        Ok(Values::of(array, 6))
    } else {
        let most = i256::from_string(&"9".repeat(usize::from(precision))).unwrap_or(i256::ONE);
        let all =
            [Some(i256::ZERO), Some(i256::ONE), Some(i256::MINUS_ONE), Some(most), Some(most.wrapping_neg()), None];
        let array = Decimal256Array::from_iter(all).with_precision_and_scale(precision, scale).map_err(bad)?;
        Ok(Values::of(array, 5))
    }
}

/// 1970, one tick around it, 2024, 0001-01-01 and 9999-12-31 where the unit reaches them; then the infinities.
fn timestamps(unit: Unit, zoned: bool) -> Values {
    let (ticks, reach) = match unit {
        Unit::Second => (1, true),
        Unit::Millisecond => (1_000, true),
        Unit::Microsecond => (1_000_000, true),
        Unit::Nanosecond => (1_000_000_000, false),
    };
    let mut all: Vec<Option<i64>> = vec![Some(0), Some(1), Some(-1), Some(1_709_164_799 * ticks + (ticks - 1))];
    if reach {
        all.extend([Some(-62_135_596_800 * ticks), Some(253_402_300_799 * ticks + (ticks - 1))]);
    } else {
        all.extend([Some(i64::MAX / 2), Some(-i64::MAX / 2 - 1)]);
    }
    let ordinary = all.len();
    all.extend([Some(i64::MAX), Some(i64::MIN), None]);
    let zone = zoned.then_some("UTC");
    match unit {
        Unit::Second => Values::of(TimestampSecondArray::from(all).with_timezone_opt(zone), ordinary),
        Unit::Millisecond => Values::of(TimestampMillisecondArray::from(all).with_timezone_opt(zone), ordinary),
        Unit::Microsecond => Values::of(TimestampMicrosecondArray::from(all).with_timezone_opt(zone), ordinary),
        Unit::Nanosecond => Values::of(TimestampNanosecondArray::from(all).with_timezone_opt(zone), ordinary),
    }
}
