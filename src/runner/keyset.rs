//! The distinct keys that a merge has written, so that the receipt can hold the destination's count against a number.

use std::collections::HashSet;

use arrow::array::RecordBatch;

use super::canonical;
use crate::connectors::{Column, LogicalType};

/// More keys than this are not counted one by one: the set would grow with the table.
pub(super) const LIMIT: usize = 2_000_000;

/// Distinct keys, by 128-bit hashes.
#[derive(Debug)]
pub(super) struct KeySet {
    columns: Vec<(usize, LogicalType)>,
    /// `None` once there are too many.
    seen: Option<HashSet<u128>>,
    bytes: Vec<u8>,
}

impl KeySet {
    /// An empty set over the key among the written columns.
    pub(super) fn new(written: &[Column], key: &[String]) -> Self {
        let columns = key
            .iter()
            .filter_map(|name| written.iter().position(|column| column.name == *name))
            .filter_map(|index| Some((index, written.get(index)?.data_type.logical.clone())))
            .collect();
        Self { columns, seen: Some(HashSet::new()), bytes: Vec::new() }
    }

    /// Adds the keys of a batch of written rows.
    pub(super) fn add(&mut self, records: &RecordBatch) {
        let Some(seen) = &mut self.seen else { return };
        for row in 0..records.num_rows() {
            seen.insert(canonical::row_hash(records, &self.columns, row, &mut self.bytes));
        }
        if seen.len() > LIMIT {
            self.seen = None;
        }
    }

    /// Gives up counting.
    pub(super) fn give_up(&mut self) {
        self.seen = None;
    }

    /// How many there are; `None` when they were too many to count.
    pub(super) fn count(&self) -> Option<u64> {
        self.seen.as_ref().map(|seen| seen.len() as u64)
    }
}
