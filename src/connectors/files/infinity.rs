//! Infinite dates and times in Parquet, which has no word for them: the greatest value of the column's type and its negative,
//! as DuckDB reads and writes them.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, ArrowPrimitiveType, AsArray as _, PrimitiveArray};
use arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType};

/// From our minus infinity, which is the least value, to the file's.
pub(super) fn outbound(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Date32 => swapped::<Date32Type>(array, i32::MIN, -i32::MAX),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            swapped::<TimestampMicrosecondType>(array, i64::MIN, -i64::MAX)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => swapped::<TimestampNanosecondType>(array, i64::MIN, -i64::MAX),
        _ => Arc::clone(array),
    }
}

/// And back.
pub(super) fn inbound(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Date32 => swapped::<Date32Type>(array, -i32::MAX, i32::MIN),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            swapped::<TimestampMicrosecondType>(array, -i64::MAX, i64::MIN)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => swapped::<TimestampNanosecondType>(array, -i64::MAX, i64::MIN),
        _ => Arc::clone(array),
    }
}

fn swapped<T: ArrowPrimitiveType>(array: &ArrayRef, from: T::Native, to: T::Native) -> ArrayRef
where
    T::Native: PartialEq,
{
    let Some(values) = array.as_primitive_opt::<T>() else { return Arc::clone(array) };
    if !values.values().contains(&from) {
        return Arc::clone(array);
    }
    let swapped: PrimitiveArray<T> = values.unary(|value| if value == from { to } else { value });
    Arc::new(swapped.with_data_type(array.data_type().clone()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn infinities_go_out_and_come_back_with_their_zone() {
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(i32::MIN), None, Some(0), Some(i32::MAX)]));
        let kept: ArrayRef = Arc::new(Date32Array::from(vec![Some(-i32::MAX), None, Some(0), Some(i32::MAX)]));
        assert_eq!((&outbound(&days), &inbound(&kept)), (&kept, &days));
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN, 5]).with_timezone("UTC"));
        assert_eq!(outbound(&at).data_type(), at.data_type());
        assert_eq!(&inbound(&outbound(&at)), &at);
    }
}
