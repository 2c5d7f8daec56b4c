//! Which rows of a batch count when rows are merged by key, and the statements that apply them.

use std::collections::HashMap;

use arrow::array::{Array as _, ArrayRef};
use arrow::row::{Row, RowConverter, SortField};

use super::sql::{quote, quoted_list};
use super::table::Lane;
use crate::connectors::{
    Batch, ConnectorError, DELETED_COLUMN, Deletes, ErrorKind, Operation, RUN_ID_COLUMN, SYNCED_AT_COLUMN,
};

/// The rows of a batch that matter, each key once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Newest {
    /// Rows to insert or to update.
    pub(in super::super) upserts: Vec<usize>,
    /// Rows whose keys are deleted, after that.
    pub(in super::super) deletes: Vec<usize>,
    /// Rows without a complete key.
    pub(in super::super) keyless: Vec<usize>,
}

#[derive(Clone, Copy, Default)]
struct Last {
    upsert: Option<usize>,
    delete: Option<usize>,
}

/// Finds for each key the newest row: by log position within change batches, otherwise by order of arrival.
pub(in super::super) fn newest(batch: &Batch, key: &[usize], deletes: Deletes) -> Result<Newest, ConnectorError> {
    let unfit = |error: arrow::error::ArrowError| {
        ConnectorError::new(ErrorKind::Bug, "The key columns of a batch could not be compared.").because(error)
    };
    let arrays: Vec<ArrayRef> = key.iter().filter_map(|index| batch.records.columns().get(*index).cloned()).collect();
    let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone())).collect();
    let keys = RowConverter::new(fields).and_then(|converter| converter.convert_columns(&arrays)).map_err(unfit)?;
    let mut found = Newest::default();
    let mut last: HashMap<Row<'_>, Last> = HashMap::with_capacity(batch.records.num_rows());
    for row in in_order(batch) {
        if arrays.iter().any(|array| array.is_null(row)) {
            found.keyless.push(row);
            continue;
        }
        let operation = batch.changes.as_ref().and_then(|changes| changes.get(row)).map(|change| change.operation);
        let deleted = operation == Some(Operation::Delete);
        if deleted && deletes == Deletes::Ignore {
            continue;
        }
        let entry = last.entry(keys.row(row)).or_default();
        if deleted {
            entry.delete = Some(row);
        } else {
            *entry = Last { upsert: Some(row), delete: None };
        }
    }
    for entry in last.into_values() {
        // What is deleted for good need not be written first; what is marked must be there to be marked.
        let needless = entry.delete.is_some() && deletes == Deletes::Hard;
        found.upserts.extend(entry.upsert.filter(|_| !needless));
        found.deletes.extend(entry.delete);
    }
    found.upserts.sort_unstable();
    found.deletes.sort_unstable();
    Ok(found)
}

/// Rows from oldest to newest.
fn in_order(batch: &Batch) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..batch.records.num_rows()).collect();
    if let Some(changes) = &batch.changes {
        rows.sort_by(|a, b| {
            let position = |row: &usize| changes.get(*row).map(|change| &change.position);
            position(a).cmp(&position(b))
        });
    }
    rows
}

/// Statements that bring staged rows into a table.
#[derive(Clone, Debug)]
pub(super) struct Statements {
    pub(super) upsert: Vec<String>,
    pub(super) delete: Vec<String>,
}

/// Columns that are staged for a row whose key is deleted.
pub(super) fn deleted_columns<'a>(lanes: &'a [Lane], key: &[String]) -> Vec<&'a Lane> {
    lanes
        .iter()
        .filter(|lane| key.contains(&lane.name) || lane.name == RUN_ID_COLUMN || lane.name == SYNCED_AT_COLUMN)
        .collect()
}

/// `vouched`: a unique index on exactly the key stands by, so that conflicts can be arbitrated by it.
pub(super) fn statements(
    (table, stage): (&str, &str),
    lanes: &[Lane],
    key: &[String],
    deletes: Deletes,
    vouched: bool,
) -> Statements {
    let names = quoted_list(lanes.iter().map(|lane| lane.name.as_str()));
    let expressions = lanes.iter().map(|lane| lane.expression.clone()).collect::<Vec<_>>().join(", ");
    let keys = quoted_list(key.iter().map(String::as_str));
    let others: Vec<String> =
        lanes.iter().filter(|lane| !key.contains(&lane.name)).map(|lane| quote(&lane.name)).collect();
    let sets = |from: &str| others.iter().map(|name| format!("{name} = {from}.{name}")).collect::<Vec<_>>().join(", ");
    let aliased =
        lanes.iter().map(|lane| format!("{} as {}", lane.expression, quote(&lane.name))).collect::<Vec<_>>().join(", ");
    let same = key.iter().map(|name| format!("t.{0} = s.{0}", quote(name))).collect::<Vec<_>>().join(" and ");
    let insert = format!("insert into {table} ({names}) overriding system value select");
    let upsert = if vouched {
        let act = if others.is_empty() { "nothing".to_owned() } else { format!("update set {}", sets("excluded")) };
        vec![format!("{insert} {expressions} from {stage} on conflict ({keys}) do {act}")]
    } else {
        let mut statements = vec![format!("lock table {table} in share row exclusive mode")];
        if !others.is_empty() {
            statements.push(format!(
                "update {table} t set {} from (select {aliased} from {stage}) s where {same}",
                sets("s")
            ));
        }
        statements.push(format!(
            "{insert} distinct on ({}) {names} from (select {aliased} from {stage}) s \
             where not exists (select from {table} t where {same})",
            key.iter().map(|name| format!("s.{}", quote(name))).collect::<Vec<_>>().join(", ")
        ));
        statements
    };
    let gone: Vec<_> = deleted_columns(lanes, key);
    let aliased =
        gone.iter().map(|lane| format!("{} as {}", lane.expression, quote(&lane.name))).collect::<Vec<_>>().join(", ");
    let delete = match deletes {
        Deletes::Ignore => Vec::new(),
        Deletes::Hard => vec![format!("delete from {table} t using (select {aliased} from {stage}) s where {same}")],
        Deletes::Soft => {
            let mut sets = vec![format!("{} = true", quote(DELETED_COLUMN))];
            sets.extend(
                gone.iter()
                    .filter(|lane| !key.contains(&lane.name))
                    .map(|lane| format!("{0} = s.{0}", quote(&lane.name))),
            );
            let sets = sets.join(", ");
            vec![format!("update {table} t set {sets} from (select {aliased} from {stage}) s where {same}")]
        }
    };
    Statements { upsert, delete }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::connectors::Change;

    fn batch(rows: &[(Option<i32>, Operation, u8)]) -> Batch {
        let keys: ArrayRef = Arc::new(Int32Array::from(rows.iter().map(|row| row.0).collect::<Vec<_>>()));
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int32, true)]));
        let changes =
            rows.iter().map(|row| Change { operation: row.1, position: vec![row.2].into_boxed_slice() }).collect();
        Batch { records: RecordBatch::try_new(schema, vec![keys]).unwrap(), changes: Some(changes) }
    }

    use Operation::{Delete, Insert, Update};

    #[test]
    fn the_newest_position_wins_whatever_the_order_of_arrival() {
        let batch = batch(&[(Some(1), Update, 9), (Some(1), Insert, 1), (Some(2), Delete, 3), (Some(2), Insert, 2)]);
        let found = newest(&batch, &[0], Deletes::Hard).unwrap();
        assert_eq!(found, Newest { upserts: vec![0], deletes: vec![2], keyless: vec![] });
        // Marked as deleted: the row is written first, with the values that it had.
        let found = newest(&batch, &[0], Deletes::Soft).unwrap();
        assert_eq!(found, Newest { upserts: vec![0, 3], deletes: vec![2], keyless: vec![] });
        let found = newest(&batch, &[0], Deletes::Ignore).unwrap();
        assert_eq!(found, Newest { upserts: vec![0, 3], deletes: vec![], keyless: vec![] });
    }

    #[test]
    fn a_row_inserted_again_lives_and_a_row_without_a_key_is_told() {
        let batch = batch(&[(Some(1), Delete, 1), (Some(1), Insert, 2), (None, Insert, 3)]);
        let found = newest(&batch, &[0], Deletes::Hard).unwrap();
        assert_eq!(found, Newest { upserts: vec![1], deletes: vec![], keyless: vec![2] });
    }

    #[test]
    fn plain_rows_go_by_arrival() {
        let mut batch = batch(&[(Some(1), Insert, 0), (Some(2), Insert, 0), (Some(1), Insert, 0)]);
        batch.changes = None;
        assert_eq!(newest(&batch, &[0], Deletes::Ignore).unwrap().upserts, vec![1, 2]);
    }
}
