//! A value's text form, whatever its type: for rows that are kept aside, for masks and for people. Read back with
//! [`super::moment`] and [`super::decimal`] it is the same value.

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{
    DataType, Date32Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::array_value_to_string;

use super::moment;

/// The text of one value; `None` for NULL and for what has no text form (a date beyond every calendar). Instants are
/// in UTC, binary is hexadecimal after `\x`.
pub(crate) fn spell(array: &dyn Array, row: usize) -> Option<String> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Some(array.as_string::<i64>().value(row).to_owned()),
        DataType::Binary => Some(format!("\\x{}", hex::encode(array.as_binary::<i32>().value(row)))),
        DataType::LargeBinary => Some(format!("\\x{}", hex::encode(array.as_binary::<i64>().value(row)))),
        DataType::Date32 => moment::date_text(array.as_primitive::<Date32Type>().value(row)),
        DataType::Time64(TimeUnit::Microsecond) => {
            moment::time_text(array.as_primitive::<Time64MicrosecondType>().value(row))
        }
        DataType::Timestamp(unit, zone) => {
            let ticks = match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
                TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            moment::timestamp_text(ticks, (*unit).into(), zone.is_some())
        }
        // The formatter does not know zones by name; nothing that is left here has one.
        _ => array_value_to_string(array, row).ok(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BinaryArray, Date32Array, Int64Array, TimestampMicrosecondArray, TimestampNanosecondArray};

    use super::*;

    #[test]
    fn every_value_has_its_text() {
        let zoned = TimestampMicrosecondArray::from(vec![-1, i64::MAX]).with_timezone("UTC");
        assert_eq!(spell(&zoned, 0).as_deref(), Some("1969-12-31 23:59:59.999999+00:00"));
        assert_eq!(spell(&zoned, 1).as_deref(), Some("infinity"));
        assert_eq!(spell(&zoned, 2), None);
        let plain = TimestampNanosecondArray::from(vec![1]);
        assert_eq!(spell(&plain, 0).as_deref(), Some("1970-01-01 00:00:00.000000001"));
        assert_eq!(spell(&Date32Array::from(vec![Some(0), None]), 0).as_deref(), Some("1970-01-01"));
        assert_eq!(spell(&Date32Array::from(vec![None]), 0), None);
        assert_eq!(spell(&BinaryArray::from_vec(vec![&[0, 255]]), 0).as_deref(), Some("\\x00ff"));
        assert_eq!(spell(&Int64Array::from(vec![i64::MIN]), 0).as_deref(), Some("-9223372036854775808"));
    }
}
