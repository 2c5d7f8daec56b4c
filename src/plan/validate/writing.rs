//! How a stream is written, and whether its key identifies a row.

use super::bounded;
use super::rows::rows_words;
use super::stream::Work;
use crate::catalog::nearest;
use crate::connectors::{Deletes, DestinationAbilities, KeyProfile};
use crate::plan::resolution::{ResolvedColumn, ResolvedWrite};
use crate::plan::spec::{MaskSpec, ReadSpec, WriteSpec};

pub(super) async fn resolve(work: &mut Work<'_>, columns: &[ResolvedColumn]) -> Option<ResolvedWrite> {
    let before = work.findings.problems.len();
    let abilities = work.around.goal.map(|goal| goal.abilities.clone());
    let mode = mode(work, abilities.as_ref())?;
    let write = match mode {
        WriteSpec::Replace => Some(ResolvedWrite::Replace),
        WriteSpec::Append => Some(ResolvedWrite::Append),
        WriteSpec::Merge => merge(work, columns).await,
    };
    if mode != WriteSpec::Merge && !work.spec.key.is_empty() {
        let message = format!("`key` does nothing here: `{}` is not merged.", work.spec.stream);
        work.warn("/key", "unused_setting", message);
    }
    write.filter(|_| work.findings.problems.len() == before)
}

fn word(mode: WriteSpec) -> &'static str {
    match mode {
        WriteSpec::Replace => "replace",
        WriteSpec::Append => "append",
        WriteSpec::Merge => "merge",
    }
}

fn able(abilities: Option<&DestinationAbilities>, mode: WriteSpec) -> bool {
    abilities.is_none_or(|abilities| match mode {
        WriteSpec::Replace => abilities.replace,
        WriteSpec::Append => abilities.append,
        WriteSpec::Merge => abilities.merge,
    })
}

/// The mode that the plan asks for, or the default that the destination can do.
fn mode(work: &mut Work<'_>, abilities: Option<&DestinationAbilities>) -> Option<WriteSpec> {
    let at = work.around.goal.map(|goal| goal.connection.name.clone()).unwrap_or_default();
    let stream = work.spec.stream.clone();
    let keyed = !work.spec.key.is_empty() || !work.schema.primary_key.is_empty();
    let Some(asked) = work.spec.write else {
        let default = match work.spec.read {
            ReadSpec::Full => WriteSpec::Replace,
            ReadSpec::Incremental | ReadSpec::Cdc if keyed => WriteSpec::Merge,
            ReadSpec::Incremental | ReadSpec::Cdc => WriteSpec::Append,
        };
        if able(abilities, default) {
            return Some(default);
        }
        if able(abilities, WriteSpec::Append) && work.spec.lookback.is_none() {
            let message = format!(
                "`{at}` cannot {}, so rows of `{stream}` are added: a row that changed stands there more than once.",
                word(default)
            );
            work.warn("/write", "unsupported_mode", message);
            return Some(WriteSpec::Append);
        }
        let message = format!("`{at}` cannot {}.", word(default));
        work.refuse("/write", "unsupported_mode", message, None);
        return None;
    };
    if !able(abilities, asked) {
        let can = [WriteSpec::Replace, WriteSpec::Append, WriteSpec::Merge];
        let can: Vec<&str> = can.into_iter().filter(|mode| able(abilities, *mode)).map(word).collect();
        let message = format!("`{at}` cannot {}.", word(asked));
        work.refuse("/write", "unsupported_mode", message, Some(can.join(" or ")));
        return None;
    }
    if asked == WriteSpec::Replace && work.spec.read != ReadSpec::Full {
        let message = format!("`replace` would leave only the newest rows of `{stream}`: it goes with `read: full`.");
        let instead = if keyed { "merge" } else { "append" };
        work.refuse("/write", "unsupported_mode", message, Some(instead.to_owned()));
        return None;
    }
    if asked == WriteSpec::Append && work.spec.read == ReadSpec::Full && work.around.scheduled {
        let message = format!("Every run adds all rows of `{stream}` again.");
        work.warn("/write", "rows_repeat", message);
    }
    Some(asked)
}

async fn merge(work: &mut Work<'_>, columns: &[ResolvedColumn]) -> Option<ResolvedWrite> {
    let stream = work.spec.stream.clone();
    let given = !work.spec.key.is_empty();
    let key = if given { work.spec.key.clone() } else { work.schema.primary_key.clone() };
    if key.is_empty() {
        let message = format!("`{stream}` has no primary key; `merge` needs the columns that identify a row.");
        let unique = work.schema.columns.iter().find(|column| {
            let name = column.name.to_lowercase();
            !column.nullable && (name == "id" || name.ends_with("_id") || name.ends_with("_no") || name == "uuid")
        });
        let suggestion = unique.map(|column| format!("key: [{}]", column.name));
        work.refuse("/key", "no_key", message, suggestion.or(Some("write: append".to_owned())));
        return None;
    }
    // An unknown column has its problem already.
    if key.iter().any(|name| work.schema.column(name).is_none()) {
        return None;
    }
    for name in &key {
        match columns.iter().find(|column| column.source.name == *name) {
            None => {
                let message = format!("The key column `{name}` of `{stream}` is not among the columns that move.");
                work.refuse("/key", "no_key", message, Some(format!("Move `{name}` as well.")));
            }
            Some(column) if column.mask.is_some_and(|mask| mask != MaskSpec::Hash) => {
                let message = format!("The key column `{name}` of `{stream}` is masked so that rows look alike.");
                work.refuse("/key", "key_not_unique", message, Some(format!("mask: {{{name}: hash}}")));
            }
            Some(_) => {}
        }
    }
    match bounded(work.around.origin.source.profile_key(&stream, &key)).await {
        Ok(profile) => identifies(work, &key, &profile),
        Err(error) => {
            tracing::info!(stream, kind = %error.kind, cause = ?error.source, "key not measured");
            let message = format!("Whether the key identifies a row could not be measured: {}", error.message);
            work.warn("/key", "not_measured", message);
        }
    }
    Some(ResolvedWrite::Merge { key, deletes: work.spec.deletes.unwrap_or(Deletes::Ignore) })
}

fn identifies(work: &mut Work<'_>, key: &[String], profile: &KeyProfile) {
    let names = nearest::list(key.iter().map(String::as_str), 6);
    let of = if profile.sampled { " of a sample" } else { "" };
    if profile.enforced {
        work.measured("key_unique", format!("The source itself keeps {names} unique."));
        return;
    }
    if profile.nulls > 0 {
        let message = format!("The key {names} is NULL in {}{of}.", rows_words(profile.nulls));
        let other = (key != work.schema.primary_key).then(|| work.schema.primary_key.join(", "));
        work.refuse("/key", "key_nullable", message, other.filter(|key| !key.is_empty()));
    }
    if profile.duplicates > 0 {
        let message = format!(
            "The key {names} does not identify a row: {}{of} repeat an earlier one.",
            rows_words(profile.duplicates)
        );
        let other = (key != work.schema.primary_key).then(|| work.schema.primary_key.join(", "));
        let other = other.filter(|key| !key.is_empty());
        work.refuse("/key", "key_not_unique", message, other.or(Some("Add a column to the key.".to_owned())));
    }
    if profile.nulls == 0 && profile.duplicates == 0 {
        let text = format!("{names} is unique and never NULL in {}{of}.", rows_words(profile.rows));
        work.measured("key_unique", text);
        if profile.sampled {
            let message = format!("{names} was unique in a sample; no constraint of the source keeps it so.");
            work.warn("/key", "key_sampled", message);
        }
    }
}
