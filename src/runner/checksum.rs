//! Sums over rows that do not depend on their order: one per column, to name what differs, and one over whole rows, to
//! notice values that changed places.

use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use super::canonical;
use super::ranges::{Differing, Ranges};
use crate::connectors::Column;

/// The sum so far. Sums are wrapping, so the order in which rows come does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    #[serde(with = "hexadecimal")]
    columns: Vec<u128>,
    #[serde(with = "hexadecimal_one")]
    rows: u128,
    /// The same by ranges of one column, to say where a difference is.
    #[serde(default)]
    ranges: Option<Ranges>,
}

impl Checksum {
    /// The sum of no rows. `key`: the columns by which rows are told apart, where the plan names any.
    pub(super) fn new(columns: &[Column], key: &[String]) -> Self {
        Self { columns: vec![0; columns.len()], rows: 0, ranges: Ranges::of(columns, key) }
    }

    /// Adds the rows of a batch; its columns are `columns`, in order, and whatever follows them is left out.
    pub(super) fn add(&mut self, columns: &[Column], records: &RecordBatch) {
        let mut bytes = Vec::new();
        let mut whole = Vec::new();
        let mut hashes = vec![0; columns.len()];
        let values = self.ranges.as_ref().and_then(|ranges| ranges.values(records));
        for row in 0..records.num_rows() {
            whole.clear();
            let places = self.columns.iter_mut().zip(&mut hashes).zip(columns).zip(records.columns());
            for (((sum, hash), column), array) in places {
                bytes.clear();
                canonical::append(Some(array), &column.data_type.logical, row, &mut bytes);
                *hash = canonical::hash(&bytes);
                *sum = sum.wrapping_add(*hash);
                whole.extend_from_slice(&bytes);
            }
            let whole = canonical::hash(&whole);
            self.rows = self.rows.wrapping_add(whole);
            if let (Some(ranges), Some(values)) = (&mut self.ranges, &values) {
                ranges.add(values, row, &hashes, whole);
            }
        }
    }

    /// Names the columns whose sums differ. Empty when only the rows as wholes do.
    pub(super) fn differing<'a>(&self, other: &Self, columns: &'a [Column]) -> Vec<&'a str> {
        columns
            .iter()
            .zip(self.columns.iter().zip(&other.columns))
            .filter(|(_, (one, two))| one != two)
            .map(|(column, _)| column.name.as_str())
            .collect()
    }

    /// Whether both are sums of the same rows. How wide the ranges have become depends on the order in which rows came.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.columns == other.columns && self.rows == other.rows
    }

    /// Where they differ; empty where no column makes ranges.
    pub(super) fn differing_ranges<'a>(&self, other: &Self, columns: &'a [Column]) -> Vec<Differing<'a>> {
        match (&self.ranges, &other.ranges) {
            (Some(one), Some(two)) => one.differing(two, columns),
            _ => Vec::new(),
        }
    }

    /// The whole as one line.
    pub(super) fn shown(&self) -> String {
        format!("{:032x}", self.rows)
    }
}

pub(super) mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(sums: &[u128], serializer: S) -> Result<S::Ok, S::Error> {
        sums.iter().map(|sum| format!("{sum:x}")).collect::<Vec<_>>().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u128>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| u128::from_str_radix(text, 16).map_err(serde::de::Error::custom)).collect()
    }
}

pub(super) mod hexadecimal_one {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(crate) fn serialize<S: Serializer>(sum: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        format!("{sum:x}").serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        u128::from_str_radix(&String::deserialize(deserializer)?, 16).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;
    use crate::connectors::{ColumnType, LogicalType};

    fn columns() -> Vec<Column> {
        vec![
            Column::new("id", ColumnType::new(LogicalType::Int64, "memory", "int8"), true),
            Column::new("name", ColumnType::new(LogicalType::Text, "memory", "text"), true),
        ]
    }

    fn sum(rows: &[(i64, Option<&str>)]) -> Checksum {
        let records = RecordBatch::try_new(
            crate::connectors::schema::arrow_schema(&columns()),
            vec![
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
                Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
            ],
        )
        .unwrap();
        let mut sum = Checksum::new(&columns(), &[]);
        sum.add(&columns(), &records);
        sum
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let one = sum(&[(1, Some("a")), (2, None), (3, Some("c"))]);
        assert!(one.agrees(&sum(&[(3, Some("c")), (1, Some("a")), (2, None)])));
        let changed = sum(&[(1, Some("a")), (2, Some("")), (3, Some("c"))]);
        assert_eq!(one.differing(&changed, &columns()), ["name"]);
        // Every column holds the same values, in other rows.
        let swapped = sum(&[(1, Some("c")), (2, None), (3, Some("a"))]);
        assert!(!one.agrees(&swapped));
        assert!(one.differing(&swapped, &columns()).is_empty());
        // A row twice is not a row once.
        assert!(!sum(&[(1, None)]).agrees(&sum(&[(1, None), (1, None)])));
    }

    #[test]
    fn it_survives_being_stored() {
        let one = sum(&[(1, Some("a")), (i64::MIN, None)]);
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Checksum>(&text).unwrap(), one);
    }
}
