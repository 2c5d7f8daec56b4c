//! A plan in plain English.

use std::fmt::Write as _;

use super::schedule::Timetable;
use super::span::Span;
use super::spec::{MaskSpec, PlanSpec, ReadSpec, StreamSpec, WriteSpec};
use crate::catalog::nearest;
use crate::connectors::{Deletes, NullCursor};

/// Says what a plan does, stream by stream, with what is left out, changed and taken for granted.
pub fn explain(spec: &PlanSpec) -> String {
    let place = match &spec.destination.namespace {
        Some(namespace) => format!("`{namespace}` in `{}`", spec.destination.connection),
        None => format!("`{}`", spec.destination.connection),
    };
    let count = match spec.streams.len() {
        1 => "one stream".to_owned(),
        more => format!("{more} streams"),
    };
    let mut lines = vec![format!("`{}` moves {count} from `{}` to {place}.", spec.name, spec.source.connection)];
    lines.extend(spec.streams.iter().map(stream));
    lines.push(when(spec));
    for assumption in &spec.assumptions {
        lines.push(format!("Assumed: {}.", assumption.text.trim_end_matches('.')));
    }
    lines.join("\n")
}

fn when(spec: &PlanSpec) -> String {
    match spec.schedule.as_ref().map(Timetable::parse) {
        None => "It runs on demand.".to_owned(),
        Some(Ok(timetable)) => format!("It runs {}.", timetable.describe()),
        Some(Err(_)) => "Its schedule cannot be read.".to_owned(),
    }
}

fn stream(spec: &StreamSpec) -> String {
    let mut text = format!("- `{}`", spec.stream);
    if let Some(target) = &spec.target {
        let _ = write!(text, " as `{target}`");
    }
    text.push_str(": ");
    text.push_str(&reading(spec));
    text.push_str(&writing(spec));
    text.push('.');
    if let Some(filter) = &spec.filter {
        let _ = write!(text, " Only rows where {filter}.");
    }
    if !spec.select.is_empty() {
        let _ = write!(text, " Only the columns {}.", nearest::list(spec.select.iter().map(String::as_str), 20));
    }
    if !spec.exclude.is_empty() {
        let _ = write!(text, " Without {}.", nearest::list(spec.exclude.iter().map(String::as_str), 20));
    }
    for (from, to) in &spec.rename {
        let _ = write!(text, " `{from}` is called `{to}`.");
    }
    for (column, to) in &spec.cast {
        let _ = write!(text, " `{column}` becomes {to}.");
    }
    for (column, mask) in &spec.mask {
        let how = match mask {
            MaskSpec::Hash => "hashed",
            MaskSpec::Redact => "redacted",
            MaskSpec::Partial => "partly hidden",
            MaskSpec::Null => "emptied",
        };
        let _ = write!(text, " `{column}` is {how}.");
    }
    text
}

fn reading(spec: &StreamSpec) -> String {
    match spec.read {
        ReadSpec::Full => "every run reads all rows".to_owned(),
        ReadSpec::Cdc => {
            let deletes = match spec.deletes.unwrap_or(Deletes::Ignore) {
                Deletes::Ignore => "deletes are ignored",
                Deletes::Soft => "deleted rows are marked",
                Deletes::Hard => "deleted rows are removed",
            };
            format!("changes are read from the source's log ({deletes})")
        }
        ReadSpec::Incremental => {
            let cursor = spec.cursor.as_deref().unwrap_or("?");
            let lookback = spec.lookback.as_deref().and_then(Span::parse).map(Span::words);
            let again = lookback.map(|span| format!(", and the last {span} again")).unwrap_or_default();
            let nulls = match spec.null_cursor {
                None => String::new(),
                Some(NullCursor::Include) => "; rows without one come every time".to_owned(),
                Some(NullCursor::Exclude) => "; rows without one are left out".to_owned(),
                Some(NullCursor::Error) => "; a row without one stops the run".to_owned(),
            };
            format!("every run reads rows whose `{cursor}` is new{again}{nulls}")
        }
    }
}

fn writing(spec: &StreamSpec) -> String {
    let by_key = match spec.key.as_slice() {
        [] => " by the primary key".to_owned(),
        key => format!(" by {}", nearest::list(key.iter().map(String::as_str), 8)),
    };
    match spec.write {
        Some(WriteSpec::Replace) => " and replaces the table".to_owned(),
        Some(WriteSpec::Append) => " and adds them to the table".to_owned(),
        Some(WriteSpec::Merge) => format!(" and merges them{by_key}"),
        None if spec.read == ReadSpec::Full => " and replaces the table".to_owned(),
        None if !spec.key.is_empty() => format!(" and merges them{by_key}"),
        None => " and merges them by the primary key, or adds them where there is none".to_owned(),
    }
}
