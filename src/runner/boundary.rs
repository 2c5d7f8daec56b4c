//! Which rows at the edge of an incremental read were delivered already.
//!
//! A source goes on from its last cursor value *including* the rows that tie with it, and delivers rows without a cursor
//! value every time: whoever appends must drop those it has. The checkpoint carries a multiset of hashes of the rows
//! delivered at the last value, and of those without a value; each drops one row that comes again.

use std::collections::HashMap;

use arrow::array::{Array, BooleanArray, RecordBatch};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

use super::canonical;
use super::failure::Failure;
use crate::connectors::{ErrorKind, LogicalType};

/// More rows than this with one cursor value (or none) are not kept apart.
const LIMIT: usize = 5_000_000;

type Multiset = HashMap<u128, u32>;

/// The edge as it travels in a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edge {
    /// The last cursor value in canonical form, base64; absent when none was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Hashes of the rows at that value with their counts, base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    ties: String,
    /// The same of rows without a value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    nulls: String,
}

/// Follows one read along the edge.
#[derive(Debug)]
pub(super) struct Boundary {
    /// Place and type of the cursor in a batch.
    cursor: (usize, LogicalType),
    /// What tells rows apart.
    columns: Vec<(usize, LogicalType)>,
    /// Rows that were delivered before and will come again.
    pending: Group,
    /// Rows at the highest value so far and without value, that the destination has or is about to have.
    reached: Group,
    /// Rows without value that this read has shown, dropped ones too.
    seen_nulls: Multiset,
    limit: usize,
}

#[derive(Clone, Debug, Default)]
struct Group {
    value: Option<Vec<u8>>,
    ties: Multiset,
    nulls: Multiset,
}

impl Boundary {
    /// Starts at the edge of a checkpoint. Columns are given by place in the batch and logical type.
    pub(super) fn new(
        cursor: (usize, LogicalType),
        columns: Vec<(usize, LogicalType)>,
        edge: &Edge,
    ) -> Result<Self, Failure> {
        let broken = || Failure::new(ErrorKind::Bug, "The checkpoint's account of delivered rows cannot be read.");
        let group = Group {
            value: edge.value.as_ref().map(|text| BASE64.decode(text)).transpose().map_err(|_| broken())?,
            ties: unpack(&edge.ties).ok_or_else(broken)?,
            nulls: unpack(&edge.nulls).ok_or_else(broken)?,
        };
        Ok(Self { cursor, columns, pending: group.clone(), reached: group, seen_nulls: Multiset::new(), limit: LIMIT })
    }

    /// Says for each row whether it is new; `None` when all are. Rows of `records` come in the cursor's order.
    pub(super) fn admit(&mut self, records: &RecordBatch) -> Result<Option<BooleanArray>, Failure> {
        let Some(array) = records.columns().get(self.cursor.0) else { return Ok(None) };
        let rows = records.num_rows();
        let mut keep = vec![true; rows];
        let mut value = Vec::new();
        let mut bytes = Vec::new();
        // Only rows at the end of the batch can belong to the last value, and hashing is dear.
        let mut last = Vec::new();
        canonical::append(Some(array), &self.cursor.1, rows.saturating_sub(1), &mut last);
        for (row, keep) in keep.iter_mut().enumerate() {
            if array.is_null(row) {
                let hash = canonical::row_hash(records, &self.columns, row, &mut bytes);
                *self.seen_nulls.entry(hash).or_default() += 1;
                *keep = !take(&mut self.pending.nulls, hash);
                if *keep {
                    *self.reached.nulls.entry(hash).or_default() += 1;
                }
                continue;
            }
            value.clear();
            canonical::append(Some(array), &self.cursor.1, row, &mut value);
            let known = self.reached.value.as_ref() == Some(&value);
            if !known && value != last {
                continue;
            }
            let hash = canonical::row_hash(records, &self.columns, row, &mut bytes);
            if self.pending.value.as_ref() == Some(&value) && take(&mut self.pending.ties, hash) {
                *keep = false;
                continue;
            }
            if !known {
                self.reached.value = Some(value.clone());
                self.reached.ties.clear();
            }
            *self.reached.ties.entry(hash).or_default() += 1;
        }
        if self.reached.ties.len() > self.limit || self.reached.nulls.len() > self.limit {
            return Err(self.too_many());
        }
        Ok(keep.contains(&false).then(|| BooleanArray::from(keep)))
    }

    /// The edge as it stands, for a checkpoint.
    pub(super) fn edge(&self) -> Edge {
        Edge {
            value: self.reached.value.as_ref().map(|value| BASE64.encode(value)),
            ties: pack(&self.reached.ties),
            nulls: pack(&self.reached.nulls),
        }
    }

    /// The edge at the end of a read. The read has shown every row without value that there is, so those that are
    /// gone from the source are forgotten. A read that showed none may have been asked to leave them out.
    pub(super) fn final_edge(&self) -> Edge {
        if self.seen_nulls.is_empty() {
            return self.edge();
        }
        Edge { nulls: pack(&self.seen_nulls), ..self.edge() }
    }

    fn too_many(&self) -> Failure {
        Failure::new(
            ErrorKind::Unsupported,
            format!(
                "More than {} rows have the same cursor value or none, too many to tell apart when appending.",
                self.limit
            ),
        )
        .advise("Choose a cursor with fewer ties, or write with `merge` and a key.")
    }
}

fn take(set: &mut Multiset, hash: u128) -> bool {
    let Some(count) = set.get_mut(&hash) else { return false };
    *count -= 1;
    if *count == 0 {
        set.remove(&hash);
    }
    true
}

/// Sixteen bytes of hash and four of count per entry, in order, so that equal sets give equal texts.
fn pack(set: &Multiset) -> String {
    let mut entries: Vec<_> = set.iter().collect();
    entries.sort_unstable();
    let bytes: Vec<u8> =
        entries.iter().flat_map(|(hash, count)| hash.to_le_bytes().into_iter().chain(count.to_le_bytes())).collect();
    BASE64.encode(bytes)
}

fn unpack(text: &str) -> Option<Multiset> {
    let bytes = BASE64.decode(text).ok()?;
    let mut set = Multiset::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (hash, tail) = rest.split_first_chunk::<16>()?;
        let (count, tail) = tail.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count);
        if count == 0 {
            return None;
        }
        set.insert(u128::from_le_bytes(*hash), count);
        rest = tail;
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;
    use crate::connectors::schema::arrow_schema;
    use crate::connectors::{Column, ColumnType};

    type Rows = Vec<(Option<i64>, i64)>;

    fn batch(rows: &[(Option<i64>, i64)]) -> RecordBatch {
        let column = |name: &str| Column::new(name, ColumnType::new(LogicalType::Int64, "memory", "int8"), true);
        RecordBatch::try_new(
            arrow_schema(&[column("at"), column("payload")]),
            vec![
                Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0))),
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))),
            ],
        )
        .unwrap()
    }

    fn boundary(edge: &Edge) -> Boundary {
        Boundary::new((0, LogicalType::Int64), vec![(0, LogicalType::Int64), (1, LogicalType::Int64)], edge).unwrap()
    }

    fn admitted(boundary: &mut Boundary, rows: &[(Option<i64>, i64)]) -> Rows {
        let keep = boundary.admit(&batch(rows)).unwrap();
        rows.iter()
            .enumerate()
            .filter(|(row, _)| keep.as_ref().is_none_or(|keep| keep.value(*row)))
            .map(|(_, row)| *row)
            .collect()
    }

    #[test]
    fn ties_and_missing_values_come_once_each_and_equal_rows_as_often_as_they_are() {
        let mut first = boundary(&Edge::default());
        let rows = [(None, 1), (Some(1), 1), (Some(2), 7), (Some(2), 7), (Some(2), 8)];
        assert_eq!(admitted(&mut first, &rows), rows);
        let mut second = boundary(&first.final_edge());
        let rows = [(None, 1), (None, 1), (Some(2), 7), (Some(2), 7), (Some(2), 7), (Some(2), 8), (Some(2), 9)];
        assert_eq!(admitted(&mut second, &rows), [(None, 1), (Some(2), 7), (Some(2), 9)]);
        let mut third = boundary(&second.final_edge());
        assert_eq!(admitted(&mut third, &rows), []);
    }

    #[test]
    fn a_checkpoint_inside_a_group_of_ties_goes_on_within_it() {
        let mut first = boundary(&Edge::default());
        admitted(&mut first, &[(None, 0), (Some(5), 1)]);
        admitted(&mut first, &[(Some(5), 2)]);
        let mut second = boundary(&first.edge());
        let rows = [(None, 0), (Some(5), 1), (Some(5), 2), (Some(5), 3), (Some(6), 1)];
        assert_eq!(admitted(&mut second, &rows), [(Some(5), 3), (Some(6), 1)]);
    }

    #[test]
    fn too_many_ties_are_refused_with_a_way_out() {
        let mut small = boundary(&Edge::default());
        small.limit = 2;
        let refused = small.admit(&batch(&[(Some(1), 1), (Some(1), 2), (Some(1), 3)])).unwrap_err();
        assert!(refused.shown().hint.unwrap().contains("merge"));
    }

    proptest! {
        /// Whatever the batches and wherever the reads are cut, each row is admitted once.
        #[test]
        fn every_row_once(
            mut rows in prop::collection::vec((prop::option::weighted(0.8, 0_i64..6), 0_i64..4), 0..60),
            sizes in prop::collection::vec(1_usize..7, 1..40),
            cuts in prop::collection::vec(0_usize..60, 0..4),
        ) {
            rows.sort_unstable();
            let mut delivered = Vec::new();
            let mut edge = Edge::default();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                // The source goes on at the last value, ties and missing values included.
                let reached = delivered.iter().filter_map(|row: &(Option<i64>, i64)| row.0).max();
                let again: Rows = rows.iter().copied().filter(|row| row.0.is_none() || row.0 >= reached).collect();
                let mut boundary = boundary(&edge);
                let mut rest = again.as_slice();
                let mut size = sizes.iter().cycle();
                let mut shown = 0;
                while !rest.is_empty() && shown < cut {
                    let (now, later) = rest.split_at((*size.next().unwrap()).min(rest.len()));
                    delivered.extend(admitted(&mut boundary, now));
                    shown += now.len();
                    rest = later;
                }
                edge = if rest.is_empty() { boundary.final_edge() } else { boundary.edge() };
            }
            delivered.sort_unstable();
            prop_assert_eq!(delivered, rows);
        }
    }
}
