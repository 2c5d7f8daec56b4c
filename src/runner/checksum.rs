//! Sums over rows that do not depend on their order: one per column, to name what differs, and one over whole rows, to
//! notice values that changed places.

use arrow::array::RecordBatch;
use serde::{Deserialize, Serialize};

use super::canonical;
use crate::connectors::Column;

/// The sum so far. Sums are wrapping, so the order in which rows come does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    #[serde(with = "hexadecimal")]
    columns: Vec<u128>,
    #[serde(with = "hexadecimal_one")]
    rows: u128,
}

impl Checksum {
    /// The sum of no rows.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { columns: vec![0; columns.len()], rows: 0 }
    }

    /// Adds the rows of a batch; its columns are `columns`, in order, and whatever follows them is left out.
    pub(super) fn add(&mut self, columns: &[Column], records: &RecordBatch) {
        let mut bytes = Vec::new();
        let mut whole = Vec::new();
        for row in 0..records.num_rows() {
            whole.clear();
            for ((sum, column), array) in self.columns.iter_mut().zip(columns).zip(records.columns()) {
                bytes.clear();
                canonical::append(Some(array), &column.data_type.logical, row, &mut bytes);
                *sum = sum.wrapping_add(canonical::hash(&bytes));
                whole.extend_from_slice(&bytes);
            }
            self.rows = self.rows.wrapping_add(canonical::hash(&whole));
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

    /// The whole as one line.
    pub(super) fn shown(&self) -> String {
        format!("{:032x}", self.rows)
    }
}

mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(sums: &[u128], serializer: S) -> Result<S::Ok, S::Error> {
        sums.iter().map(|sum| format!("{sum:x}")).collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u128>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| u128::from_str_radix(text, 16).map_err(serde::de::Error::custom)).collect()
    }
}

mod hexadecimal_one {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(sum: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        format!("{sum:x}").serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
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
                Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1))),
            ],
        )
        .unwrap();
        let mut sum = Checksum::new(&columns());
        sum.add(&columns(), &records);
        sum
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let one = sum(&[(1, Some("a")), (2, None), (3, Some("c"))]);
        assert_eq!(one, sum(&[(3, Some("c")), (1, Some("a")), (2, None)]));
        let changed = sum(&[(1, Some("a")), (2, Some("")), (3, Some("c"))]);
        assert_eq!(one.differing(&changed, &columns()), ["name"]);
        // Every column holds the same values, in other rows.
        let swapped = sum(&[(1, Some("c")), (2, None), (3, Some("a"))]);
        assert_ne!(one, swapped);
        assert!(one.differing(&swapped, &columns()).is_empty());
        // A row twice is not a row once.
        assert_ne!(sum(&[(1, None)]), sum(&[(1, None), (1, None)]));
    }

    #[test]
    fn it_survives_being_stored() {
        let one = sum(&[(1, Some("a")), (i64::MIN, None)]);
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Checksum>(&text).unwrap(), one);
    }
}
