//! From the columns that a source delivers to those that a writer gets: projection, masks, casts and metadata columns,
//! exactly as the plan resolved them.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Schema, SchemaRef};
use chrono::{DateTime, Utc};

use super::cast::cast;
use super::failure::Failure;
use super::mask::{mask, masked};
use super::row_text;
use crate::connectors::schema::arrow_schema;
use crate::connectors::{
    Batch, Column, ColumnType, DELETED_COLUMN, ErrorKind, LogicalType, Operation, RUN_ID_COLUMN, RejectedRow,
    SYNCED_AT_COLUMN, Unit,
};
use crate::plan::resolution::ResolvedColumn;
use crate::workspace::keys::SigningKey;

/// Maps the batches of one stream in one run.
#[derive(Debug)]
pub(super) struct Mapper {
    /// Each column with its place in the source's batches.
    columns: Vec<(usize, ResolvedColumn)>,
    /// Target names of the merge key.
    key: Vec<String>,
    schema: SchemaRef,
    soft_deletes: bool,
    run: String,
    started_at: DateTime<Utc>,
    mask_key: SigningKey,
    /// The metadata columns of the longest batch so far: they say the same in every row.
    metadata: Mutex<Vec<ArrayRef>>,
}

/// What came of a batch.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) batch: Batch,
    pub(super) rejected: Vec<RejectedRow>,
}

/// The columns that every table of ours has besides the source's.
pub(super) fn metadata_columns(soft_deletes: bool) -> Vec<Column> {
    let column = |name: &str, logical, spelled: &str, nullable| {
        Column::new(name, ColumnType::new(logical, "towpath", spelled), nullable)
    };
    let at = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true };
    let mut columns =
        vec![column(RUN_ID_COLUMN, LogicalType::Text, "text", true), column(SYNCED_AT_COLUMN, at, "timestamp", true)];
    if soft_deletes {
        columns.push(column(DELETED_COLUMN, LogicalType::Boolean, "boolean", true));
    }
    columns
}

/// What a mapper is made of.
pub(super) struct MapperParts {
    pub(super) columns: Vec<(usize, ResolvedColumn)>,
    pub(super) key: Vec<String>,
    pub(super) soft_deletes: bool,
    pub(super) run: String,
    pub(super) started_at: DateTime<Utc>,
    pub(super) mask_key: SigningKey,
}

impl Mapper {
    pub(super) fn new(parts: MapperParts) -> Self {
        let MapperParts { columns, key, soft_deletes, run, started_at, mask_key } = parts;
        let written: Vec<Column> =
            columns.iter().map(|(_, column)| column.written.clone()).chain(metadata_columns(soft_deletes)).collect();
        Self {
            schema: arrow_schema(&written),
            columns,
            key,
            soft_deletes,
            run,
            started_at,
            mask_key,
            metadata: Mutex::default(),
        }
    }

    /// What is done to each column, in the order in which the source is asked for them.
    pub(super) fn columns(&self) -> impl Iterator<Item = &ResolvedColumn> {
        self.columns.iter().map(|(_, column)| column)
    }

    /// One row of the metadata columns, for rows that are not mapped.
    pub(super) fn tail(&self) -> Result<RecordBatch, Failure> {
        let mut arrays = Vec::new();
        self.push_metadata(&mut arrays, 1, None);
        let fields: Vec<_> = self.schema.fields().iter().skip(self.columns.len()).cloned().collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(mismatch)
    }

    /// Maps a batch whose first row is number `first` of the read, from 1.
    pub(super) fn map(&self, batch: Batch, first: u64) -> Result<Mapped, Failure> {
        let Batch { records, changes } = batch;
        let rows = records.num_rows();
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        let mut unfit: Vec<(usize, String, &'static str)> = Vec::new();
        // What a row looked like before its casts, masks already on: this is what the quarantine may keep.
        let mut before: Vec<(&str, ArrayRef)> = Vec::with_capacity(self.columns.len());
        for (index, column) in &self.columns {
            let array = source_array(&records, *index, &column.source)?;
            let array = match column.mask {
                Some(how) => mask(array, how, &self.mask_key),
                None => Arc::clone(array),
            };
            let from = masked(&column.source.data_type.logical, column.mask);
            let done = cast(&array, &from, &column.written.data_type.logical)?;
            let kind = || match &column.cast {
                Some(cast) => format!("`{cast}`"),
                None => format!("`{}`", column.target_type),
            };
            unfit.extend(done.unfit.into_iter().map(|row| {
                (row, format!("The value of column `{}` does not fit {}.", column.source.name, kind()), "bad_cast")
            }));
            if self.key.contains(&column.target) && done.array.null_count() > 0 {
                let reason = format!("The key column `{}` is empty in this row.", column.source.name);
                let missing = (0..rows).filter(|row| done.array.is_null(*row) && array.is_null(*row));
                unfit.extend(missing.map(|row| (row, reason.clone(), "null_key")));
            }
            before.push((column.target.as_str(), array));
            arrays.push(done.array);
        }
        self.push_metadata(&mut arrays, rows, changes.as_deref());
        let records = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(mismatch)?;
        if unfit.is_empty() {
            return Ok(Mapped { batch: Batch { records, changes }, rejected: Vec::new() });
        }
        unfit.sort();
        unfit.dedup_by_key(|(row, ..)| *row);
        let named: Vec<(&str, &ArrayRef)> = before.iter().map(|(name, array)| (*name, array)).collect();
        let mut keep = vec![true; rows];
        let mut rejected = Vec::with_capacity(unfit.len());
        for (row, reason, code) in unfit {
            if let Some(keep) = keep.get_mut(row) {
                *keep = false;
            }
            let position = format!("row {}", first.saturating_add(row as u64));
            rejected.push(row_text::rejected(position, code, reason, &named, row));
        }
        Ok(Mapped { batch: filter(Batch { records, changes }, &BooleanArray::from(keep))?, rejected })
    }

    fn push_metadata(&self, arrays: &mut Vec<ArrayRef>, rows: usize, changes: Option<&[crate::connectors::Change]>) {
        let mut metadata = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        if metadata.first().is_none_or(|array| array.len() < rows) {
            let run = StringArray::from_iter_values(std::iter::repeat_n(&self.run, rows));
            let at = TimestampMicrosecondArray::from_value(self.started_at.timestamp_micros(), rows);
            *metadata = vec![Arc::new(run), Arc::new(at.with_timezone("UTC"))];
        }
        arrays.extend(metadata.iter().map(|array| array.slice(0, rows)));
        if self.soft_deletes {
            let deleted = match changes {
                Some(changes) => changes.iter().map(|change| Some(change.operation == Operation::Delete)).collect(),
                None => BooleanArray::from(vec![false; rows]),
            };
            arrays.push(Arc::new(deleted));
        }
    }
}

/// Keeps the rows that are marked.
pub(super) fn filter(batch: Batch, keep: &BooleanArray) -> Result<Batch, Failure> {
    let records = arrow::compute::filter_record_batch(&batch.records, keep).map_err(mismatch)?;
    let changes = batch.changes.map(|changes| {
        changes.into_iter().zip(keep.values().iter()).filter(|(_, keep)| *keep).map(|(change, _)| change).collect()
    });
    Ok(Batch { records, changes })
}

/// A column of a source's batch, of the type that the source announced.
fn source_array<'a>(records: &'a RecordBatch, index: usize, column: &Column) -> Result<&'a ArrayRef, Failure> {
    let announced = column.data_type.logical.arrow();
    match records.columns().get(index) {
        Some(array) if *array.data_type() == announced => Ok(array),
        Some(array) => Err(Failure::new(
            ErrorKind::Bug,
            format!(
                "The source delivered column `{}` as {} where it had announced {announced}.",
                column.name,
                array.data_type()
            ),
        )),
        None => Err(Failure::new(ErrorKind::Bug, format!("The source did not deliver column `{}`.", column.name))),
    }
}

fn mismatch(error: arrow::error::ArrowError) -> Failure {
    let mut failure = Failure::new(ErrorKind::Bug, "The mapped rows do not have the columns that the plan resolved.");
    failure.error = failure.error.because(error);
    failure
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray as _, Int64Array};
    use arrow::datatypes::Int32Type;

    use super::*;
    use crate::connectors::schema::{LOGICAL_KEY, ORIGIN_KEY};
    use crate::connectors::{Change, Fidelity};
    use crate::plan::spec::MaskSpec;

    fn column(name: &str, logical: LogicalType) -> Column {
        Column::new(name, ColumnType::new(logical, "memory", "spelled"), true)
    }

    fn resolved(source: Column, target: &str, to: LogicalType) -> ResolvedColumn {
        ResolvedColumn {
            written: column(target, to),
            source,
            target: target.to_owned(),
            target_type: "int".to_owned(),
            fidelity: Fidelity::Exact,
            note: None,
            mask: None,
            cast: None,
        }
    }

    fn mapper(columns: Vec<(usize, ResolvedColumn)>, key: &[&str], soft_deletes: bool) -> Mapper {
        Mapper::new(MapperParts {
            columns,
            key: key.iter().map(|name| (*name).to_owned()).collect(),
            soft_deletes,
            run: "run-1".to_owned(),
            started_at: DateTime::UNIX_EPOCH,
            mask_key: SigningKey::new([1; 32]),
        })
    }

    fn records() -> RecordBatch {
        RecordBatch::try_new(
            arrow_schema(&[column("id", LogicalType::Int64), column("name", LogicalType::Text)]),
            vec![
                Arc::new(Int64Array::from(vec![Some(1), Some(i64::MAX), None])),
                Arc::new(StringArray::from(vec![Some("Ann"), Some("Bob"), Some("Cleo")])),
            ],
        )
        .unwrap()
    }

    #[test]
    fn columns_are_projected_renamed_and_keep_their_origin() {
        let map = mapper(vec![(1, resolved(column("name", LogicalType::Text), "who", LogicalType::Text))], &[], true);
        let out = map.map(Batch::rows(records()), 1).unwrap();
        let schema = out.batch.records.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["who", RUN_ID_COLUMN, SYNCED_AT_COLUMN, DELETED_COLUMN]);
        assert_eq!(schema.field(0).metadata()[ORIGIN_KEY], "memory:spelled");
        assert_eq!(schema.field(0).metadata()[LOGICAL_KEY], "\"text\"");
        assert_eq!(out.batch.records.column(0).as_string::<i32>().value(2), "Cleo");
        assert!(!out.batch.records.column(3).as_boolean().value(0));
    }

    #[test]
    fn a_value_that_does_not_fit_is_set_aside_with_its_row_and_not_turned_into_null() {
        let mut id = resolved(column("id", LogicalType::Int64), "id", LogicalType::Int32);
        id.cast = Some("int32".to_owned());
        let mut name = resolved(column("name", LogicalType::Text), "name", LogicalType::Text);
        name.mask = Some(MaskSpec::Redact);
        let map = mapper(vec![(0, id), (1, name)], &[], false);
        let out = map.map(Batch::rows(records()), 101).unwrap();
        assert_eq!(out.batch.records.num_rows(), 2);
        assert_eq!(out.batch.records.column(0).as_primitive::<Int32Type>().value(0), 1);
        assert!(out.batch.records.column(0).is_null(1));
        let [row] = out.rejected.as_slice() else { panic!("{:?}", out.rejected) };
        assert_eq!((row.position.as_str(), row.code.as_str()), ("row 102", "bad_cast"));
        assert!(!row.reason.contains("9223"), "a reason holds no value");
        let kept: serde_json::Value = serde_json::from_str(row.row.as_ref().unwrap()).unwrap();
        assert_eq!(kept, serde_json::json!({"id": "9223372036854775807", "name": "[redacted]"}));
    }

    #[test]
    fn a_row_without_its_key_is_set_aside_and_changes_stay_with_their_rows() {
        let id = resolved(column("id", LogicalType::Int64), "id", LogicalType::Int64);
        let map = mapper(vec![(0, id)], &["id"], true);
        let change = |operation, position: u8| Change { operation, position: Box::new([position]) };
        let changes = vec![change(Operation::Insert, 1), change(Operation::Delete, 2), change(Operation::Update, 3)];
        let out = map.map(Batch { records: records(), changes: Some(changes) }, 1).unwrap();
        assert_eq!(out.rejected.len(), 1);
        assert_eq!(out.rejected[0].code, "null_key");
        let kept = out.batch.changes.unwrap();
        assert_eq!(kept, [change(Operation::Insert, 1), change(Operation::Delete, 2)]);
        assert!(out.batch.records.column(3).as_boolean().value(1));
    }

    #[test]
    fn a_source_that_delivers_another_type_than_it_announced_is_found_out() {
        let id = resolved(column("id", LogicalType::Int32), "id", LogicalType::Int32);
        let refused = mapper(vec![(0, id)], &[], false).map(Batch::rows(records()), 1).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Bug);
        assert!(refused.error.message.contains("`id`"));
    }
}
