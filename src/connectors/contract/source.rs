//! What every source owes, read in full.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use futures::StreamExt as _;

use super::row::{Row, Seed, Value, value_at};
use super::{SourceHarness, Violation, ensure, filtering, incremental};
use crate::connectors::filter::Filter;
use crate::connectors::schema::LOGICAL_KEY;
use crate::connectors::{Cursor, ErrorKind, Item, LogicalType, ReadMode, ReadRequest, Source, StreamSchema};

const ROWS: usize = 120;

pub(super) async fn every_check(harness: &dyn SourceHarness) -> Result<(), Violation> {
    let seed = Seed::standard("contract_full", ROWS, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await.map_err(|error| Violation::from(error).in_check("seed"))?;
    let source = harness.source()?;
    let held = Held { harness, seed: &seed, stream: &stream, source: &source };
    described(&held).await.map_err(|v| v.in_check("list and describe"))?;
    unknown(&held).await.map_err(|v| v.in_check("unknown stream"))?;
    whole(&held).await.map_err(|v| v.in_check("full read"))?;
    projected(&held).await.map_err(|v| v.in_check("projection"))?;
    limited(&held).await.map_err(|v| v.in_check("batch limits"))?;
    filtered(&held).await.map_err(|v| v.in_check("filters"))?;
    profiled(&held).await.map_err(|v| v.in_check("profiles, count and sample"))?;
    empty(harness, &source).await.map_err(|v| v.in_check("empty stream"))?;
    dropped(&held).await.map_err(|v| v.in_check("dropped stream"))?;
    refused(harness).await.map_err(|v| v.in_check("refused credential"))?;
    snapshot(harness, &source).await.map_err(|v| v.in_check("snapshot"))?;
    incremental::every_check(harness, &source).await
}

struct Held<'a> {
    harness: &'a dyn SourceHarness,
    seed: &'a Seed,
    stream: &'a str,
    source: &'a Arc<dyn Source>,
}

/// A read that asks for all columns.
pub(super) fn request(schema: &StreamSchema, mode: ReadMode, after: Option<Cursor>, batch_rows: usize) -> ReadRequest {
    ReadRequest {
        stream: schema.summary.stream.clone(),
        columns: schema.columns.iter().map(|column| column.name.clone()).collect(),
        filter: None,
        mode,
        after,
        batch_rows,
        batch_bytes: 1 << 20,
        parallelism: 2,
    }
}

/// Everything that one read said.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) rows: Vec<Row>,
    pub(super) batches: Vec<RecordBatch>,
    /// Each with the number of rows delivered before it.
    pub(super) checkpoints: Vec<(usize, Cursor)>,
    pub(super) end: Option<Cursor>,
}

/// Reads to the end and holds the stream to its form: the schema asked for, an explicit end, its count, nothing after.
pub(super) async fn hear(source: &Arc<dyn Source>, request: ReadRequest) -> Result<Heard, Violation> {
    let schema = source.describe(&request.stream).await?;
    let mut items = source.read(request.clone()).await?;
    let mut heard = Heard::default();
    let mut ended = false;
    while let Some(item) = items.next().await {
        ensure(!ended, || "something came after the end".to_owned())?;
        match item? {
            Item::Expected { .. } => {}
            Item::Batch(batch) => {
                ensure(batch.changes.is_none(), || "a read of plain rows delivered changes".to_owned())?;
                agrees(&batch.records, &request.columns, &schema)?;
                ensure(batch.records.num_rows() > 0, || "a batch was empty".to_owned())?;
                ensure(batch.records.num_rows() <= request.batch_rows, || {
                    format!("a batch had {} rows, more than {}", batch.records.num_rows(), request.batch_rows)
                })?;
                heard.rows.extend(rows(&batch.records)?);
                heard.batches.push(batch.records);
            }
            Item::Rejected(row) => {
                return Err(Violation::new(format!("a good row was rejected at {}: {}", row.position, row.reason)));
            }
            Item::Raw(_) => return Err(Violation::new("a plain read delivered raw rows".to_owned())),
            Item::Checkpoint(cursor) => heard.checkpoints.push((heard.rows.len(), cursor)),
            Item::End(end) => {
                ended = true;
                ensure(usize::try_from(end.rows).ok() == Some(heard.rows.len()), || {
                    format!("the end says {} rows, the batches held {}", end.rows, heard.rows.len())
                })?;
                heard.end = end.cursor;
            }
        }
    }
    ensure(ended, || "the stream stopped without an end".to_owned())?;
    Ok(heard)
}

fn agrees(batch: &RecordBatch, columns: &[String], schema: &StreamSchema) -> Result<(), Violation> {
    let fields = batch.schema();
    let names: Vec<&String> = fields.fields().iter().map(|field| field.name()).collect();
    ensure(names.iter().copied().eq(columns.iter()), || {
        format!("a batch has the columns {names:?}, asked for were {columns:?}")
    })?;
    for field in fields.fields() {
        let Some(column) = schema.column(field.name()) else {
            return Err(Violation::new(format!("`{}` is delivered but not described", field.name())));
        };
        let described = column.field();
        ensure(field.data_type() == described.data_type(), || {
            format!("`{}` came as {}, described as {}", field.name(), field.data_type(), described.data_type())
        })?;
        ensure(field.metadata() == described.metadata(), || {
            format!("`{}` came with the metadata {:?}, not {:?}", field.name(), field.metadata(), described.metadata())
        })?;
    }
    Ok(())
}

pub(super) fn rows(batch: &RecordBatch) -> Result<Vec<Row>, Violation> {
    let logical: Vec<LogicalType> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| {
            let text = field.metadata().get(LOGICAL_KEY).map_or("", String::as_str);
            serde_json::from_str(text).unwrap_or(LogicalType::Other)
        })
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            batch
                .columns()
                .iter()
                .zip(&logical)
                .map(|(array, logical)| value_at(array.as_ref(), row, logical))
                .collect()
        })
        .collect()
}

/// Compares as sets with repetition, by the first column.
pub(super) fn same_rows(expected: &[Row], delivered: &[Row]) -> Result<(), Violation> {
    let sorted = |rows: &[Row]| {
        let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        rows
    };
    let (expected, delivered) = (sorted(expected), sorted(delivered));
    let lost = expected.iter().find(|row| !delivered.contains(row));
    let foreign = delivered.iter().find(|row| !expected.contains(row));
    ensure(expected == delivered, || {
        format!(
            "{} rows were due and {} came; not delivered: {}; not due: {}",
            expected.len(),
            delivered.len(),
            lost.map_or("none", |row| row),
            foreign.map_or("none (some came twice)", |row| row),
        )
    })
}

async fn described(held: &Held<'_>) -> Result<(), Violation> {
    held.source.check().await?;
    let listed = held.source.list().await?;
    let Some(summary) = listed.iter().find(|summary| summary.stream == held.stream) else {
        return Err(Violation::new(format!("`{}` is not in the list", held.stream)));
    };
    ensure(summary.readable, || format!("`{}` is listed as not readable", held.stream))?;
    let mut names: Vec<&String> = listed.iter().map(|summary| &summary.stream).collect();
    let (count, ()) = (names.len(), names.sort());
    names.dedup();
    ensure(names.len() == count, || "the list names a stream twice".to_owned())?;
    let schema = held.source.describe(held.stream).await?;
    ensure(schema.summary.stream == *held.stream && schema.summary.name == summary.name, || {
        format!("the list calls it `{}`, the description `{}`", summary.stream, schema.summary.stream)
    })?;
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    let seeded: Vec<&str> = held.seed.columns.iter().map(|column| column.name).collect();
    ensure(names == seeded, || format!("the columns are described as {names:?}, seeded were {seeded:?}"))?;
    for (column, seeded) in schema.columns.iter().zip(&held.seed.columns) {
        let fits = match (&seeded.logical, &column.data_type.logical) {
            (LogicalType::Int64, logical) => matches!(logical.arrow(), DataType::Int64 | DataType::Int32),
            (LogicalType::Decimal { .. }, LogicalType::Numeric) => true,
            (LogicalType::Timestamp { .. }, LogicalType::Timestamp { .. }) => true,
            (seeded, described) => seeded == described,
        };
        ensure(fits, || {
            format!("`{}` is described as {:?}, seeded was {:?}", column.name, column.data_type.logical, seeded.logical)
        })?;
    }
    ensure(schema.primary_key.is_empty() || schema.primary_key == ["id"], || {
        format!("the primary key is described as {:?}", schema.primary_key)
    })
}

async fn unknown(held: &Held<'_>) -> Result<(), Violation> {
    let missing = format!("{}_that_is_not_there", held.stream);
    let schema = held.source.describe(held.stream).await?;
    match held.source.describe(&missing).await {
        Err(error) if error.kind == ErrorKind::NotFound => {}
        Err(error) => return Err(Violation::new(format!("describe failed with `{}`, not `not_found`", error.kind))),
        Ok(_) => return Err(Violation::new("describe found a stream that is not there")),
    }
    let mut read = request(&schema, ReadMode::Full, None, 10);
    read.stream = missing;
    expect_error(held.source, read, &[ErrorKind::NotFound]).await?;
    let mut read = request(&schema, ReadMode::Full, None, 10);
    read.columns = vec!["id".to_owned(), "no_such_column".to_owned()];
    expect_error(held.source, read, &[ErrorKind::NotFound, ErrorKind::Config, ErrorKind::BadData]).await
}

/// The read fails with one of these kinds, at once or on the way, and never ends well.
pub(super) async fn expect_error(
    source: &Arc<dyn Source>,
    request: ReadRequest,
    kinds: &[ErrorKind],
) -> Result<(), Violation> {
    let error = match source.read(request).await {
        Err(error) => error,
        Ok(mut items) => loop {
            match items.next().await {
                Some(Ok(Item::End(_))) => return Err(Violation::new("the read ended well where it must fail")),
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => return Err(Violation::new("the read stopped without an error where it must fail")),
            }
        },
    };
    ensure(kinds.contains(&error.kind), || format!("the read failed with `{}`, not one of {kinds:?}", error.kind))
}

async fn whole(held: &Held<'_>) -> Result<(), Violation> {
    let schema = held.source.describe(held.stream).await?;
    for (batch_rows, parallelism) in [(1000, 1), (7, 4), (1, 1)] {
        let mut read = request(&schema, ReadMode::Full, None, batch_rows);
        read.parallelism = parallelism;
        let heard = hear(held.source, read).await?;
        same_rows(&held.seed.rows, &heard.rows)?;
        ensure(heard.end.is_none(), || "a full read ended with a cursor".to_owned())?;
    }
    Ok(())
}

async fn projected(held: &Held<'_>) -> Result<(), Violation> {
    let schema = held.source.describe(held.stream).await?;
    for columns in [&["at", "id", "name"][..], &["rank"], &["score", "active", "amount", "day", "id"]] {
        let mut read = request(&schema, ReadMode::Full, None, 50);
        read.columns = columns.iter().map(|&column| column.to_owned()).collect();
        // The filter's column need not be among those asked for.
        read.filter = Some(Filter::IsNull { column: "rank".to_owned(), negated: false });
        let heard = hear(held.source, read).await?;
        let rank = held.seed.column("rank").unwrap_or_default();
        let expected: Vec<Row> = held
            .seed
            .rows
            .iter()
            .filter(|row| row.get(rank) == Some(&Value::Null))
            .map(|row| columns.iter().filter_map(|column| row.get(held.seed.column(column)?).cloned()).collect())
            .collect();
        same_rows(&expected, &heard.rows)?;
    }
    Ok(())
}

/// Bytes of content, without Arrow's own overhead.
fn content(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .map(|array| match array.as_string_opt::<i32>() {
            Some(texts) => texts.iter().flatten().map(str::len).sum(),
            None => array.len(),
        })
        .sum()
}

async fn limited(held: &Held<'_>) -> Result<(), Violation> {
    let mut seed = Seed::standard("contract_wide", 40, held.harness.keeps_empty_text());
    let name = seed.column("name").unwrap_or_default();
    for row in &mut seed.rows {
        if let Some(value) = row.get_mut(name) {
            *value = Value::Text("wide ".repeat(400));
        }
    }
    let stream = held.harness.seed(&seed).await?;
    let schema = held.source.describe(&stream).await?;
    let mut read = request(&schema, ReadMode::Full, None, 1000);
    read.batch_bytes = 16 * 1024;
    let heard = hear(held.source, read).await?;
    same_rows(&seed.rows, &heard.rows)?;
    for batch in &heard.batches {
        ensure(batch.num_rows() == 1 || content(batch) <= 16 * 1024, || {
            format!("a batch of {} rows held {} bytes, more than 16384", batch.num_rows(), content(batch))
        })?;
    }
    Ok(())
}

async fn filtered(held: &Held<'_>) -> Result<(), Violation> {
    let schema = held.source.describe(held.stream).await?;
    let zoned = schema
        .column("at")
        .is_some_and(|column| matches!(column.data_type.logical, LogicalType::Timestamp { zoned: true, .. }));
    for filter in filtering::every_filter(zoned) {
        let expected: Vec<Row> = held
            .seed
            .rows
            .iter()
            .filter(|row| filtering::evaluate(&filter, held.seed, row) == Some(true))
            .cloned()
            .collect();
        let mut read = request(&schema, ReadMode::Full, None, 1000);
        read.filter = Some(filter.clone());
        let named = |violation: Violation| Violation::new(format!("{filter:?}: {}", violation.what));
        let heard = hear(held.source, read).await.map_err(named)?;
        same_rows(&expected, &heard.rows).map_err(named)?;
        let counted = held.source.count(held.stream, Some(&filter)).await?;
        ensure(usize::try_from(counted).ok() == Some(expected.len()), || {
            format!("{filter:?}: count says {counted}, due were {}", expected.len())
        })?;
    }
    Ok(())
}

async fn profiled(held: &Held<'_>) -> Result<(), Violation> {
    let counted = held.source.count(held.stream, None).await?;
    ensure(usize::try_from(counted).ok() == Some(ROWS), || format!("count says {counted} rows of {ROWS}"))?;
    let sample = held.source.sample(held.stream, 5).await?;
    ensure(sample.num_rows() == 5, || format!("a sample of 5 rows held {}", sample.num_rows()))?;
    let schema = held.source.describe(held.stream).await?;
    let columns: Vec<String> = schema.columns.iter().map(|column| column.name.clone()).collect();
    agrees(&sample, &columns, &schema)?;
    for row in rows(&sample)? {
        ensure(held.seed.rows.contains(&row), || format!("the sample holds a row that was never seeded: {row:?}"))?;
    }
    let key = held.source.profile_key(held.stream, &["id".to_owned()]).await?;
    ensure(key.duplicates == 0 && key.nulls == 0, || format!("`id` is unique, profiled as {key:?}"))?;
    let key = held.source.profile_key(held.stream, &["active".to_owned()]).await?;
    ensure(key.duplicates > 0 && key.nulls > 0, || format!("`active` repeats and has NULLs, profiled as {key:?}"))?;
    let at = held.seed.column("at").unwrap_or_default();
    let nulls = held.seed.rows.iter().filter(|row| row.get(at) == Some(&Value::Null)).count();
    let cursor = held.source.profile_cursor(held.stream, "at").await?;
    ensure(cursor.sampled || usize::try_from(cursor.nulls).ok() == Some(nulls), || {
        format!("`at` has {nulls} NULLs, profiled as {cursor:?}")
    })?;
    ensure(cursor.minimum.is_some() && cursor.maximum.is_some(), || "`at` was profiled without its ends".to_owned())
}

async fn empty(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let mut seed = Seed::standard("contract_empty", 1, harness.keeps_empty_text());
    seed.rows.clear();
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let heard = hear(source, request(&schema, ReadMode::Full, None, 10)).await?;
    ensure(heard.rows.is_empty(), || "an empty stream delivered rows".to_owned())?;
    ensure(source.count(&stream, None).await? == 0, || "an empty stream counts as more than 0".to_owned())?;
    let sample = source.sample(&stream, 5).await?;
    ensure(sample.num_rows() == 0, || "the sample of an empty stream held rows".to_owned())
}

async fn dropped(held: &Held<'_>) -> Result<(), Violation> {
    let schema = held.source.describe(held.stream).await?;
    let mut items = held.source.read(request(&schema, ReadMode::Full, None, 1)).await?;
    let first = items.next().await;
    ensure(matches!(first, Some(Ok(_))), || "the first item did not come".to_owned())?;
    drop(items);
    drop(held.source.read(request(&schema, ReadMode::Full, None, 1)).await?);
    for _ in 0..100 {
        if held.harness.at_rest().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Violation::new("five seconds after the stream was dropped, the system still works on it"))
}

async fn refused(harness: &dyn SourceHarness) -> Result<(), Violation> {
    let Some(source) = harness.refused()? else { return Ok(()) };
    match source.check().await {
        Err(error) if error.kind == ErrorKind::Auth => Ok(()),
        Err(error) => Err(Violation::new(format!("a wrong credential failed with `{}`, not `auth`", error.kind))),
        Ok(_) => Err(Violation::new("a wrong credential passed the check")),
    }
}

/// Rows added while a full read is under way come all or not at all.
async fn snapshot(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    if !harness.concurrent() {
        return Ok(());
    }
    let seed = Seed::standard("contract_snapshot", 300, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let mut items = source.read(request(&schema, ReadMode::Full, None, 3)).await?;
    let mut delivered = Vec::new();
    while let Some(item) = items.next().await {
        match item? {
            Item::Batch(batch) => {
                if delivered.is_empty() {
                    let late: Vec<Row> =
                        (301..=320).map(|id| super::row::standard_row(id, harness.keeps_empty_text())).collect();
                    harness.append(&stream, &seed, &late).await?;
                }
                delivered.extend(rows(&batch.records)?);
            }
            Item::End(_) => break,
            _ => {}
        }
    }
    ensure(delivered.len() == 300 || delivered.len() == 320, || {
        format!("of 20 rows added during the read, {} came", delivered.len().saturating_sub(300))
    })
}
