//! Where one row is: at the source, set aside, at the target, and what follows from that. Everything is asked of the
//! systems as they stand now; nothing is kept per row.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::failure::Failure;
use super::mapper::metadata_columns;
use super::quarantine::{self, QuarantineRecord};
use super::record::{self, RunRecord};
use super::state::RunError;
use crate::connectors::filter::Filter;
use crate::connectors::spelling::spell;
use crate::connectors::{
    Column, Deletes, ErrorKind, Item, ItemStream, RUN_ID_COLUMN, ReadMode, ReadRequest, SYNCED_AT_COLUMN, Source,
    evaluate,
};
use crate::events::RunPhase;
use crate::ids::{PlanId, RunId};
use crate::plan::filter::{at_time, parse, render};
use crate::plan::resolution::{ResolvedRead, ResolvedStream, ResolvedWrite};
use crate::plan::{self, ConfirmedPlan};
use crate::store;
use crate::store::quarantine::QuarantineQuery;
use crate::workspace::Workspace;

/// Rows of one key that are looked at, at either end.
const MOST_ROWS: usize = 100;
/// Rows set aside that are looked through.
const MOST_SET_ASIDE: i64 = 10_000;

/// A column and a value of it, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    pub column: String,
    pub value: String,
}

/// What is known of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trace {
    pub run: RunId,
    pub stream: String,
    pub target: String,
    /// Column and value of the source, as they were asked for.
    pub key: Vec<Cell>,
    /// What the source has now.
    pub source: AtSource,
    /// What this pipeline has set aside of it, the newest first.
    pub set_aside: Vec<QuarantineRecord>,
    /// What stands at the target now; absent when it cannot be looked for, and `notes` say why.
    pub at_target: Option<Vec<AtTarget>>,
    /// What could not be looked at, in sentences.
    pub notes: Vec<String>,
    /// What follows, in one sentence.
    pub conclusion: String,
}

/// A row's place at the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AtSource {
    /// Rows with this key.
    pub rows: u64,
    /// Of those, rows that the plan's filter lets through.
    pub passing: u64,
    /// The filter, where the plan has one.
    pub filter: Option<String>,
    /// The first row's cursor, in an incremental read.
    pub cursor: Option<Cell>,
}

/// A row as it stands at the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AtTarget {
    /// The run that wrote it last.
    pub run: Option<String>,
    /// When that run began.
    pub synced_at: Option<String>,
}

/// Why a row cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("there is no such run")]
    NotFound,
    #[error("the run moves {}; say which with --stream", list(.0))]
    WhichStream(Vec<String>),
    #[error("the run does not move `{stream}`; it moves {}", list(.moved))]
    UnknownStream { stream: String, moved: Vec<String> },
    #[error("`{stream}` has no column `{column}`")]
    UnknownColumn { stream: String, column: String },
    #[error("`{stream}` has no key of one column; name the columns, as in --key region=eu --key id=42")]
    NameColumns { stream: String },
    #[error("{0}")]
    Value(String),
    #[error("{}", .0.message)]
    System(RunError),
    #[error(transparent)]
    Plan(#[from] plan::LoadError),
    #[error("the workspace's store cannot be read")]
    Store(#[from] sqlx::Error),
}

impl From<Failure> for TraceError {
    fn from(failure: Failure) -> Self {
        tracing::warn!(cause = ?failure.error.source, "{}", failure.error.message);
        Self::System(failure.shown())
    }
}

impl From<crate::connectors::ConnectorError> for TraceError {
    fn from(error: crate::connectors::ConnectorError) -> Self {
        Failure::from(error).into()
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Looks for the row with this key, as `run` was to move it. Each part of the key is `column=value`, or a value alone where
/// the stream's key has one column.
pub async fn trace(
    workspace: &Workspace,
    run: RunId,
    stream: Option<&str>,
    key: &[String],
) -> Result<Trace, TraceError> {
    let record = record::show(workspace, run).await?.ok_or(TraceError::NotFound)?;
    let plan = plan_of(workspace, &record).await?;
    let moved = chosen(&plan, stream)?;
    let resolution = plan.resolution();
    let mut notes = Vec::new();
    let source = workspace.source(&resolution.source).await.map_err(Failure::from)?;
    let (columns, primary_key, stands) = match source.describe(&moved.stream).await {
        Ok(schema) => (schema.columns, schema.primary_key, true),
        Err(error) if error.kind == ErrorKind::NotFound => {
            notes.push(format!("The source has no `{}` any more.", moved.stream));
            (moved.columns.iter().map(|column| column.source.clone()).collect(), Vec::new(), false)
        }
        Err(error) => return Err(error.into()),
    };
    let own_key = match &moved.write {
        ResolvedWrite::Merge { key, .. } => key,
        ResolvedWrite::Replace | ResolvedWrite::Append => &primary_key,
    };
    let key = parts(&moved.stream, key, own_key, &columns)?;
    let began = record.started_at.as_deref().and_then(store::time).unwrap_or_else(|| workspace.clock.now());
    let at_source =
        if stands { in_source(source.as_ref(), moved, &key, &columns, began).await? } else { AtSource::default() };
    let set_aside = set_aside(workspace, &record, moved, &key).await?;
    let destination = workspace.destination(&resolution.destination).await.map_err(Failure::from)?;
    let at_target = match target_filter(moved, &key) {
        Err(note) => {
            notes.push(note);
            None
        }
        Ok((filter, mut columns)) => {
            columns.extend(metadata_columns(false));
            match destination.read_back(&moved.target, &columns, None).await {
                Ok(rows) => Some(in_target(rows, &filter).await?),
                Err(error) if error.kind == ErrorKind::NotFound => {
                    notes.push(format!("There is no `{}` at the destination.", moved.target));
                    Some(Vec::new())
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let mut found = Trace {
        run,
        stream: moved.stream.clone(),
        target: moved.target.to_string(),
        key,
        source: at_source,
        set_aside,
        at_target,
        notes,
        conclusion: String::new(),
    };
    found.conclusion = conclude(&found, &record, moved);
    Ok(found)
}

async fn plan_of(workspace: &Workspace, record: &RunRecord) -> Result<ConfirmedPlan, TraceError> {
    let row = store::runs::get(workspace.store.pool(), &workspace.id.0, &record.id.to_string()).await?;
    let plan: PlanId = row.and_then(|row| row.plan.parse().ok()).ok_or(TraceError::NotFound)?;
    Ok(plan::offer::confirmed_version(workspace, record.pipeline, plan).await?)
}

fn chosen<'a>(plan: &'a ConfirmedPlan, stream: Option<&str>) -> Result<&'a ResolvedStream, TraceError> {
    let streams = &plan.resolution().streams;
    let moved = || streams.iter().map(|stream| stream.stream.clone()).collect::<Vec<_>>();
    match (stream, streams.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => Err(TraceError::WhichStream(moved())),
        (Some(name), _) => streams
            .iter()
            .find(|stream| stream.stream == name)
            .ok_or_else(|| TraceError::UnknownStream { stream: name.to_owned(), moved: moved() }),
    }
}

fn cell(column: &str, value: &str) -> Cell {
    Cell { column: column.to_owned(), value: value.to_owned() }
}

/// The key as columns and values. What stands before the first `=` is a column where the stream has one of that name.
fn parts(stream: &str, asked: &[String], own_key: &[String], columns: &[Column]) -> Result<Vec<Cell>, TraceError> {
    let is_column = |name: &str| columns.iter().any(|column| column.name == name);
    let named: Vec<Option<(&str, &str)>> =
        asked.iter().map(|part| part.split_once('=').filter(|(name, _)| is_column(name))).collect();
    if let Some(all) = named.iter().copied().collect::<Option<Vec<_>>>() {
        return Ok(all.into_iter().map(|(column, value)| cell(column, value)).collect());
    }
    // What looks like a column is one: a value with such a beginning can be given as `column=value`.
    let stranger = asked.iter().find_map(|part| part.split_once('=').filter(|(name, _)| !is_column(name)));
    let stream = stream.to_owned();
    match (stranger, asked, own_key) {
        (Some((column, _)), ..) => Err(TraceError::UnknownColumn { stream, column: column.to_owned() }),
        (None, [value], [column]) => Ok(vec![cell(column, value)]),
        _ => Err(TraceError::NameColumns { stream }),
    }
}

/// `column = value` for each part, by the rules of a plan's filters.
fn equal<'a>(parts: impl Iterator<Item = (&'a Column, &'a str)>) -> Result<Filter, String> {
    let mut all = Vec::new();
    for (column, value) in parts {
        let name = column.name.replace('"', "\"\"");
        let quoted = format!("\"{name}\" = '{}'", value.replace('\'', "''"));
        let column = std::slice::from_ref(column);
        // Numbers and truth values stand without quotes; which of the two fits, the column's type says.
        let filter = parse(&quoted, column, "/key")
            .or_else(|problems| parse(&format!("\"{name}\" = {value}"), column, "/key").map_err(|_| problems));
        all.push(filter.map_err(|problems| problems.first().map(|one| one.message.clone()).unwrap_or_default())?);
    }
    Ok(Filter::And(all))
}

async fn in_source(
    source: &dyn Source,
    moved: &ResolvedStream,
    key: &[Cell],
    columns: &[Column],
    began: DateTime<Utc>,
) -> Result<AtSource, TraceError> {
    let of_key = key.iter().filter_map(|part| {
        columns.iter().find(|column| column.name == part.column).map(|column| (column, part.value.as_str()))
    });
    let filter = equal(of_key).map_err(TraceError::Value)?;
    let cursor = match &moved.read {
        ResolvedRead::Incremental { cursor, .. } => Some(cursor.clone()),
        ResolvedRead::Full | ResolvedRead::Cdc => None,
    };
    let mut wanted: Vec<String> = key.iter().map(|part| part.column.clone()).collect();
    let filtered = moved.filter.iter().flat_map(Filter::columns).map(str::to_owned);
    for name in filtered.chain(cursor.clone()) {
        if !wanted.contains(&name) {
            wanted.push(name);
        }
    }
    let request = ReadRequest {
        stream: moved.stream.clone(),
        columns: wanted,
        filter: Some(filter),
        mode: ReadMode::Full,
        after: None,
        batch_rows: MOST_ROWS,
        batch_bytes: 1 << 20,
        parallelism: 1,
    };
    let plans = moved.filter.as_ref().map(|filter| at_time(filter, began, columns));
    let mut found = AtSource { filter: moved.filter.as_ref().map(render), ..AtSource::default() };
    let mut rows = source.read(request).await?;
    while let Some(batch) = next_batch(&mut rows).await? {
        found.rows += batch.num_rows() as u64;
        found.passing += match &plans {
            Some(filter) => evaluate(filter, &batch)?.true_count() as u64,
            None => batch.num_rows() as u64,
        };
        if let Some(cursor) = cursor.as_ref().filter(|_| found.cursor.is_none()) {
            found.cursor = text_at(&batch, cursor, 0).map(|value| cell(cursor, &value));
        }
        if found.rows >= MOST_ROWS as u64 {
            break;
        }
    }
    Ok(found)
}

/// The next rows; `None` at the end. What breaks off is an error here as everywhere.
async fn next_batch(rows: &mut ItemStream) -> Result<Option<RecordBatch>, TraceError> {
    loop {
        match rows.next().await {
            Some(Ok(Item::Batch(batch))) => return Ok(Some(batch.records)),
            Some(Ok(Item::End(_))) => return Ok(None),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error.into()),
            None => {
                return Err(Failure::new(ErrorKind::Unreachable, "The rows broke off before their end.").into());
            }
        }
    }
}

fn text_at(batch: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let values = batch.column_by_name(column)?;
    if values.is_null(row) { None } else { spell(values, row) }
}

/// The key as it stands at the target, with the columns to read; or why it cannot be looked for.
fn target_filter(moved: &ResolvedStream, key: &[Cell]) -> Result<(Filter, Vec<Column>), String> {
    let mut written = Vec::new();
    for Cell { column: name, value } in key {
        let column = moved.columns.iter().find(|column| column.source.name == *name);
        let column =
            column.ok_or_else(|| format!("The plan does not move `{name}`, so the target cannot be asked."))?;
        if column.mask.is_some() {
            return Err(format!("`{name}` is masked at the target, so the row cannot be looked for there."));
        }
        written.push((column.written.clone(), value.as_str()));
    }
    let filter = equal(written.iter().map(|(column, value)| (column, *value)))?;
    Ok((filter, written.into_iter().map(|(column, _)| column).collect()))
}

async fn in_target(mut rows: ItemStream, filter: &Filter) -> Result<Vec<AtTarget>, TraceError> {
    let mut found = Vec::new();
    while let Some(batch) = next_batch(&mut rows).await? {
        let fits = evaluate(filter, &batch)?;
        let here = (0..batch.num_rows()).filter(|row| fits.is_valid(*row) && fits.value(*row));
        for row in here {
            let run = batch.column_by_name(RUN_ID_COLUMN).and_then(|runs| runs.as_string_opt::<i32>());
            found.push(AtTarget {
                run: run.filter(|runs| runs.is_valid(row)).map(|runs| runs.value(row).to_owned()),
                synced_at: text_at(&batch, SYNCED_AT_COLUMN, row),
            });
        }
        if found.len() >= MOST_ROWS {
            break;
        }
    }
    Ok(found)
}

async fn set_aside(
    workspace: &Workspace,
    record: &RunRecord,
    moved: &ResolvedStream,
    key: &[Cell],
) -> Result<Vec<QuarantineRecord>, TraceError> {
    let query =
        QuarantineQuery { run: None, pipeline: Some(record.pipeline.to_string()), after: None, limit: MOST_SET_ASIDE };
    let rows = quarantine::list(workspace, &query).await?;
    let named: Vec<(Vec<&str>, &str)> = key
        .iter()
        .map(|Cell { column: name, value }| {
            let target = moved.columns.iter().find(|column| column.source.name == *name);
            (target.map(|column| column.target.as_str()).into_iter().chain([name.as_str()]).collect(), value.as_str())
        })
        .collect();
    let holds = |text: &str| match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(row)) => named.iter().all(|(names, value)| {
            names.iter().find_map(|name| row.get(*name)).is_some_and(|held| {
                // Numbers are kept as JSON numbers.
                held.as_str().map_or_else(|| held.to_string(), str::to_owned) == *value
            })
        }),
        // A row that could not be read as columns is known by its fields alone.
        _ => named
            .iter()
            .all(|(_, value)| text.split([',', ';', '\t', '|']).any(|field| field.trim().trim_matches('"') == *value)),
    };
    Ok(rows.into_iter().filter(|row| row.stream == moved.stream && row.row.as_deref().is_some_and(holds)).collect())
}

fn conclude(found: &Trace, record: &RunRecord, moved: &ResolvedStream) -> String {
    let this = found.run.to_string();
    let written = found.at_target.iter().flatten();
    if written.clone().any(|row| row.run.as_deref() == Some(&*this)) {
        return format!("This run wrote it to `{}`.", found.target);
    }
    let waiting = found.set_aside.iter().find(|row| row.run == found.run && row.replayed_at.is_none());
    if let Some(row) = waiting {
        return format!(
            "This run set it aside: {} Mend it, then `towpath runs quarantine {this} --replay`.",
            row.reason
        );
    }
    if let Some(row) = written.clone().next() {
        let by = row.run.as_deref().map_or_else(|| "something else".to_owned(), |run| format!("run {run}"));
        let gone = match (&moved.write, found.source.rows) {
            (ResolvedWrite::Merge { deletes: Deletes::Ignore, .. } | ResolvedWrite::Append, 0) => {
                " The source no longer has it, and this pipeline follows no deletes."
            }
            _ => "",
        };
        return format!("It stands at `{}`, and {by} wrote it last.{gone}", found.target);
    }
    if let Some(row) = found.set_aside.iter().find(|row| row.replayed_at.is_none()) {
        return format!("Run {} set it aside: {}", row.run, row.reason);
    }
    let source = &found.source;
    match (source.rows, source.passing) {
        (0, _) => "Neither the source nor the target has it now.".to_owned(),
        (_, 0) => format!("The source has it, and the plan's filter leaves it out: {}.", source.filter.as_deref().unwrap_or("")),
        _ if found.at_target.is_none() => "The source has it, and the plan lets it through.".to_owned(),
        _ if record.phase != RunPhase::Completed => {
            "The source has it, and the run has not completed; what it has not committed comes with the next run."
                .to_owned()
        }
        _ => match &source.cursor {
            Some(Cell { column: cursor, value }) => format!(
                "The source has it with `{cursor}` at {value}, and it is not at the target: it came or changed after the run \
                 had read, or its cursor lies before the range that was read. The receipt holds the range; a new run \
                 brings what came later."
            ),
            None => {
                "The source has it, and it is not at the target: it came after the run had read, or was removed from the \
                 target since. A new run brings it."
                    .to_owned()
            }
        },
    }
}
