//! Which ways of reading and writing suit a stream, and on what evidence.

use serde::Serialize;

use super::Problem;
use super::mapping::described;
use super::validate::{Origin, bounded};
use crate::connectors::{Column, CursorProfile, DestinationAbilities, LogicalType, StreamSchema};
use crate::events::EvidenceView;
use crate::plan::span::count_words;
use crate::workspace::Workspace;

/// A stream this small is read whole faster than its changes are worked out.
const SMALL: u64 = 10_000;
/// So many columns are measured as cursors.
const MEASURED: usize = 2;

/// What a stream could be moved with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModeProposals {
    /// Best first.
    pub proposals: Vec<ModeProposal>,
    pub refused: Vec<RefusedMode>,
    pub cdc: CdcView,
    pub primary_key: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModeProposal {
    pub read: &'static str,
    pub write: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookback: Option<String>,
    pub why: String,
    pub evidence: Vec<EvidenceView>,
}

/// A way that does not work here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefusedMode {
    pub read: &'static str,
    pub code: &'static str,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CdcView {
    pub ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a cursor column tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tells {
    /// That a row changed.
    Change,
    /// That a row was added.
    Addition,
}

/// Columns that could be a cursor, best first: those that say when a row changed before those that say when it was added.
pub(super) fn cursor_candidates(schema: &StreamSchema) -> Vec<&Column> {
    candidates(schema).into_iter().map(|(_, column)| column).collect()
}

fn candidates(schema: &StreamSchema) -> Vec<(Tells, &Column)> {
    let mut found: Vec<(Tells, u8, &Column)> = schema
        .columns
        .iter()
        .filter_map(|column| rank(column, schema).map(|(tells, rank)| (tells, rank, column)))
        .collect();
    found.sort_by_key(|(tells, rank, column)| (*tells, *rank, column.nullable, !column.indexed));
    found.into_iter().map(|(tells, _, column)| (tells, column)).collect()
}

fn rank(column: &Column, schema: &StreamSchema) -> Option<(Tells, u8)> {
    let logical = &column.data_type.logical;
    if !logical.is_orderable() {
        return None;
    }
    let name = column.name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let timed = matches!(logical, LogicalType::Timestamp { .. } | LogicalType::Date);
    // Some systems keep times as text or as numbers of seconds.
    let maybe_timed = timed || matches!(logical, LogicalType::Text | LogicalType::Int64 | LogicalType::Int32);
    let exact = matches!(name.as_str(), "updated_at" | "modified_at" | "last_modified" | "updated" | "modified");
    if maybe_timed && exact {
        return Some((Tells::Change, u8::from(!timed)));
    }
    if maybe_timed && has(&["updat", "modif", "chang", "mtime", "last_edit"]) && !has(&["_by", "user", "_id"]) {
        return Some((Tells::Change, 2 + u8::from(!timed)));
    }
    if timed && has(&["creat", "insert", "added", "ingest", "occurr", "event", "logged", "placed"]) {
        return Some((Tells::Addition, 0));
    }
    if timed {
        return Some((Tells::Addition, 1 + u8::from(*logical == LogicalType::Date)));
    }
    let whole = matches!(logical, LogicalType::Int64 | LogicalType::Int32 | LogicalType::UInt32 | LogicalType::UInt64);
    (whole && schema.primary_key == [column.name.as_str()]).then_some((Tells::Addition, 3))
}

/// Proposes how to move a stream. The error is that of the connection or stream that cannot be had.
pub async fn propose_modes(
    workspace: &Workspace,
    source: &str,
    stream: &str,
    destination: Option<&str>,
) -> Result<ModeProposals, Problem> {
    let (origin, schema) = described(workspace, source, stream).await?;
    let abilities = match destination {
        None => None,
        Some(name) => {
            let opened = workspace.destination(name).await;
            Some(opened.map_err(|error| Problem::of_workspace("/destination/connection", &error))?.abilities())
        }
    };
    let mut answer = ModeProposals {
        proposals: Vec::new(),
        refused: Vec::new(),
        cdc: CdcView { ready: false, reason: None },
        primary_key: schema.primary_key.clone(),
    };
    cdc(&origin, &schema, &mut answer).await;
    incremental(&origin, &schema, &mut answer).await;
    full(&schema, &mut answer);
    if let Some(abilities) = abilities {
        possible(&mut answer, &abilities);
    }
    Ok(answer)
}

async fn cdc(origin: &Origin, schema: &StreamSchema, answer: &mut ModeProposals) {
    let stream = &schema.summary.stream;
    let able = origin.source.abilities().cdc;
    let readiness = bounded(origin.source.cdc_readiness(stream)).await;
    let (ready, reason) = match readiness {
        Ok(readiness) => (readiness.ready && able, readiness.reason),
        Err(error) => (false, Some(error.message)),
    };
    let reason = if ready { None } else { reason.or(Some("its connector does not read the log".to_owned())) };
    if ready && !schema.primary_key.is_empty() {
        answer.proposals.push(ModeProposal {
            read: "cdc",
            write: "merge",
            cursor: None,
            key: schema.primary_key.clone(),
            lookback: None,
            why: "Every change arrives soon after it is made, deletes included.".to_owned(),
            evidence: Vec::new(),
        });
    }
    if let Some(reason) = &reason {
        let code = if able { "cdc_not_ready" } else { "unsupported_mode" };
        answer.refused.push(RefusedMode { read: "cdc", code, why: reason.clone() });
    }
    answer.cdc = CdcView { ready, reason };
}

async fn incremental(origin: &Origin, schema: &StreamSchema, answer: &mut ModeProposals) {
    let stream = &schema.summary.stream;
    let mut refuse = |code, why: String| answer.refused.push(RefusedMode { read: "incremental", code, why });
    if !origin.source.abilities().incremental {
        return refuse("unsupported_mode", format!("`{}` cannot be read incrementally.", origin.connection.name));
    }
    let found = candidates(schema);
    if found.is_empty() {
        return refuse("no_cursor", format!("`{stream}` has no column that grows with every change or addition."));
    }
    let keyless = schema.primary_key.is_empty();
    if keyless {
        refuse(
            "no_key",
            format!("`{stream}` has no primary key, so changed rows cannot be merged unless a key is named."),
        );
    }
    // What tells of additions alone is second choice, and noise beside what tells of changes.
    let best = found.first().map(|(tells, _)| *tells);
    for (tells, column) in found.into_iter().filter(|(tells, _)| Some(*tells) == best).take(MEASURED) {
        let profile = bounded(origin.source.profile_cursor(stream, &column.name)).await.ok();
        let merges = tells == Tells::Change && !keyless;
        let name = &column.name;
        let why = match (tells, keyless) {
            (Tells::Change, false) => {
                format!("Only rows whose `{name}` is new are read, and replace their older selves.")
            }
            (Tells::Change, true) => format!("Only rows whose `{name}` is new are read; a changed row is added again."),
            (Tells::Addition, _) => {
                format!("Only rows whose `{name}` is new are added. Later changes of a row are not seen.")
            }
        };
        let temporal = matches!(column.data_type.logical, LogicalType::Timestamp { .. });
        answer.proposals.push(ModeProposal {
            read: "incremental",
            write: if merges { "merge" } else { "append" },
            cursor: Some(name.clone()),
            key: if merges { schema.primary_key.clone() } else { Vec::new() },
            lookback: (merges && temporal).then(|| "PT5M".to_owned()),
            why,
            evidence: profile.map(|profile| evidence(column, &profile)).unwrap_or_default(),
        });
    }
}

fn evidence(column: &Column, profile: &CursorProfile) -> Vec<EvidenceView> {
    let name = &column.name;
    let of = if profile.sampled { "sampled rows" } else { "rows" };
    let mut found = vec![EvidenceView {
        code: "cursor_nulls".to_owned(),
        text: format!("`{name}` is NULL in {} of {} {of}.", count_words(profile.nulls), count_words(profile.rows)),
    }];
    if let Some(distinct) = profile.distinct {
        let text = format!("It has {} different values.", count_words(distinct));
        found.push(EvidenceView { code: "cursor_ties".to_owned(), text });
    }
    let text = if profile.indexed || column.indexed { "It has an index." } else { "It has no index of its own." };
    found.push(EvidenceView { code: "cursor_index".to_owned(), text: text.to_owned() });
    found
}

/// A full read always works; it comes first where the stream is small or nothing tells of changes.
fn full(schema: &StreamSchema, answer: &mut ModeProposals) {
    let rows = schema.summary.rows;
    let small = rows.is_some_and(|rows| rows <= SMALL);
    let size = rows.map(|rows| format!(" There are about {} rows.", count_words(rows))).unwrap_or_default();
    let proposal = ModeProposal {
        read: "full",
        write: "replace",
        cursor: None,
        key: Vec::new(),
        lookback: None,
        why: format!("Every run reads all rows, so changes and deletes all arrive.{size}"),
        evidence: Vec::new(),
    };
    let merges = answer.proposals.iter().filter(|proposal| proposal.write == "merge").count();
    let place = if small { 0 } else { merges };
    answer.proposals.insert(place, proposal);
}

/// Takes away what the destination cannot do, and says so.
fn possible(answer: &mut ModeProposals, abilities: &DestinationAbilities) {
    let can = |write: &str| match write {
        "replace" => abilities.replace,
        "merge" => abilities.merge,
        _ => abilities.append,
    };
    let mut refused = Vec::new();
    answer.proposals.retain(|proposal| {
        if !can(proposal.write) {
            let why = format!("The destination cannot {}.", proposal.write);
            refused.push(RefusedMode { read: proposal.read, code: "unsupported_mode", why });
        }
        can(proposal.write)
    });
    refused.dedup();
    answer.refused.extend(refused);
}
