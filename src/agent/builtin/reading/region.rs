//! Parts of a sentence in which names do not mean objects: conditions on rows, and the values compared there.

use super::{Reading, Use};
use crate::agent::builtin::condition::stays_put;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// Marks the tokens of conditions, so that `where country = 'Snowflake'` names no connection.
pub(super) fn shade(reading: &mut Reading) {
    let sentence = reading.sentence.clone();
    let mut inside = false;
    for at in 0..sentence.len() {
        if opens(&sentence, at) {
            inside = true;
        } else if inside && closes(&sentence, at) {
            inside = false;
        }
        if inside || compared(&sentence, at) {
            reading.mark(at, at + 1, Use::Shaded);
        }
    }
}

fn opens(sentence: &Sentence, at: usize) -> bool {
    !stays_put(sentence, at) && sentence.is(at, &["where", "whose", "having", "wher", "filter", "filtered"])
        || (sentence.is(at, &["for", "in"]) && sentence.is(at + 1, &["which"]))
}

fn closes(sentence: &Sentence, at: usize) -> bool {
    if matches!(sentence.text(at), "." | ";" | "!" | "?" | "->" | "→" | "=>" | "-->" | "⇒") {
        return true;
    }
    let place = lexicon::is(sentence, at, Class::From) || lexicon::is(sentence, at, Class::To);
    let span = sentence.kind(at + 1) == Some(Kind::Number)
        || sentence.kind(at.saturating_sub(1)) == Some(Kind::Number)
        || sentence.is(at, &["within", "off"]);
    let verb = lexicon::is(sentence, at, Class::Transfer)
        && sentence.kind(at.saturating_sub(1)) != Some(Kind::Operator)
        && !sentence.is(at.saturating_sub(1), &["is", "not", "and", "or", "was", "the"]);
    let schedule =
        sentence.is(at, &["every", "hourly", "daily", "nightly", "weekly", "monthly", "incrementally", "incremental"]);
    (place && !span) || verb || schedule
}

/// A token beside a comparison: `provider = stripe`, `provider is stripe`.
fn compared(sentence: &Sentence, at: usize) -> bool {
    let operator = |at: usize| {
        sentence.kind(at) == Some(Kind::Operator)
            && matches!(sentence.text(at), "=" | "==" | "!=" | "<>" | "<" | ">" | "<=" | ">=" | "≥" | "≤" | "≠")
    };
    // `the_lake <= orders`: an arrow at the head.
    let arrow =
        |at: usize| at <= 1 && matches!(sentence.text(at), "<=" | "<") && sentence.kind(at + 1) != Some(Kind::Number);
    if arrow(at)
        || arrow(at + 1)
        || at > 0 && arrow(at - 1)
        || heading(sentence, at)
        || operator(at) && at > 0 && heading(sentence, at - 1)
    {
        return false;
    }
    if operator(at) || operator(at + 1) {
        return true;
    }
    let Some(before) = at.checked_sub(1) else { return false };
    let role = |at: usize| {
        sentence
            .is(at, &["source", "destination", "target", "sink", "it", "that", "one", "warehouse", "database", "which"])
    };
    if operator(before) {
        return !before.checked_sub(1).is_some_and(|at| role(at) || heading(sentence, at));
    }
    // `I'd like orders`: a wish.
    let wish = sentence.is(before, &["like"])
        && before.checked_sub(1).is_none_or(|at| {
            sentence.word(at).ends_with("'d")
                || sentence.is(
                    at,
                    &["would", "id", "really", "also", "much", "do", "should", "might", "we", "i", "you", "they", "to"],
                )
        });
    let copula = !wish && sentence.is(before, &["is", "are", "equals", "equal", "contains", "like", "was"])
        || (sentence.is(before, &["not"]) && before.checked_sub(1).is_some_and(|at| sentence.is(at, &["is", "are"])));
    copula && !before.checked_sub(1).is_some_and(role) && !sentence.is(at, &["in", "from", "the", "to", "on", "a"])
}

/// `Table = students`, `frequency = daily`: a setting and no comparison.
fn heading(sentence: &Sentence, at: usize) -> bool {
    const HEADINGS: &[&str] = &[
        "source",
        "destination",
        "target",
        "schedule",
        "cron",
        "table",
        "tables",
        "stream",
        "streams",
        "frequency",
        "schema",
        "dataset",
        "namespace",
        "mode",
        "cursor",
        "watermark",
        "key",
        "lookback",
        "timezone",
        "from",
        "to",
        "columns",
        "drop",
        "hash",
        "mask",
        "exclude",
        "what",
        "when",
        "where",
        "redact",
        "remove",
        "include",
    ];
    sentence.is(at, HEADINGS) && matches!(sentence.text(at + 1), "=" | "==" | "->" | "=>")
}

/// Where the clause around a token begins: after the last full stop, semicolon or comma, or after an `and` that leads a verb.
pub(crate) fn clause_start(sentence: &Sentence, at: usize) -> usize {
    (0..at)
        .rev()
        .find(|here| {
            matches!(sentence.text(*here), "." | ";" | "," | "!" | "?" | ":")
                && sentence.kind(*here) == Some(Kind::Mark)
                || (sentence.is(*here, &["and", "then", "but"]) && is_verb(sentence, here + 1))
        })
        .map_or(0, |here| here + 1)
}

fn is_verb(sentence: &Sentence, at: usize) -> bool {
    [
        Class::Transfer,
        Class::Hash,
        Class::Mask,
        Class::Redact,
        Class::Partial,
        Class::Nullify,
        Class::Rename,
        Class::Cast,
        Class::Except,
    ]
    .iter()
    .any(|class| lexicon::is(sentence, at, *class))
}
