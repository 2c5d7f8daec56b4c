//! What the destination checks share: small batches of `id` and `name` with the metadata columns, and a native look.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use futures::StreamExt as _;
use serde_json::{Value as Json, json};

use super::{DestinationHarness, Violation, ensure};
use crate::connectors::schema::arrow_schema;
use crate::connectors::{
    Batch, Column, ColumnType, Commit, Committed, Destination, Epoch, Item, LogicalType, RUN_ID_COLUMN, RejectedRow,
    SYNCED_AT_COLUMN, TargetColumn, TargetName, Unit, WriteMode, WriteRequest, Writer,
};

/// The family of columns that the suite makes up: foreign to every destination.
const FAMILY: &str = "contract";

pub(super) fn plain(name: &str, logical: LogicalType) -> Column {
    let spelled = format!("{logical:?}");
    Column::new(name, ColumnType::new(logical, FAMILY, spelled), true)
}

pub(super) fn metadata() -> [Column; 2] {
    [
        plain(RUN_ID_COLUMN, LogicalType::Text),
        plain(SYNCED_AT_COLUMN, LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true }),
    ]
}

/// `id`, `name` and the metadata columns.
pub(super) fn standard_columns() -> Vec<Column> {
    let [run, synced] = metadata();
    vec![plain("id", LogicalType::Int64), plain("name", LogicalType::Text), run, synced]
}

pub(super) struct Hand<'a> {
    pub(super) harness: &'a dyn DestinationHarness,
    pub(super) destination: Arc<dyn Destination>,
}

pub(super) type Pair<'a> = (i64, Option<&'a str>);

impl Hand<'_> {
    pub(super) async fn open(
        &self,
        target: &TargetName,
        mode: WriteMode,
        (state_key, run): (&str, &str),
        columns: &[Column],
    ) -> Result<Box<dyn Writer>, Violation> {
        let columns = columns
            .iter()
            .map(|column| {
                let landing = self.destination.land(&column.data_type)?;
                Ok(TargetColumn { column: column.clone(), target_type: landing.target_type })
            })
            .collect::<Result<Vec<_>, Violation>>()?;
        let request = WriteRequest {
            target: target.clone(),
            columns,
            mode,
            state_key: state_key.to_owned(),
            run: run.to_owned(),
            parallelism: 2,
        };
        Ok(self.destination.open(request).await?)
    }

    pub(super) async fn standard(
        &self,
        target: &TargetName,
        mode: WriteMode,
        identity: (&str, &str),
    ) -> Result<Box<dyn Writer>, Violation> {
        self.open(target, mode, identity, &standard_columns()).await
    }

    /// `id` and `name` of what stands there now, sorted; `None` when nothing does.
    pub(super) async fn look(&self, target: &TargetName) -> Result<Option<Vec<(String, Option<String>)>>, Violation> {
        let Some(rows) = self.harness.native(target, &["id", "name"]).await? else { return Ok(None) };
        let mut pairs = Vec::new();
        for row in rows {
            let mut cells = row.into_iter();
            pairs.push((cells.next().flatten().unwrap_or_default(), cells.next().flatten()));
        }
        pairs.sort();
        Ok(Some(pairs))
    }

    /// Exactly these rows stand at the target.
    pub(super) async fn stands(&self, target: &TargetName, expected: &[Pair<'_>], when: &str) -> Result<(), Violation> {
        let seen = self.look(target).await?.unwrap_or_default();
        let mut due: Vec<(String, Option<String>)> =
            expected.iter().map(|(id, name)| (id.to_string(), name.map(str::to_owned))).collect();
        due.sort();
        ensure(seen == due, || format!("{when}: {target} holds {seen:?}, due is {due:?}"))
    }

    pub(super) async fn counts(
        &self,
        target: &TargetName,
        run: Option<&str>,
        expected: u64,
        when: &str,
    ) -> Result<(), Violation> {
        let counted = self.destination.count(target, run).await?;
        ensure(counted == expected, || format!("{when}: count({run:?}) says {counted}, due is {expected}"))
    }

    /// Reads back to the end and holds the form.
    pub(super) async fn read_back(
        &self,
        target: &TargetName,
        columns: &[Column],
        run: Option<&str>,
    ) -> Result<Vec<RecordBatch>, Violation> {
        let mut items = self.destination.read_back(target, columns, run).await?;
        let mut batches = Vec::new();
        let mut ended = None;
        while let Some(item) = items.next().await {
            ensure(ended.is_none(), || "read_back said something after its end".to_owned())?;
            match item? {
                Item::Batch(batch) => {
                    let types: Vec<_> = columns.iter().map(|column| column.data_type.logical.arrow()).collect();
                    let came: Vec<_> = batch.records.columns().iter().map(|array| array.data_type().clone()).collect();
                    ensure(types == came, || format!("read_back gave {came:?}, asked for were {types:?}"))?;
                    batches.push(batch.records);
                }
                Item::End(end) => ended = Some(end.rows),
                Item::Rejected(row) => {
                    return Err(Violation::new(format!("read_back could not read a row: {}", row.reason)));
                }
                _ => {}
            }
        }
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        ensure(ended.and_then(|rows| usize::try_from(rows).ok()) == Some(rows), || {
            format!("read_back delivered {rows} rows and ended with {ended:?}")
        })?;
        Ok(batches)
    }
}

/// A batch of the standard columns.
pub(super) fn batch(rows: &[Pair<'_>], run: &str) -> Result<Batch, Violation> {
    let ids: ArrayRef = Arc::new(rows.iter().map(|(id, _)| Some(*id)).collect::<Int64Array>());
    keyed_batch(ids, rows, run)
}

/// The same with ids of one's own, NULLs among them.
pub(super) fn keyed_batch(ids: ArrayRef, rows: &[Pair<'_>], run: &str) -> Result<Batch, Violation> {
    let names: ArrayRef = Arc::new(rows.iter().map(|(_, name)| *name).collect::<StringArray>());
    whole_batch(&standard_columns(), vec![ids, names], run)
}

/// Completes columns of one's own with the metadata columns.
pub(super) fn whole_batch(columns: &[Column], mut arrays: Vec<ArrayRef>, run: &str) -> Result<Batch, Violation> {
    let rows = arrays.first().map_or(0, |array| array.len());
    for column in columns.get(arrays.len()..).unwrap_or_default() {
        arrays.push(match column.data_type.logical {
            LogicalType::Text => Arc::new(StringArray::from(vec![run; rows])) as ArrayRef,
            LogicalType::Boolean => Arc::new(BooleanArray::from(vec![false; rows])),
            _ => Arc::new(TimestampMicrosecondArray::from(vec![1_700_000_000_123_456; rows]).with_timezone("UTC")),
        });
    }
    let records = RecordBatch::try_new(arrow_schema(columns), arrays)
        .map_err(|error| Violation::new(format!("the suite made a bad batch: {error}")))?;
    Ok(Batch::rows(records))
}

pub(super) async fn write(writer: &mut Box<dyn Writer>, rows: &[Pair<'_>], run: &str) -> Result<(), Violation> {
    let rejected = writer.write(batch(rows, run)?).await?;
    none_rejected(&rejected)
}

pub(super) fn none_rejected(rejected: &[RejectedRow]) -> Result<(), Violation> {
    match rejected.first() {
        None => Ok(()),
        Some(row) => Err(Violation::new(format!("an ordinary row was rejected ({}): {}", row.code, row.reason))),
    }
}

/// Commits and holds the answer against what was asked.
pub(super) async fn commit(
    writer: &mut Box<dyn Writer>,
    (run, epoch, rows): (&str, u64, u64),
    last: bool,
) -> Result<Committed, Violation> {
    let due =
        Committed { run: run.to_owned(), epoch: Epoch(epoch), checkpoint: Some(checkpoint(run, epoch)), last, rows };
    let answer = writer.commit(Commit { epoch: Epoch(epoch), checkpoint: due.checkpoint.clone(), last }).await?;
    ensure(answer == due, || format!("commit answered {answer:?}, due was {due:?}"))?;
    let kept = writer.committed().await?;
    ensure(kept.as_ref() == Some(&due), || format!("after the commit, committed() says {kept:?}, due was {due:?}"))?;
    Ok(answer)
}

/// A checkpoint whose text would not survive a careless round trip.
fn checkpoint(run: &str, epoch: u64) -> Json {
    json!({"run": run, "epoch": epoch, "text": "é '\"\\ 李 🛶", "none": null, "deep": [{"big": i64::MAX, "tie": ["a", 1]}]})
}
