//! Sums by ranges of one column's values, so that a mismatch can say where to look. The ranges are as wide as they must be
//! to stay few: whenever there are too many, neighbours are put together, which sums allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use serde::{Deserialize, Serialize};

use crate::connectors::Column;
use crate::connectors::spelling::spell;

/// Ranges at most, for tables with few columns.
const MOST: usize = 32;
/// Sums at most, over ranges and columns: they are part of every checkpoint.
const MOST_SUMS: usize = 512;

/// One range's sums.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    #[serde(with = "super::checksum::hexadecimal")]
    columns: Vec<u128>,
    #[serde(with = "super::checksum::hexadecimal_one")]
    rows: u128,
}

impl Sums {
    fn add(&mut self, columns: &[u128], row: u128) {
        if self.columns.is_empty() {
            self.columns = vec![0; columns.len()];
        }
        for (sum, one) in self.columns.iter_mut().zip(columns) {
            *sum = sum.wrapping_add(*one);
        }
        self.rows = self.rows.wrapping_add(row);
    }
}

/// Sums by ranges of the column at `place`. A range holds the values that are the same without their last `bits` bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ranges {
    place: usize,
    bits: u32,
    sums: Vec<(i64, Sums)>,
    /// Of rows that have no value there.
    nulls: Sums,
}

/// A range whose sums differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Differing<'a> {
    pub(super) column: &'a str,
    /// First and last value; `None` for rows without one.
    pub(super) range: Option<(String, String)>,
    pub(super) columns: Vec<&'a str>,
}

/// Whether values of this type have whole numbers under them.
fn counts(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::Date32
            | DataType::Timestamp(..)
    )
}

/// The values as whole numbers; `None` when they have none under them.
fn numbers(array: &ArrayRef) -> Option<Int64Array> {
    let array = match array.data_type() {
        DataType::Date32 => cast(array, &DataType::Int32).ok()?,
        other if counts(other) => Arc::clone(array),
        _ => return None,
    };
    Some(cast(&array, &DataType::Int64).ok()?.as_primitive::<Int64Type>().clone())
}

impl Ranges {
    /// By the first column of the key, or else the first of all, that has whole numbers under its values.
    pub(super) fn of(columns: &[Column], key: &[String]) -> Option<Self> {
        let fits = |column: &Column| counts(&column.data_type.logical.arrow());
        let in_key = columns.iter().position(|column| key.contains(&column.name) && fits(column));
        let place = in_key.or_else(|| columns.iter().position(fits))?;
        Some(Self { place, bits: 0, sums: Vec::new(), nulls: Sums::default() })
    }

    /// The column's values in a batch, to be given to [`Ranges::add`] row by row.
    pub(super) fn values(&self, records: &RecordBatch) -> Option<Int64Array> {
        records.columns().get(self.place).and_then(numbers)
    }

    /// Adds a row: the hash of each of its columns, and of it as a whole.
    pub(super) fn add(&mut self, values: &Int64Array, row: usize, columns: &[u128], whole: u128) {
        if row >= values.len() || values.is_null(row) {
            return self.nulls.add(columns, whole);
        }
        let key = values.value(row) >> self.bits;
        match self.sums.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => {
                if let Some((_, sums)) = self.sums.get_mut(at) {
                    sums.add(columns, whole);
                }
            }
            Err(at) => {
                let mut sums = Sums::default();
                sums.add(columns, whole);
                self.sums.insert(at, (key, sums));
                while self.sums.len() > (MOST_SUMS / columns.len().max(1)).clamp(4, MOST) {
                    self.widen(self.bits + 1);
                }
            }
        }
    }

    fn widen(&mut self, bits: u32) {
        let by = bits - self.bits;
        let mut wide: BTreeMap<i64, Sums> = BTreeMap::new();
        for (key, sums) in std::mem::take(&mut self.sums) {
            wide.entry(key >> by.min(63)).or_default().add(&sums.columns, sums.rows);
        }
        self.sums = wide.into_iter().collect();
        self.bits = bits;
    }

    /// The ranges in which the two differ, in order.
    pub(super) fn differing<'a>(&self, other: &Self, columns: &'a [Column]) -> Vec<Differing<'a>> {
        let Some(column) = columns.get(self.place) else { return Vec::new() };
        let (mut one, mut two) = (self.clone(), other.clone());
        let bits = one.bits.max(two.bits);
        one.widen(bits);
        two.widen(bits);
        let (one_nulls, two_nulls) = (std::mem::take(&mut one.nulls), std::mem::take(&mut two.nulls));
        let (one, two): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (one.sums.into_iter().collect(), two.sums.into_iter().collect());
        let mut keys: Vec<i64> = one.keys().chain(two.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let nothing = Sums::default();
        let mut found = Vec::new();
        let mut compare = |one: &Sums, two: &Sums, range: Option<(String, String)>| {
            if one.rows != two.rows || one.columns != two.columns {
                let differs = |at: &usize| one.columns.get(*at) != two.columns.get(*at);
                let names = columns.iter().enumerate().filter(|(at, _)| differs(at)).map(|(_, column)| &*column.name);
                found.push(Differing { column: &column.name, range, columns: names.collect() });
            }
        };
        for key in keys {
            let low = key.checked_shl(bits).unwrap_or(0);
            let high = low | (1_i64.checked_shl(bits).unwrap_or(0).wrapping_sub(1));
            let range = (shown(low, column), shown(high, column));
            compare(one.get(&key).unwrap_or(&nothing), two.get(&key).unwrap_or(&nothing), Some(range));
        }
        compare(&one_nulls, &two_nulls, None);
        found
    }
}

/// The number as the column's values are spelled; as it is, where no value has it.
fn shown(number: i64, column: &Column) -> String {
    let wanted = column.data_type.logical.arrow();
    let array: ArrayRef = Arc::new(Int64Array::from(vec![number]));
    let through = match wanted {
        DataType::Date32 => cast(&array, &DataType::Int32),
        _ => Ok(array),
    };
    through
        .and_then(|array| cast(&array, &wanted))
        .ok()
        .filter(|array| array.is_valid(0))
        .and_then(|array| spell(&array, 0))
        .unwrap_or_else(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::connectors::{ColumnType, LogicalType, Unit};

    fn column(name: &str, logical: LogicalType) -> Column {
        Column::new(name, ColumnType::new(logical, "memory", "x"), true)
    }

    fn ranges(columns: &[Column], rows: &[(Option<i64>, u128)]) -> Ranges {
        let mut ranges = Ranges::of(columns, &[]).unwrap();
        let values: Int64Array = rows.iter().map(|row| row.0).collect();
        for (row, (_, hash)) in rows.iter().enumerate() {
            ranges.add(&values, row, &[0, *hash], *hash);
        }
        ranges
    }

    fn columns() -> Vec<Column> {
        vec![column("id", LogicalType::Int64), column("name", LogicalType::Text)]
    }

    #[test]
    fn a_difference_is_found_in_its_range() {
        let rows: Vec<(Option<i64>, u128)> =
            (0..10_000_i64).map(|id| (Some(id), u128::from(id.unsigned_abs()))).collect();
        let mut other = rows.clone();
        other[5_000].1 += 1;
        other.push((None, 7));
        let columns = columns();
        let found = ranges(&columns, &rows).differing(&ranges(&columns, &other), &columns);
        let named: Vec<_> = found.iter().map(|one| (one.range.clone(), one.columns.clone())).collect();
        let range = Some(("4608".to_owned(), "5119".to_owned()));
        assert_eq!(named, [(range, vec!["name"]), (None, vec!["id", "name"])]);
        assert!(ranges(&columns, &rows).differing(&ranges(&columns, &rows), &columns).is_empty());
    }

    #[test]
    fn moments_are_shown_as_moments_and_other_columns_make_no_ranges() {
        let at = column("at", LogicalType::Timestamp { unit: Unit::Second, zoned: false });
        let columns = vec![at, column("name", LogicalType::Text)];
        let one = ranges(&columns, &[(Some(0), 1)]);
        let found = one.differing(&ranges(&columns, &[(Some(0), 2)]), &columns);
        assert_eq!(found[0].range.as_ref().unwrap().0, "1970-01-01 00:00:00");
        assert!(Ranges::of(&[column("name", LogicalType::Text)], &[]).is_none());
        let two = [column("a", LogicalType::Int64), column("b", LogicalType::Int64)];
        assert_eq!(Ranges::of(&two, &["b".to_owned()]).unwrap().place, 1);
    }

    proptest! {
        /// Whatever the order and however far apart: the ranges stay few, hold everything, and survive being stored.
        #[test]
        fn they_stay_few_and_lose_nothing(
            mut rows in prop::collection::vec((prop::option::of(prop_oneof![any::<i64>(), -50_i64..50]), any::<u128>()), 0..200),
        ) {
            let columns = columns();
            let one = ranges(&columns, &rows);
            prop_assert!(one.sums.len() <= MOST);
            let all = one.sums.iter().map(|(_, sums)| sums.rows).fold(one.nulls.rows, u128::wrapping_add);
            prop_assert_eq!(all, rows.iter().map(|row| row.1).fold(0, u128::wrapping_add));
            rows.reverse();
            prop_assert!(one.differing(&ranges(&columns, &rows), &columns).is_empty());
            let text = serde_json::to_string(&one).unwrap();
            prop_assert_eq!(serde_json::from_str::<Ranges>(&text).unwrap(), one);
        }
    }
}
