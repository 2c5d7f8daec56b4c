//! How the columns of a Parquet file are encoded, chosen by a look at its first rows. A dictionary pays where values repeat;
//! where they do not, every value would be looked up in vain until the dictionary overflows.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::DataType;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// Rows looked at, spread over the batch so that neighbours with one value do not pass for repetition.
const SAMPLE: usize = 1024;
/// Rows of a page at most, and values encoded at a time.
const PAGE_ROWS: usize = 20_000;

/// The properties of a file that begins with these rows.
pub(super) fn properties(first: &RecordBatch) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Least and greatest per row group are what readers skip by; per page they cost more than they save.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(8 * 1024)
        .set_created_by("towpath".to_owned());
    for (field, array) in first.schema().fields().iter().zip(first.columns()) {
        if repeats(array) {
            continue;
        }
        let column = ColumnPath::new(vec![field.name().clone()]);
        builder = builder.set_column_dictionary_enabled(column.clone(), false);
        if is_counted(field.data_type()) {
            builder = builder.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    builder.build()
}

/// Whether values are stored as integers of 32 or 64 bits.
fn is_counted(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, _) => *precision <= 18,
        DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..) => true,
        other => other.is_integer(),
    }
}

/// Whether a value is often one that was there before.
fn repeats(array: &ArrayRef) -> bool {
    let rows = array.len();
    let step = (rows / SAMPLE).max(1);
    let hasher = RandomState::new();
    let mut seen = HashSet::new();
    let mut looked = 0;
    for row in (0..rows).step_by(step).filter(|row| array.is_valid(*row)) {
        looked += 1;
        seen.insert(hash_of(array, row, &hasher));
    }
    // Of few rows nothing can be told.
    looked < 64 || seen.len() * 2 < looked
}

fn hash_of(array: &ArrayRef, row: usize, hasher: &RandomState) -> u64 {
    if let Some(texts) = array.as_string_opt::<i32>() {
        return hasher.hash_one(texts.value(row));
    }
    if let Some(bytes) = array.as_binary_opt::<i32>() {
        return hasher.hash_one(bytes.value(row));
    }
    if let Some(booleans) = array.as_boolean_opt() {
        return hasher.hash_one(booleans.value(row));
    }
    let data = array.slice(row, 1).to_data();
    let width = data.data_type().primitive_width().unwrap_or(0);
    let start = data.offset() * width;
    hasher.hash_one(data.buffers().first().and_then(|buffer| buffer.get(start..start + width)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Int64Array, StringArray};

    use super::*;

    #[test]
    fn columns_of_many_values_go_without_a_dictionary() {
        let rows = 10_000_i64;
        let orders: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|row| row / 4)));
        let modes: ArrayRef =
            Arc::new(StringArray::from_iter_values((0..rows).map(|row| if row % 2 == 0 { "AIR" } else { "RAIL" })));
        let prices: ArrayRef = Arc::new(Decimal128Array::from_iter_values((0..rows).map(i128::from)));
        let nulls: ArrayRef = Arc::new(Int64Array::new_null(100));
        assert_eq!([&orders, &modes, &prices, &nulls].map(repeats), [false, true, false, true]);
        assert!(is_counted(&DataType::Decimal128(15, 2)) && !is_counted(&DataType::Decimal128(38, 10)));
    }
}
