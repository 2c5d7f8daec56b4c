//! Metadata columns that are added when all rows are there. They hold one value in every row of a run, which the server keeps
//! once, in its catalog, for a column that is added with a constant default: they cost neither wire nor table nor log.

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;

use super::connect::Session;
use super::failure::failure;
use super::sql::{quote, text_literal};
use super::table;
use crate::connectors::spelling::spell;
use crate::connectors::{ConnectorError, RUN_ID_COLUMN, SYNCED_AT_COLUMN, TargetColumn};

/// Where the metadata columns of a staging table are.
#[derive(Debug, PartialEq)]
pub(super) enum Deferral {
    /// In the table, written with each row.
    Never,
    /// In the table, which has no rows yet.
    Possible,
    /// Nowhere yet: every row will have these values.
    Underway(RecordBatch),
}

pub(super) fn is_deferred(name: &str) -> bool {
    name == RUN_ID_COLUMN || name == SYNCED_AT_COLUMN
}

/// The metadata columns' values if they are the same in every row.
pub(super) fn tail(records: &RecordBatch) -> Option<RecordBatch> {
    let schema = records.schema();
    let places: Vec<usize> =
        (0..records.num_columns()).filter(|index| is_deferred(schema.field(*index).name())).collect();
    let constant = records.num_rows() > 0
        && places.len() == 2
        && places.iter().all(|place| records.columns().get(*place).is_some_and(is_constant));
    let one = constant.then(|| records.project(&places).ok()).flatten()?;
    Some(one.slice(0, 1))
}

fn is_constant(array: &ArrayRef) -> bool {
    if array.null_count() > 0 {
        return false;
    }
    if let Some(texts) = array.as_string_opt::<i32>() {
        let first = texts.value(0);
        return texts.iter().all(|text| text == Some(first));
    }
    array
        .as_primitive_opt::<TimestampMicrosecondType>()
        .is_some_and(|at| at.values().first().is_some_and(|first| at.values().iter().all(|value| value == first)))
}

/// Makes the empty staging table again, without the columns that come later.
pub(super) async fn begin(session: &Session, staged: &str, columns: &[TargetColumn]) -> Result<(), ConnectorError> {
    let now: Vec<TargetColumn> = columns.iter().filter(|column| !is_deferred(&column.column.name)).cloned().collect();
    session
        .batch_execute(&format!("drop table {staged}; {}", table::create(staged, &now)))
        .await
        .map_err(|error| failure("Preparing the staging table failed", error))
}

/// Adds the columns with their values. The server does not touch a row for it.
pub(super) async fn finish(
    session: &Session,
    staged: &str,
    columns: &[TargetColumn],
    tail: &RecordBatch,
) -> Result<(), ConnectorError> {
    let (mut add, mut settle) = (Vec::new(), Vec::new());
    for column in columns.iter().filter(|column| is_deferred(&column.column.name)) {
        let name = quote(&column.column.name);
        let value = tail.column_by_name(&column.column.name).and_then(|array| spell(array, 0));
        let value = value.map_or_else(|| "null".to_owned(), |text| text_literal(&text));
        let kind = &column.target_type;
        add.push(format!("add column {name} {kind} default {value}::{kind}"));
        settle.push(format!("alter column {name} drop default"));
    }
    session
        .batch_execute(&format!("alter table {staged} {}; alter table {staged} {}", add.join(", "), settle.join(", ")))
        .await
        .map_err(|error| failure("Adding the metadata columns failed", error))
}
