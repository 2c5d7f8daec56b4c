//! What a source owes that reads incrementally: nothing lost, ties and NULLs as the contract says.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;

use super::filtering::{evaluate, order};
use super::row::{Row, Seed, Value};
use super::source::{expect_error, hear, request, rows, same_rows};
use super::{SourceHarness, Violation, ensure};
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::connectors::{Cursor, ErrorKind, Item, NullCursor, ReadMode, Source};

pub(super) async fn every_check(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    if !source.abilities().incremental {
        return Ok(());
    }
    again(harness, source).await.map_err(|v| v.in_check("second incremental read"))?;
    from_nothing(harness, source).await.map_err(|v| v.in_check("incremental read of an empty stream"))?;
    null_policies(harness, source).await.map_err(|v| v.in_check("NULL cursors"))?;
    looking_back(harness, source).await.map_err(|v| v.in_check("lookback"))?;
    resumed(harness, source).await.map_err(|v| v.in_check("resume from a checkpoint"))?;
    other_cursors(harness, source).await.map_err(|v| v.in_check("integer, date, decimal and text cursors"))?;
    with_filter(harness, source).await.map_err(|v| v.in_check("incremental read with a filter"))?;
    growing(harness, source).await.map_err(|v| v.in_check("rows added during an incremental read"))
}

fn by(cursor: &str, nulls: NullCursor) -> ReadMode {
    ReadMode::Incremental { cursor: cursor.to_owned(), lookback: None, nulls }
}

fn value<'a>(seed: &Seed, row: &'a Row, column: &str) -> &'a Value {
    seed.column(column).and_then(|index| row.get(index)).unwrap_or(&Value::Null)
}

fn highest(seed: &Seed, rows: &[Row], column: &str) -> Option<Value> {
    rows.iter()
        .map(|row| value(seed, row, column))
        .filter(|value| **value != Value::Null)
        .max_by(|left, right| order(left, right).unwrap_or(Ordering::Equal))
        .cloned()
}

fn at_or_after(value: &Value, bound: Option<&Value>) -> bool {
    bound.is_none_or(|bound| order(value, bound).is_some_and(Ordering::is_ge))
}

/// NULLs first, then by the cursor.
fn in_order(seed: &Seed, rows: &[Row], column: &str) -> Result<(), Violation> {
    let mut before: Option<&Value> = None;
    for row in rows {
        let now = value(seed, row, column);
        let fine = match before {
            None | Some(Value::Null) => true,
            Some(before) => order(before, now).is_some_and(Ordering::is_le),
        };
        ensure(fine, || format!("`{column}` went from {before:?} to {now:?}"))?;
        before = Some(now);
    }
    Ok(())
}

/// A copy of a standard row with another id and time.
fn row_at(seed: &Seed, id: i64, at: Value) -> Row {
    let mut row = super::row::standard_row(id, false);
    if let Some(cell) = seed.column("at").and_then(|index| row.get_mut(index)) {
        *cell = at;
    }
    row
}

fn shifted(value: Option<&Value>, micros: i64) -> Value {
    match value {
        Some(Value::Timestamp(at)) => Value::Timestamp(at + micros),
        _ => Value::Null,
    }
}

async fn again(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let seed = Seed::standard("contract_again", 43, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let read = |after| request(&schema, by("at", NullCursor::Include), after, 10);
    let first = hear(source, read(None)).await?;
    same_rows(&seed.rows, &first.rows)?;
    in_order(&seed, &first.rows, "at")?;
    let Some(end) = first.end else {
        return Err(Violation::new("an incremental read ended without a cursor"));
    };
    let last = highest(&seed, &seed.rows, "at");
    let due = |rows: &[Row]| -> Vec<Row> {
        rows.iter()
            .filter(|row| {
                let at = value(&seed, row, "at");
                *at == Value::Null || at_or_after(at, last.as_ref())
            })
            .cloned()
            .collect()
    };
    // Nothing new: the ties and the NULLs come again, and the cursor does not go back.
    let second = hear(source, read(Some(end))).await?;
    same_rows(&due(&seed.rows), &second.rows)?;
    let Some(end) = second.end else {
        return Err(Violation::new("an incremental read without news ended without a cursor"));
    };
    let news = vec![
        row_at(&seed, 101, shifted(last.as_ref(), 0)),
        row_at(&seed, 102, shifted(last.as_ref(), 1)),
        row_at(&seed, 103, shifted(last.as_ref(), 60_000_000)),
        row_at(&seed, 104, Value::Null),
        row_at(&seed, 105, shifted(last.as_ref(), -1)),
    ];
    harness.append(&stream, &seed, &news).await?;
    let third = hear(source, read(Some(end))).await?;
    let mut all = seed.rows.clone();
    all.extend(news);
    same_rows(&due(&all), &third.rows)?;
    in_order(&seed, &third.rows, "at")
}

async fn from_nothing(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let mut seed = Seed::standard("contract_nothing", 9, harness.keeps_empty_text());
    let rows = std::mem::take(&mut seed.rows);
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let read = |after| request(&schema, by("at", NullCursor::Include), after, 10);
    let first = hear(source, read(None)).await?;
    ensure(first.rows.is_empty(), || "an empty stream delivered rows".to_owned())?;
    harness.append(&stream, &seed, &rows).await?;
    let second = hear(source, read(first.end)).await?;
    same_rows(&rows, &second.rows)
}

async fn null_policies(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let seed = Seed::standard("contract_nulls", 30, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let valued: Vec<Row> = seed.rows.iter().filter(|row| *value(&seed, row, "at") != Value::Null).cloned().collect();
    let heard = hear(source, request(&schema, by("at", NullCursor::Exclude), None, 10)).await?;
    same_rows(&valued, &heard.rows)?;
    let read = request(&schema, by("at", NullCursor::Error), None, 10);
    expect_error(source, read, &[ErrorKind::BadData]).await?;
    let heard = hear(source, request(&schema, by("id", NullCursor::Error), None, 10)).await?;
    same_rows(&seed.rows, &heard.rows)
}

async fn looking_back(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let seed = Seed::standard("contract_lookback", 60, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let mode = ReadMode::Incremental {
        cursor: "at".to_owned(),
        lookback: Some(Duration::from_secs(4)),
        nulls: NullCursor::Exclude,
    };
    let first = hear(source, request(&schema, mode.clone(), None, 10)).await?;
    let last = highest(&seed, &seed.rows, "at");
    let late = row_at(&seed, 201, shifted(last.as_ref(), -3_000_000));
    harness.append(&stream, &seed, std::slice::from_ref(&late)).await?;
    let second = hear(source, request(&schema, mode, first.end, 10)).await?;
    let bound = shifted(last.as_ref(), -4_000_000);
    let mut due: Vec<Row> =
        seed.rows.iter().filter(|row| at_or_after(value(&seed, row, "at"), Some(&bound))).cloned().collect();
    due.push(late);
    same_rows(&due, &second.rows)
}

/// Whatever checkpoint a read was broken off after: what came before it and what comes after going on from it are
/// everything, and only rows that tie with the last one delivered come twice. A runner can drop those and no others.
async fn resumed(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let seed = Seed::standard("contract_resume", 67, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let read = |after| request(&schema, by("at", NullCursor::Include), after, 4);
    let whole = hear(source, read(None)).await?;
    for (delivered, cursor) in &whole.checkpoints {
        let before = whole.rows.get(..*delivered).unwrap_or_default();
        let rest = hear(source, read(Some(cursor.clone()))).await?.rows;
        let last = highest(&seed, before, "at");
        for row in &rest {
            let tie = last.is_some() && Some(value(&seed, row, "at")) == last.as_ref();
            ensure(tie || !before.contains(row), || {
                format!("after going on from the checkpoint at {delivered} rows, {row:?} came again and is no tie")
            })?;
        }
        let mut all = before.to_vec();
        all.extend(rest.into_iter().filter(|row| !before.contains(row)));
        same_rows(&seed.rows, &all)?;
    }
    Ok(())
}

async fn other_cursors(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let seed = Seed::standard("contract_cursors", 50, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    for cursor in ["id", "rank", "day", "amount", "name"] {
        let named = |violation: Violation| Violation::new(format!("by `{cursor}`: {}", violation.what));
        let orderable = schema.column(cursor).is_some_and(|column| column.data_type.logical.is_orderable());
        if !orderable {
            continue;
        }
        let read = |after| request(&schema, by(cursor, NullCursor::Exclude), after, 6);
        let valued: Vec<Row> =
            seed.rows.iter().filter(|row| *value(&seed, row, cursor) != Value::Null).cloned().collect();
        let first = hear(source, read(None)).await.map_err(named)?;
        same_rows(&valued, &first.rows).map_err(named)?;
        in_order(&seed, &first.rows, cursor).map_err(named)?;
        let last = highest(&seed, &seed.rows, cursor);
        let due: Vec<Row> =
            valued.iter().filter(|row| at_or_after(value(&seed, row, cursor), last.as_ref())).cloned().collect();
        let second = hear(source, read(first.end)).await.map_err(named)?;
        same_rows(&due, &second.rows).map_err(named)?;
        for (delivered, at) in first.checkpoints.iter().step_by(3) {
            let mut all = first.rows.get(..*delivered).unwrap_or_default().to_vec();
            let rest = hear(source, read(Some(at.clone()))).await.map_err(named)?.rows;
            all.extend(rest.into_iter().filter(|row| !first.rows.get(..*delivered).unwrap_or_default().contains(row)));
            same_rows(&valued, &all).map_err(named)?;
        }
    }
    Ok(())
}

async fn with_filter(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    let seed = Seed::standard("contract_filtered", 40, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    // An OR at the top: a filter joined to the cursor's bound without brackets would let everything through.
    let equals = |column: &str, text: &str| Filter::Compare {
        left: Operand::Column(column.to_owned()),
        op: Comparison::Equal,
        right: Operand::Literal(Literal::Number(text.to_owned())),
    };
    let filter = Filter::Or(vec![equals("id", "2"), equals("rank", "7"), equals("id", "39")]);
    let read = |after: Option<Cursor>| {
        let mut read = request(&schema, by("at", NullCursor::Include), after, 10);
        read.filter = Some(filter.clone());
        read
    };
    let passing: Vec<Row> =
        seed.rows.iter().filter(|row| evaluate(&filter, &seed, row) == Some(true)).cloned().collect();
    let first = hear(source, read(None)).await?;
    same_rows(&passing, &first.rows)?;
    let second = hear(source, read(first.end)).await?;
    for row in &second.rows {
        ensure(passing.contains(row), || format!("the filter was forgotten on the second read: {row:?}"))?;
    }
    // The bound may stand above the last row that passed the filter, never below one that was not delivered.
    let fresh = row_at(&seed, 201, shifted(highest(&seed, &seed.rows, "at").as_ref(), 5_000_000));
    let passes = evaluate(&filter, &seed, &fresh) == Some(true);
    harness.append(&stream, &seed, std::slice::from_ref(&fresh)).await?;
    let third = hear(source, read(second.end)).await?;
    ensure(third.rows.contains(&fresh) == passes, || "a new row was not judged by the filter".to_owned())
}

async fn growing(harness: &dyn SourceHarness, source: &Arc<dyn Source>) -> Result<(), Violation> {
    if !harness.concurrent() {
        return Ok(());
    }
    let seed = Seed::standard("contract_growing", 200, harness.keeps_empty_text());
    let stream = harness.seed(&seed).await?;
    let schema = source.describe(&stream).await?;
    let last = highest(&seed, &seed.rows, "at");
    let late: Vec<Row> = (0..12).map(|n| row_at(&seed, 301 + n, shifted(last.as_ref(), n * 1000))).collect();
    let mut items = source.read(request(&schema, by("at", NullCursor::Exclude), None, 3)).await?;
    let mut seen: Vec<Row> = Vec::new();
    let mut end = None;
    while let Some(item) = items.next().await {
        match item? {
            Item::Batch(batch) => {
                if seen.is_empty() {
                    harness.append(&stream, &seed, &late).await?;
                }
                seen.extend(rows(&batch.records)?);
            }
            Item::End(said) => end = said.cursor,
            _ => {}
        }
    }
    let second = hear(source, request(&schema, by("at", NullCursor::Exclude), end, 50)).await?;
    let mut all: Vec<Row> = seed.rows.iter().filter(|row| *value(&seed, row, "at") != Value::Null).cloned().collect();
    all.extend(late);
    seen.extend(second.rows.into_iter().filter(|row| !seen.contains(row)).collect::<Vec<_>>());
    same_rows(&all, &seen)
}
