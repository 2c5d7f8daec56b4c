//! Values as bytes that are equal exactly when the values are: for telling rows apart at a boundary, counting keys and
//! comparing what left with what arrived.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray as _, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::connectors::LogicalType;
use crate::connectors::decimal::Decimal;
use crate::connectors::spelling::spell;

/// 128 bits of SHA-256: rows come from foreign systems, and two rows with one hash would be one row.
pub(super) fn hash(bytes: &[u8]) -> u128 {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest) {
        *to = from;
    }
    u128::from_le_bytes(half)
}

/// The hash of one row over some columns: index and logical type of each.
pub(super) fn row_hash(
    records: &RecordBatch,
    columns: &[(usize, LogicalType)],
    row: usize,
    bytes: &mut Vec<u8>,
) -> u128 {
    bytes.clear();
    for (index, logical) in columns {
        append(records.columns().get(*index).map(AsRef::as_ref), logical, row, bytes);
    }
    hash(bytes)
}

/// Appends one value: a tag, its length, its canonical form.
pub(super) fn append(array: Option<&dyn Array>, logical: &LogicalType, row: usize, out: &mut Vec<u8>) {
    let Some(array) = array.filter(|array| row < array.len() && array.is_valid(row)) else {
        out.push(0);
        return;
    };
    match array.data_type() {
        DataType::Boolean => put(out, 4, &[u8::from(array.as_boolean().value(row))]),
        DataType::Int8 => number(out, array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => number(out, array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => number(out, array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => number(out, array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => number(out, array.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => number(out, array.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => number(out, array.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => number(out, array.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => float(out, f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => float(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => decimal(out, &array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => decimal(out, &array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => text(out, logical, array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => text(out, logical, array.as_string::<i64>().value(row)),
        DataType::Binary => put(out, 6, array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => put(out, 6, array.as_binary::<i64>().value(row)),
        DataType::Date32 => put(out, 7, &array.as_primitive::<Date32Type>().value(row).to_le_bytes()),
        DataType::Time64(_) => put(out, 8, &array.as_primitive::<Time64MicrosecondType>().value(row).to_le_bytes()),
        DataType::Timestamp(unit, _) => moment(out, array, *unit, row),
        // The contract has no other types; whatever it is, its text tells values apart.
        _ => {
            let shown = spell(array, row).unwrap_or_default();
            put(out, 9, shown.as_bytes());
        }
    }
}

fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

fn number(out: &mut Vec<u8>, value: impl ToString) {
    put(out, 2, value.to_string().as_bytes());
}

/// NaN is one value, whatever its bits; zero has two signs and keeps them.
fn float(out: &mut Vec<u8>, value: f64) {
    let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    put(out, 3, &bits.to_le_bytes());
}

fn decimal(out: &mut Vec<u8>, shown: &str) {
    put(out, 2, plain_decimal(shown).as_bytes());
}

fn text(out: &mut Vec<u8>, logical: &LogicalType, value: &str) {
    match logical {
        LogicalType::Numeric => decimal(out, value),
        LogicalType::Json => put(out, 5, plain_json(value).as_bytes()),
        _ => put(out, 5, value.as_bytes()),
    }
}

fn moment(out: &mut Vec<u8>, array: &dyn Array, unit: TimeUnit, row: usize) {
    let (value, scale): (i64, i128) = match unit {
        TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1_000_000_000),
        TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000),
        TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000),
        TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(row), 1),
    };
    let nanoseconds = match value {
        i64::MAX => i128::MAX,
        i64::MIN => i128::MIN,
        value => i128::from(value) * scale,
    };
    put(out, 10, &nanoseconds.to_le_bytes());
}

/// `1.50`, `+1.5` and `15e-1` are one number. Text that is no plain decimal (`NaN`, `Infinity`) stays as it is.
fn plain_decimal(text: &str) -> String {
    Decimal::parse(text).map_or_else(|| text.to_owned(), |number| number.to_string())
}

/// JSON without what carries no meaning: spaces, the order of members, a member given twice, the way numbers and
/// strings are spelled. Text that is no JSON stays as it is.
fn plain_json(text: &str) -> String {
    fn write(value: &RawValue, out: &mut String) -> Result<(), serde_json::Error> {
        let raw = value.get().trim();
        match raw.bytes().next() {
            Some(b'{') => {
                out.push('{');
                for (index, (name, member)) in
                    serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(raw)?.into_iter().enumerate()
                {
                    if index > 0 {
                        out.push(',');
                    }
                    out.push_str(&serde_json::to_string(&name)?);
                    out.push(':');
                    write(&member, out)?;
                }
                out.push('}');
            }
            Some(b'[') => {
                out.push('[');
                for (index, element) in serde_json::from_str::<Vec<Box<RawValue>>>(raw)?.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write(&element, out)?;
                }
                out.push(']');
            }
            Some(b'"') => out.push_str(&serde_json::to_string(&serde_json::from_str::<String>(raw)?)?),
            Some(b'-' | b'0'..=b'9') => out.push_str(&plain_decimal(raw)),
            _ => out.push_str(raw),
        }
        Ok(())
    }
    let mut out = String::with_capacity(text.len());
    match serde_json::from_str::<Box<RawValue>>(text).and_then(|value| write(&value, &mut out)) {
        Ok(()) => out,
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn bytes(array: ArrayRef, logical: &LogicalType) -> Vec<u8> {
        let mut out = Vec::new();
        append(Some(&array), logical, 0, &mut out);
        out
    }

    #[test]
    fn one_number_has_one_form() {
        let table = [
            ("1.50", "1.5"),
            ("+1.5", "1.5"),
            ("15e-1", "1.5"),
            ("0.015E2", "1.5"),
            ("-0.0", "0"),
            ("007", "7"),
            ("1e3", "1000"),
            (".5", "0.5"),
            ("NaN", "NaN"),
            ("-Infinity", "-Infinity"),
            ("1e999999999", "1e999999999"),
            ("", ""),
            ("1.2.3", "1.2.3"),
        ];
        for (text, plain) in table {
            assert_eq!(plain_decimal(text), plain, "{text}");
        }
    }

    #[test]
    fn one_json_value_has_one_form() {
        let one = r#"{ "b": [1.0, 2], "a": {"x": null, "y": "\u00e9"}, "a2": true}"#;
        let two = r#"{"a":{"y":"é","x":null},"a2":true,"b":[1,2.00]}"#;
        assert_eq!(plain_json(one), plain_json(two));
        assert_ne!(plain_json("[1,2]"), plain_json("[2,1]"));
        assert_ne!(plain_json("12345678901234567890.1"), plain_json("12345678901234567890.2"));
        assert_eq!(plain_json("{broken"), "{broken");
    }

    #[test]
    fn equal_values_are_equal_across_widths_and_other_values_are_not() {
        let whole = bytes(Arc::new(Int32Array::from(vec![5])), &LogicalType::Int32);
        assert_eq!(whole, bytes(Arc::new(Int64Array::from(vec![5])), &LogicalType::Int64));
        let decimal = Decimal128Array::from(vec![500]).with_precision_and_scale(10, 2).unwrap();
        assert_eq!(whole, bytes(Arc::new(decimal), &LogicalType::Decimal { precision: 10, scale: 2 }));
        assert_ne!(whole, bytes(Arc::new(StringArray::from(vec!["5"])), &LogicalType::Text));
        assert_ne!(
            bytes(Arc::new(Int32Array::from(vec![None::<i32>])), &LogicalType::Int32),
            bytes(Arc::new(Int32Array::from(vec![0])), &LogicalType::Int32)
        );
        assert_ne!(
            bytes(Arc::new(Float64Array::from(vec![0.0])), &LogicalType::Float64),
            bytes(Arc::new(Float64Array::from(vec![-0.0])), &LogicalType::Float64)
        );
    }

    proptest! {
        #[test]
        fn foreign_text_never_breaks_it(text in "\\PC*") {
            plain_decimal(&text);
            plain_json(&text);
        }
    }
}
