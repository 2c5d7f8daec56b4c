//! The analyzing phase: looks at a stream as it is now, holds it against the plan, and works out what will be asked of
//! source and destination.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::drift::{Additions, Drift, drift};
use super::failure::Failure;
use super::mapper::{Mapper, MapperParts, metadata_columns};
use crate::connectors::{
    Column, Deletes, Destination, ErrorKind, Landing, LogicalType, ReadMode, ReadRequest, Source, TargetColumn,
    WriteMode, WriteRequest,
};
use crate::plan::filter::at_time;
use crate::plan::resolution::{Resolution, ResolvedColumn, ResolvedRead, ResolvedStream, ResolvedWrite};
use crate::plan::spec::Verify;
use crate::workspace::keys::SigningKey;

/// A stream that still fits its plan, ready to move.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) stream: ResolvedStream,
    /// Without `after`, which the destination's checkpoint says.
    pub(super) read: ReadRequest,
    pub(super) write: WriteRequest,
    pub(super) mapper: Mapper,
    /// Columns as the writer gets them, without metadata columns.
    pub(super) written: Vec<Column>,
    /// For incremental reads that append: place and type of the cursor, and of the columns that tell rows apart.
    pub(super) edge: Option<EdgeColumns>,
    /// Whether raw rows of the source may be kept: not when columns are masked.
    pub(super) keeps_raw_rows: bool,
    /// What the receipt should say besides counts.
    pub(super) notes: Vec<String>,
}

/// Columns of a batch by place, with their types.
#[derive(Clone, Debug)]
pub(super) struct EdgeColumns {
    pub(super) cursor: (usize, LogicalType),
    pub(super) rows: Vec<(usize, LogicalType)>,
}

/// What a run brings to every stream.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) pipeline: String,
    pub(super) run: String,
    pub(super) started_at: DateTime<Utc>,
    pub(super) mask_key: SigningKey,
}

impl Prepared {
    pub(super) fn is_incremental(&self) -> bool {
        !matches!(self.stream.read, ResolvedRead::Full)
    }

    /// Whether rows may pass without anyone looking at their values: nothing is changed, compared or told apart on the way.
    pub(super) fn passes_untouched(&self, verify: Verify) -> bool {
        let unchanged = |column: &ResolvedColumn| {
            column.mask.is_none() && column.cast.is_none() && column.written.data_type == column.source.data_type
        };
        verify != Verify::Checksums
            && self.edge.is_none()
            && matches!(self.read.mode, ReadMode::Full)
            && matches!(self.write.mode, WriteMode::Replace | WriteMode::Append)
            && self.mapper.columns().all(unchanged)
    }

    /// Whether what was committed before the end is of use: a replaced table appears at the end only, and half a copy
    /// must not be appended.
    pub(super) fn commits_midway(&self) -> bool {
        self.is_incremental() || matches!(self.stream.write, ResolvedWrite::Merge { .. })
    }
}

/// Looks at one stream. `additions` says which new columns the plan would take.
pub(super) async fn prepare(
    ground: &Ground,
    resolution: &Resolution,
    stream: &ResolvedStream,
    additions: &Additions,
    ends: (&dyn Source, &dyn Destination),
) -> Result<Prepared, Failure> {
    let (source, destination) = ends;
    refuse_what_cannot_be_right(stream)?;
    let schema = source.describe(&stream.stream).await?;
    let Drift { added, mut notes } = drift(stream, &schema, additions)?;
    let mut columns = stream.columns.clone();
    for column in added {
        match addition(column, &columns, destination) {
            Ok((column, note)) => {
                notes.push(note);
                columns.push(column);
            }
            Err(note) => notes.push(note),
        }
    }

    let mut asked: Vec<String> = columns.iter().map(|column| column.source.name.clone()).collect();
    let cursor = match &stream.read {
        ResolvedRead::Incremental { cursor, .. } => Some(cursor.clone()),
        ResolvedRead::Full | ResolvedRead::Cdc => None,
    };
    let edge = match &cursor {
        Some(name) if stream.write == ResolvedWrite::Append => {
            let column = schema.column(name).ok_or_else(|| no_cursor(name))?;
            Some(edge_columns(stream, column, &mut asked))
        }
        _ => None,
    };
    // Counted from when the run began: every attempt reads the same rows.
    let filter = stream.filter.as_ref().map(|filter| at_time(filter, ground.started_at, &schema.columns));
    let (mode, soft_deletes, key) = write_mode(stream)?;
    let written: Vec<Column> = columns.iter().map(|column| column.written.clone()).collect();
    let mut targets: Vec<TargetColumn> = columns
        .iter()
        .map(|column| TargetColumn { column: column.written.clone(), target_type: column.target_type.clone() })
        .collect();
    for column in metadata_columns(soft_deletes) {
        let target_type = destination.land(&column.data_type)?.target_type;
        targets.push(TargetColumn { column, target_type });
    }
    let keeps_raw_rows = columns.iter().all(|column| column.mask.is_none());
    let mapper = Mapper::new(MapperParts {
        columns: columns.into_iter().enumerate().collect(),
        key,
        soft_deletes,
        run: ground.run.clone(),
        started_at: ground.started_at,
        mask_key: ground.mask_key.clone(),
    });
    Ok(Prepared {
        read: ReadRequest {
            stream: stream.stream.clone(),
            columns: asked,
            filter,
            mode: read_mode(stream),
            after: None,
            batch_rows: resolution.batch_rows.max(1),
            batch_bytes: resolution.batch_bytes.max(1),
            parallelism: resolution.parallelism.max(1),
        },
        write: WriteRequest {
            target: stream.target.clone(),
            columns: targets,
            mode,
            state_key: state_key(&ground.pipeline, resolution, stream),
            run: ground.run.clone(),
            parallelism: resolution.parallelism.max(1),
        },
        stream: stream.clone(),
        mapper,
        written,
        edge,
        keeps_raw_rows,
        notes,
    })
}

/// Validation keeps these away; a runner that carried them out all the same would lose or double rows.
fn refuse_what_cannot_be_right(stream: &ResolvedStream) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Failure::new(ErrorKind::Unsupported, message).advise("Revise the plan."));
    match (&stream.read, &stream.write) {
        (ResolvedRead::Incremental { .. } | ResolvedRead::Cdc, ResolvedWrite::Replace) => {
            refuse("An incremental read brings only what is new and cannot replace a table.")
        }
        (ResolvedRead::Incremental { lookback_seconds: Some(1..), .. }, ResolvedWrite::Append) => {
            refuse("A read that looks back brings rows again, and appending would double them.")
        }
        _ => Ok(()),
    }
}

/// What tells delivered rows from new ones; asks for the cursor if the plan does not move it.
fn edge_columns(stream: &ResolvedStream, cursor: &Column, asked: &mut Vec<String>) -> EdgeColumns {
    let place = asked.iter().position(|column| *column == cursor.name).unwrap_or_else(|| {
        asked.push(cursor.name.clone());
        asked.len() - 1
    });
    let cursor = (place, cursor.data_type.logical.clone());
    // Columns that came later do not count: a row that was delivered before they came is the same row.
    let mut rows: Vec<_> =
        stream.columns.iter().map(|column| column.source.data_type.logical.clone()).enumerate().collect();
    if place >= stream.columns.len() {
        rows.push(cursor.clone());
    }
    EdgeColumns { cursor, rows }
}

fn no_cursor(name: &str) -> Failure {
    Failure::new(ErrorKind::BadData, format!("The source no longer has the cursor column `{name}`."))
        .advise("Revise the plan: choose another cursor.")
}

/// A new column of the source as the plan would have resolved it, with a note that it came, or why it did not.
fn addition(
    column: Column,
    taken: &[ResolvedColumn],
    destination: &dyn Destination,
) -> Result<(ResolvedColumn, String), String> {
    let name = column.name.clone();
    let left_out = |why: &str| format!("The new column `{name}` of the source was left out: {why}.");
    let abilities = destination.abilities();
    let folded = |name: &str| match abilities.folding {
        crate::connectors::Folding::Sensitive => name.to_owned(),
        crate::connectors::Folding::Insensitive => name.to_lowercase(),
    };
    if name.starts_with(crate::connectors::OUR_PREFIX) {
        return Err(left_out("its name is reserved"));
    }
    if name.len() > abilities.identifier_limit {
        return Err(left_out("its name is too long for the destination"));
    }
    if taken.iter().any(|other| folded(&other.target) == folded(&name)) {
        return Err(left_out("another column has this name at the destination"));
    }
    match destination.land(&column.data_type) {
        Ok(Landing { target_type, fidelity, note }) if fidelity != crate::connectors::Fidelity::Lossy => {
            let said = format!("The source has a new column `{name}`; it is moved too, as `{target_type}`.");
            let mut written = column.clone();
            written.nullable = true;
            let resolved = ResolvedColumn {
                source: column,
                target: name,
                written,
                target_type,
                fidelity,
                note,
                mask: None,
                cast: None,
            };
            Ok((resolved, said))
        }
        Ok(_) => Err(left_out("the destination cannot hold its type without loss")),
        Err(_) => Err(left_out("the destination cannot hold its type")),
    }
}

fn read_mode(stream: &ResolvedStream) -> ReadMode {
    match &stream.read {
        ResolvedRead::Full => ReadMode::Full,
        ResolvedRead::Cdc => ReadMode::Cdc,
        ResolvedRead::Incremental { cursor, lookback_seconds, nulls } => ReadMode::Incremental {
            cursor: cursor.clone(),
            lookback: lookback_seconds.filter(|seconds| *seconds > 0).map(std::time::Duration::from_secs),
            nulls: *nulls,
        },
    }
}

/// The writer's mode, whether deletes are marked, and the key by its target names.
fn write_mode(stream: &ResolvedStream) -> Result<(WriteMode, bool, Vec<String>), Failure> {
    Ok(match &stream.write {
        ResolvedWrite::Replace => (WriteMode::Replace, false, Vec::new()),
        ResolvedWrite::Append => (WriteMode::Append, false, Vec::new()),
        ResolvedWrite::Merge { key, deletes } => {
            let target = |name: &String| {
                let column = stream.columns.iter().find(|column| column.source.name == *name);
                column.map(|column| column.target.clone()).ok_or_else(|| {
                    Failure::new(ErrorKind::Bug, format!("The key column `{name}` is not among the columns that move."))
                })
            };
            let key = key.iter().map(target).collect::<Result<Vec<_>, _>>()?;
            (WriteMode::Merge { key: key.clone(), deletes: *deletes }, *deletes == Deletes::Soft, key)
        }
    })
}

/// Names the stream's state at the destination. Whatever decides which rows come, or what becomes of one that comes
/// again, is part of it: under other settings the stream starts anew.
fn state_key(pipeline: &str, resolution: &Resolution, stream: &ResolvedStream) -> String {
    let cursor = match &stream.read {
        ResolvedRead::Incremental { cursor, .. } => Some(cursor),
        ResolvedRead::Full | ResolvedRead::Cdc => None,
    };
    let key = match &stream.write {
        ResolvedWrite::Merge { key, .. } => Some(key),
        ResolvedWrite::Replace | ResolvedWrite::Append => None,
    };
    let settings = json!({
        "source": resolution.source,
        "target": stream.target,
        "cdc": stream.read == ResolvedRead::Cdc,
        "cursor": cursor,
        "filter": stream.filter,
        "key": key,
        "append": stream.write == ResolvedWrite::Append,
        "columns": stream.columns.iter().map(|column| &column.source.name).collect::<Vec<_>>(),
    });
    let digest = Sha256::digest(settings.to_string());
    let mut name = format!("{pipeline}:{}:", stream.stream);
    for byte in digest.iter().take(8) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// The state key under which a row of the quarantine is written after all. Not the stream's own, which changes with the
/// plan's settings: however often it is tried, the row is written once.
pub(super) fn replay_key(pipeline: &str, stream: &str, id: &str) -> String {
    format!("{pipeline}:{stream}:replay:{id}")
}
