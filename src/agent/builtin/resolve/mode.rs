//! How each stream is read and written, on the evidence of the source.

use super::work::Work;
use super::{Found, Going, Request, Stop};
use crate::agent::builtin::knowledge::{ColumnKind, Known, Modes, all};
use crate::agent::builtin::link::column::Columns;
use crate::agent::builtin::step::{ask, obstacle};
use crate::connectors::Deletes;
use crate::plan::spec::{ReadSpec, WriteSpec};

/// So many streams are weighed in one turn.
const WEIGHED: usize = 24;

/// What stands in the way of reading as was asked.
pub(super) fn obstacles(request: &Request<'_>, found: &mut Found, works: &mut [Work]) -> Going<()> {
    inherit(request, works);
    let weighed: Vec<usize> =
        works.iter().enumerate().filter(|(_, work)| weighs(work)).map(|(index, _)| index).collect();
    if weighed.len() > WEIGHED {
        let text = format!(
            "{} streams are too many to weigh one by one in one turn. Should they be copied in full, or which ones are meant?",
            weighed.len()
        );
        return Err(Stop::Take(ask("streams.mode", text, vec![("Full copies".to_owned(), "full refresh".to_owned())])));
    }
    let modes = all(works.iter().map(|work| {
        if weighs(work) { request.know.modes(&found.source, &work.spec.stream, None).map(Some) } else { Ok(None) }
    }))?;
    for (work, modes) in works.iter_mut().zip(modes) {
        let Some(modes) = modes else { continue };
        deletions(found, work, &modes)?;
        match work.spec.read {
            ReadSpec::Cdc => capture(found, work, &modes)?,
            ReadSpec::Incremental => cursor(found, work, &modes)?,
            ReadSpec::Full => {}
        }
    }
    Ok(())
}

fn weighs(work: &Work) -> bool {
    match work.spec.read {
        ReadSpec::Cdc => true,
        ReadSpec::Incremental => work.spec.cursor.is_none() || work.read_said || work.added,
        ReadSpec::Full => work.deletes_said && work.spec.deletes != Some(Deletes::Ignore),
    }
}

/// A stream that joins others which are all read in one way is read so too.
fn inherit(request: &Request<'_>, works: &mut [Work]) {
    if request.draft.plan.is_none() {
        return;
    }
    let reads: Vec<ReadSpec> = works.iter().filter(|work| !work.added).map(|work| work.spec.read).collect();
    let Some(read) =
        reads.first().copied().filter(|read| *read != ReadSpec::Full && reads.iter().all(|other| other == read))
    else {
        return;
    };
    for work in works.iter_mut().filter(|work| work.added && !work.read_said) {
        work.spec.read = read;
    }
}

/// Deleted rows are seen in the log alone.
fn deletions(found: &mut Found, work: &mut Work, modes: &Modes) -> Going<()> {
    let wanted = work.deletes_said && work.spec.deletes.is_some_and(|deletes| deletes != Deletes::Ignore);
    if !wanted || work.spec.read == ReadSpec::Cdc {
        return Ok(());
    }
    let stream = work.spec.stream.clone();
    if !work.read_said && modes.cdc_ready {
        work.spec.read = ReadSpec::Cdc;
        found.assume("streams.mode", format!("`{stream}` is read from the log, since deletes are seen only there."));
        return Ok(());
    }
    if work.spec.read == ReadSpec::Full {
        work.spec.deletes = None;
        found.assume(
            "streams.mode",
            format!("A full copy replaces the table of `{stream}`, so deleted rows go by themselves."),
        );
        return Ok(());
    }
    let text = format!(
        "An incremental read of `{stream}` does not see deleted rows; only change capture or a full copy does. Which should it be?"
    );
    let mut options = vec![
        ("Full copy".to_owned(), "full refresh".to_owned()),
        ("Ignore deletes".to_owned(), "ignore deletes".to_owned()),
    ];
    if modes.cdc_ready {
        options.insert(0, ("Change capture".to_owned(), "use cdc".to_owned()));
    }
    Err(Stop::Take(ask("streams.mode", text, options)))
}

fn capture(found: &mut Found, work: &mut Work, modes: &Modes) -> Going<()> {
    let stream = work.spec.stream.clone();
    if !modes.cdc_ready
        && let Some(read) = work.otherwise.filter(|read| *read != ReadSpec::Cdc)
    {
        work.spec.read = read;
        work.spec.deletes = None;
        found.assume(
            "streams.mode",
            format!("Changes of `{stream}` cannot be captured now, so it is read in the other way that you named."),
        );
        return if read == ReadSpec::Incremental { cursor(found, work, modes) } else { Ok(()) };
    }
    if !modes.cdc_ready {
        let refused = modes.refused.iter().find(|(read, ..)| read == "cdc");
        let code = refused
            .map_or("cdc_not_ready", |(_, code, _)| if code.is_empty() { "cdc_not_ready" } else { code.as_str() });
        let why = modes.cdc_reason.clone().or_else(|| refused.map(|(_, _, why)| why.clone())).unwrap_or_default();
        let text = format!(
            "Changes of `{stream}` cannot be captured from `{}` now: {}.",
            found.source,
            why.trim_end_matches('.')
        );
        let mut options = Vec::new();
        if let Some(proposal) = modes.proposals.iter().find(|proposal| proposal.read == "incremental") {
            let by = proposal.cursor.as_ref().map_or_else(String::new, |cursor| format!(" by {cursor}"));
            options.push((format!("Incremental{by}"), format!("incremental{by}")));
        }
        options.push(("Full copy".to_owned(), "full refresh".to_owned()));
        return Err(Stop::Take(obstacle(code, text, options)));
    }
    if work.spec.key.is_empty() && modes.primary_key.is_empty() && work.spec.write != Some(WriteSpec::Append) {
        let text = format!(
            "`{stream}` has no primary key, so its changes cannot be matched to rows. Which columns identify a row?"
        );
        return Err(Stop::Take(ask("streams.key", text, Vec::new())));
    }
    if work.spec.key.is_empty() && work.spec.write != Some(WriteSpec::Append) {
        work.spec.key.clone_from(&modes.primary_key);
    }
    Ok(())
}

fn cursor(found: &mut Found, work: &mut Work, modes: &Modes) -> Going<()> {
    let stream = work.spec.stream.clone();
    let proposals: Vec<_> =
        modes.proposals.iter().filter(|proposal| proposal.read == "incremental" && proposal.cursor.is_some()).collect();
    if work.spec.cursor.is_none() {
        let Some(proposal) = proposals.first() else {
            let refused = modes.refused.iter().find(|(read, code, _)| read == "incremental" && code != "no_key");
            let (code, why) = refused.map_or(("no_cursor", ""), |(_, code, why)| (code.as_str(), why.as_str()));
            if found.wildcard || (work.added && !work.read_said) {
                work.spec.read = ReadSpec::Full;
                work.spec.write = None;
                found.assume(
                    "streams.mode",
                    format!("`{stream}` is copied whole, since nothing in it tells what is new."),
                );
                return Ok(());
            }
            let text = if why.is_empty() {
                format!("`{stream}` has no column that tells what is new.")
            } else {
                why.to_owned()
            };
            let name = stream.rsplit('.').next().unwrap_or(&stream).to_owned();
            let several = found.streams.len() > 1;
            let mut options = vec![(
                "Full copy".to_owned(),
                if several { format!("full refresh for {name}") } else { "full refresh".to_owned() },
            )];
            if several {
                options.push((format!("Without `{name}`"), format!("without {name}")));
            }
            return Err(Stop::Take(obstacle(code, text, options)));
        };
        let cursor = proposal.cursor.clone().unwrap_or_default();
        found.assume("streams.cursor", format!("`{cursor}` tells what is new in `{stream}`. {}", proposal.why));
        work.spec.cursor = Some(cursor);
    }
    Ok(())
}

/// Keys and ways of writing.
pub(super) fn settle(request: &Request<'_>, found: &mut Found, works: &mut [Work], columns: &Columns) -> Going<()> {
    for work in works.iter_mut() {
        let stream = work.spec.stream.clone();
        let keyed = primary_key(request, found, work, columns)?;
        if work.spec.write.is_none() {
            work.spec.write = Some(match work.spec.read {
                ReadSpec::Full => WriteSpec::Replace,
                ReadSpec::Cdc => WriteSpec::Merge,
                ReadSpec::Incremental if !work.spec.key.is_empty() || !keyed.is_empty() => WriteSpec::Merge,
                ReadSpec::Incremental => {
                    found.assume(
                        "streams.mode",
                        format!(
                            "`{stream}` has no primary key, so new rows are appended; a changed row is added again."
                        ),
                    );
                    WriteSpec::Append
                }
            });
        }
        if work.spec.lookback.is_some()
            && work.spec.write == Some(WriteSpec::Append)
            && !work.write_said
            && !keyed.is_empty()
        {
            work.spec.write = Some(WriteSpec::Merge);
        }
        if work.spec.write == Some(WriteSpec::Merge) && work.spec.key.is_empty() {
            if keyed.is_empty() {
                return Err(Stop::Take(which_key(&stream, columns)));
            }
            work.spec.key = keyed;
        }
    }
    Ok(())
}

/// The stream's own key, where it is wanted.
fn primary_key(request: &Request<'_>, found: &Found, work: &Work, columns: &Columns) -> Known<Vec<String>> {
    let wanted =
        work.spec.key.is_empty() && (work.spec.read != ReadSpec::Full || work.spec.write == Some(WriteSpec::Merge));
    if !wanted {
        return Ok(Vec::new());
    }
    if let Some(schema) = columns.schemas().iter().find(|schema| schema.stream == work.spec.stream) {
        return Ok(schema.primary_key.clone());
    }
    if weighs(work) {
        return Ok(request.know.modes(&found.source, &work.spec.stream, None)?.primary_key);
    }
    Ok(request.know.schema(&found.source, &work.spec.stream)?.primary_key)
}

fn which_key(stream: &str, columns: &Columns) -> crate::agent::builtin::step::Step {
    let schema = columns.schemas().iter().find(|schema| schema.stream == stream);
    let mut names: Vec<&str> = schema
        .map(|schema| {
            let mut likely: Vec<_> = schema
                .columns
                .iter()
                .filter(|column| !matches!(column.kind, ColumnKind::Boolean | ColumnKind::Other))
                .collect();
            likely.sort_by_key(|column| {
                let name = column.name.to_lowercase();
                let id = name == "id"
                    || name.ends_with("_id")
                    || name.ends_with("id")
                    || name.contains("uuid")
                    || name.contains("key");
                (!id, column.nullable)
            });
            likely.into_iter().map(|column| column.name.as_str()).collect()
        })
        .unwrap_or_default();
    names.truncate(4);
    let mut options: Vec<(String, String)> =
        names.iter().map(|name| ((*name).to_owned(), format!("key {name}"))).collect();
    options.push(("Append instead".to_owned(), "append, without a key".to_owned()));
    ask("streams.key", format!("`{stream}` has no primary key. Which columns identify a row?"), options)
}
