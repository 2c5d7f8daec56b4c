//! How a stream is read, and what was measured for it.

use super::bounded;
use super::rows::rows_words;
use super::stream::Work;
use crate::connectors::{Column, CursorProfile, Deletes, NullCursor};
use crate::plan::modes;
use crate::plan::resolution::ResolvedRead;
use crate::plan::shape::clip;
use crate::plan::span::Span;
use crate::plan::spec::{ReadSpec, WriteSpec};

/// Without an index, reading by a cursor gets slow beyond this.
const WORTH_AN_INDEX: u64 = 100_000;

pub(super) async fn resolve(work: &mut Work<'_>) -> Option<ResolvedRead> {
    let before = work.findings.problems.len();
    if work.spec.read != ReadSpec::Incremental {
        unused(work);
    }
    if work.spec.read != ReadSpec::Cdc && matches!(work.spec.deletes, Some(Deletes::Soft | Deletes::Hard)) {
        let message = format!(
            "Deleted rows of `{}` can be seen with `read: cdc` only; `full` with `replace` drops them as well.",
            work.spec.stream
        );
        work.refuse("/deletes", "unsupported_mode", message, Some("ignore".to_owned()));
    }
    let read = match work.spec.read {
        ReadSpec::Full => Some(ResolvedRead::Full),
        ReadSpec::Incremental => incremental(work).await,
        ReadSpec::Cdc => cdc(work).await,
    };
    read.filter(|_| work.findings.problems.len() == before)
}

/// Settings that only mean something with incremental are kept and said to do nothing.
fn unused(work: &mut Work<'_>) {
    let spec = work.spec;
    let given = [
        ("cursor", spec.cursor.is_some()),
        ("lookback", spec.lookback.is_some()),
        ("null_cursor", spec.null_cursor.is_some()),
    ];
    for (setting, _) in given.into_iter().filter(|(_, given)| *given) {
        let message = format!("`{setting}` does nothing here: `{}` is not read incrementally.", spec.stream);
        work.warn(&format!("/{setting}"), "unused_setting", message);
    }
}

async fn incremental(work: &mut Work<'_>) -> Option<ResolvedRead> {
    let stream = work.spec.stream.clone();
    if !work.around.origin.source.abilities().incremental {
        let message = format!("`{}` cannot be read incrementally.", work.around.origin.connection.name);
        work.refuse("/read", "unsupported_mode", message, Some("full".to_owned()));
        return None;
    }
    let lookback = lookback(work);
    let Some(name) = work.spec.cursor.clone() else {
        let best = modes::cursor_candidates(&work.schema).into_iter().next().map(|column| column.name.clone());
        let message =
            format!("`{stream}` is read incrementally but names no cursor: a column that grows with every change.");
        work.refuse("/cursor", "no_cursor", message, best.or(Some("read: full".to_owned())));
        return None;
    };
    // An unknown column has its problem already.
    let column = work.schema.column(&name)?.clone();
    if !column.data_type.logical.is_orderable() {
        let message =
            format!("`{name}` ({}) of `{stream}` has no order that every system agrees on.", column.data_type.spelled);
        let best = modes::cursor_candidates(&work.schema).into_iter().next().map(|column| column.name.clone());
        work.refuse("/cursor", "cursor_not_orderable", message, best);
        return None;
    }
    let profile = match bounded(work.around.origin.source.profile_cursor(&stream, &name)).await {
        Ok(profile) => Some(profile),
        Err(error) => {
            tracing::info!(stream, column = name, kind = %error.kind, cause = ?error.source, "cursor not measured");
            let message = format!("`{name}` could not be measured: {}", error.message);
            work.warn("/cursor", "not_measured", message);
            None
        }
    };
    if let Some(profile) = &profile {
        evidence(work, &column, profile);
    }
    let nulls = null_policy(work, &column, profile.as_ref())?;
    Some(ResolvedRead::Incremental { cursor: name, lookback_seconds: lookback, nulls })
}

fn lookback(work: &mut Work<'_>) -> Option<u64> {
    let text = work.spec.lookback.clone()?;
    let Some(span) = Span::parse(&text) else {
        let message = format!("`{}` is not an ISO 8601 duration.", clip(&text));
        work.refuse("/lookback", "bad_duration", message, Some("PT5M".to_owned()));
        return None;
    };
    if span.months > 0 {
        let message = format!("`{text}` counts months, which are not equally long.");
        work.refuse("/lookback", "bad_duration", message, Some(format!("P{}D", u64::from(span.months) * 31)));
        return None;
    }
    if work.spec.write.is_some_and(|write| write != WriteSpec::Merge) {
        let message = "A lookback reads rows again that were written before; only `merge` does not double them.";
        work.refuse("/lookback", "lookback_needs_merge", message, Some("write: merge".to_owned()));
    }
    let temporal = work.spec.cursor.as_deref().and_then(|name| work.schema.column(name));
    if let Some(column) = temporal.filter(|column| !column.data_type.logical.is_temporal()) {
        let message =
            format!("`{}` ({}) is no time; a lookback is a length of time.", column.name, column.data_type.spelled);
        work.refuse("/lookback", "bad_duration", message, Some("Leave `lookback` out.".to_owned()));
    }
    Some(span.seconds)
}

fn evidence(work: &mut Work<'_>, column: &Column, profile: &CursorProfile) {
    let name = &column.name;
    let of = if profile.sampled { " of a sample" } else { "" };
    let looked = rows_words(profile.rows);
    let nulls = match profile.nulls {
        0 => format!("`{name}` is NULL in none of {looked}{of}."),
        nulls => format!("`{name}` is NULL in {} of {looked}{of}.", rows_words(nulls)),
    };
    work.measured("cursor_nulls", nulls);
    if let Some(distinct) = profile.distinct {
        let ties = profile.rows.saturating_sub(profile.nulls).saturating_sub(distinct);
        let text = match ties {
            0 => format!("No two rows{of} share a value of `{name}`."),
            ties => format!(
                "{} share{} a value of `{name}` with another; such ties are neither lost nor doubled.",
                rows_words(ties),
                if ties == 1 { "s" } else { "" }
            ),
        };
        work.measured("cursor_ties", text);
    }
    let indexed = profile.indexed || column.indexed;
    if indexed {
        work.measured("cursor_index", format!("`{name}` has an index."));
    } else {
        work.measured("cursor_index", format!("`{name}` has no index of its own."));
        if work.schema.summary.rows.unwrap_or(profile.rows) > WORTH_AN_INDEX {
            let message = format!("`{name}` has no index: every run scans all of `{}`.", work.spec.stream);
            work.warn("/cursor", "cursor_not_indexed", message);
        }
    }
}

/// What happens to rows without a cursor value. Where the plan does not say: merging delivers them in every run, which
/// changes nothing when they are the same; appending would double them, so a run that meets one stops, and if there are
/// some already the plan must choose.
fn null_policy(work: &mut Work<'_>, column: &Column, profile: Option<&CursorProfile>) -> Option<NullCursor> {
    let name = &column.name;
    let found = profile.map_or(0, |profile| profile.nulls);
    if let Some(policy) = work.spec.null_cursor {
        if policy == NullCursor::Error && found > 0 {
            let message = format!("`{name}` is NULL in {}; with `error` no run would succeed.", rows_words(found));
            work.refuse("/null_cursor", "cursor_nullable", message, Some("include or exclude".to_owned()));
        }
        if policy == NullCursor::Exclude && found > 0 {
            let message = format!("{} without `{name}` will not be moved.", rows_words(found));
            work.warn("/null_cursor", "rows_left_out", message);
        }
        return Some(policy);
    }
    let merges = match work.spec.write {
        Some(write) => write == WriteSpec::Merge,
        None => !work.spec.key.is_empty() || !work.schema.primary_key.is_empty(),
    };
    match (merges, found) {
        (true, 0) => Some(NullCursor::Include),
        (true, found) => {
            let message = format!("{} have no `{name}`: they are read again in every run.", rows_words(found));
            work.warn("/null_cursor", "cursor_nullable", message);
            Some(NullCursor::Include)
        }
        (false, 0) => {
            if column.nullable {
                work.measured("null_policy", format!("A run that meets a row without `{name}` stops and says so."));
            }
            Some(NullCursor::Error)
        }
        (false, found) => {
            let message = format!(
                "`{name}` is NULL in {}. Appending them in every run would double them; the plan must say what to do.",
                rows_words(found)
            );
            work.refuse("/null_cursor", "cursor_nullable", message, Some("exclude".to_owned()));
            None
        }
    }
}

async fn cdc(work: &mut Work<'_>) -> Option<ResolvedRead> {
    let name = work.around.origin.connection.name.clone();
    let stream = work.spec.stream.clone();
    let able = work.around.origin.source.abilities().cdc;
    let readiness = bounded(work.around.origin.source.cdc_readiness(&stream)).await;
    match readiness {
        Ok(readiness) if readiness.ready && able => {
            let kept = readiness.retained_log.as_deref().and_then(Span::parse).map(Span::words);
            let text = match kept {
                Some(kept) => {
                    format!("`{name}` keeps {kept} of its log; a pause longer than that means reading all anew.")
                }
                None => format!("`{name}` can give changes from its log."),
            };
            work.measured("log_retention", text);
            Some(ResolvedRead::Cdc)
        }
        Ok(readiness) => {
            let code = if able { "cdc_not_ready" } else { "unsupported_mode" };
            let reason = readiness.reason.unwrap_or_else(|| "its connector does not read the log".to_owned());
            let message = format!("Changes of `{stream}` cannot be captured from `{name}`: {reason}.");
            work.refuse("/read", code, message, Some("incremental".to_owned()));
            None
        }
        Err(error) => {
            let message = format!("Whether `{name}` can give changes could not be told: {}", error.message);
            work.refuse("/read", if able { "cdc_not_ready" } else { "unsupported_mode" }, message, error.hint());
            None
        }
    }
}
