//! The plan as a person reads it before saying yes.

use serde_json::json;

use super::filter;
use super::problem::Problem;
use super::resolution::{ResolvedColumn, ResolvedRead, ResolvedStream, ResolvedWrite};
use super::span::count_words;
use super::spec::{MaskSpec, PlanSpec};
use super::validate::{Goal, Namespace, Origin, Outcome};
use crate::connectors::Fidelity;
use crate::events::{
    AssumptionView, ColumnView, EffectView, EndpointView, EvidenceView, PlanView, ScheduleView, StreamView,
};
use crate::workspace::Connection;

/// What the estimate of time is made of: the slower of the two, and a start-up.
const ROWS_A_SECOND: u64 = 50_000;
const BYTES_A_SECOND: u64 = 20_000_000;

pub(super) fn view(
    spec: &PlanSpec,
    (origin, goal): (&Origin, &Goal),
    outcomes: &[Outcome],
    schedule: Option<ScheduleView>,
    warnings: &[Problem],
) -> PlanView {
    let mut effects = Vec::new();
    if let Namespace::New(name) = &goal.namespace {
        effects.push(EffectView {
            kind: "create".to_owned(),
            object: name.clone(),
            text: format!("Create the namespace `{name}` in `{}`.", goal.connection.name),
            destructive: false,
            rows: None,
        });
    }
    effects.extend(outcomes.iter().flat_map(|outcome| outcome.effects.iter().cloned()));
    let sum = |part: fn(&ResolvedStream) -> Option<u64>| {
        outcomes.iter().map(|outcome| part(&outcome.resolved)).sum::<Option<u64>>()
    };
    let seconds: Option<u64> = outcomes.iter().map(|outcome| seconds(&outcome.resolved)).sum();
    PlanView {
        name: spec.name.clone(),
        spec: json!(spec),
        source: endpoint(&origin.connection, None),
        destination: endpoint(&goal.connection, goal.namespace.name()),
        streams: outcomes.iter().map(stream).collect(),
        effects,
        schedule,
        assumptions: spec
            .assumptions
            .iter()
            .map(|assumed| AssumptionView { slot: assumed.slot.clone(), text: assumed.text.clone() })
            .collect(),
        warnings: warnings.iter().map(Into::into).collect(),
        destructive: outcomes.iter().filter_map(|outcome| outcome.destructive.clone()).collect(),
        rows: sum(|stream| stream.rows),
        bytes: sum(|stream| stream.bytes),
        estimated_seconds: seconds,
    }
}

fn endpoint(connection: &Connection, namespace: Option<&str>) -> EndpointView {
    EndpointView {
        connection: connection.name.clone(),
        connector: connection.connector.clone(),
        label: connection.label.clone(),
        namespace: namespace.map(str::to_owned),
    }
}

/// The first run of one stream; `None` where nobody knows how much there is.
fn seconds(stream: &ResolvedStream) -> Option<u64> {
    let by_bytes = stream.bytes.unwrap_or_default() / BYTES_A_SECOND;
    Some(1 + (stream.rows? / ROWS_A_SECOND).max(by_bytes))
}

fn stream(outcome: &Outcome) -> StreamView {
    let resolved = &outcome.resolved;
    let cursor = match &resolved.read {
        ResolvedRead::Incremental { cursor, .. } => Some(cursor.clone()),
        ResolvedRead::Full | ResolvedRead::Cdc => None,
    };
    let key = match &resolved.write {
        ResolvedWrite::Merge { key, .. } => key.clone(),
        ResolvedWrite::Replace | ResolvedWrite::Append => Vec::new(),
    };
    let mut evidence = outcome.evidence.clone();
    if let Some(seconds) = seconds(resolved) {
        let text = format!(
            "About {} s for the first run, at {} rows a second or {} MB a second, whichever is slower.",
            count_words(seconds),
            count_words(ROWS_A_SECOND),
            BYTES_A_SECOND / 1_000_000
        );
        evidence.push(EvidenceView { code: "time_estimate".to_owned(), text });
    }
    StreamView {
        stream: resolved.stream.clone(),
        target: resolved.target.to_string(),
        read: read_word(&resolved.read).to_owned(),
        write: write_word(&resolved.write).to_owned(),
        cursor,
        key,
        filter: resolved.filter.as_ref().map(filter::render),
        columns: resolved.columns.iter().map(column).collect(),
        evidence,
        rows: resolved.rows,
        bytes: resolved.bytes,
    }
}

fn read_word(read: &ResolvedRead) -> &'static str {
    match read {
        ResolvedRead::Full => "full",
        ResolvedRead::Incremental { .. } => "incremental",
        ResolvedRead::Cdc => "cdc",
    }
}

fn write_word(write: &ResolvedWrite) -> &'static str {
    match write {
        ResolvedWrite::Replace => "replace",
        ResolvedWrite::Append => "append",
        ResolvedWrite::Merge { .. } => "merge",
    }
}

/// `exact`, `lossless` or `lossy`.
pub(super) fn verdict(fidelity: Fidelity) -> &'static str {
    match fidelity {
        Fidelity::Exact => "exact",
        Fidelity::Lossless => "lossless",
        Fidelity::Lossy => "lossy",
    }
}

pub(super) fn column(column: &ResolvedColumn) -> ColumnView {
    let mask = column.mask.map(|mask| {
        let word = match mask {
            MaskSpec::Hash => "hash",
            MaskSpec::Redact => "redact",
            MaskSpec::Partial => "partial",
            MaskSpec::Null => "null",
        };
        format!("mask: {word}")
    });
    let cast = column.cast.as_ref().map(|cast| format!("cast: {cast}"));
    let changes: Vec<String> = mask.into_iter().chain(cast).collect();
    ColumnView {
        source: column.source.name.clone(),
        source_type: column.source.data_type.spelled.clone(),
        target: column.target.clone(),
        target_type: column.target_type.clone(),
        verdict: verdict(column.fidelity).to_owned(),
        note: column.note.clone(),
        change: (!changes.is_empty()).then(|| changes.join(", ")),
    }
}
