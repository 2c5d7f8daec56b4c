//! Where a stream is due: what the words around an unknown name make of it.

use super::object::separates;
use super::place::{Lead, lead};
use super::{Before, Reading, Use};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// A word of time: `since`, `before 2020`, `in the last week`.
pub(super) fn says_when(sentence: &Sentence, at: usize) -> bool {
    sentence.is(
        at,
        &[
            "since",
            "before",
            "after",
            "between",
            "until",
            "till",
            "in",
            "on",
            "during",
            "within",
            "this",
            "last",
            "at",
            "yesterday",
            "today",
            "from",
            "by",
            "over",
            "more",
            "less",
            "under",
        ],
    )
}

/// Whether a stream is due where an unknown name stands.
pub(super) fn due(reading: &Reading, sentence: &Sentence, at: usize, to: usize, before: &Before) -> bool {
    let treated = [Class::Hash, Class::Mask, Class::Redact, Class::Partial, Class::Nullify]
        .iter()
        .any(|class| lexicon::is(sentence, to, *class));
    // `pronto the orders`: some word before what is meant.
    let mut noun = to;
    while lexicon::word_is(sentence.word(noun), Class::Determiner) {
        noun += 1;
    }
    if noun > to && reading.is(noun, Use::Stream) {
        return false;
    }
    if treated
        || sentence.kind(to) == Some(Kind::Operator) && !matches!(sentence.text(to), "->" | "→" | "=>")
        || reading.is(to, Use::Stream)
    {
        return false;
    }
    if lexicon::is(sentence, to, Class::Column) || sentence.is(at.wrapping_sub(1), &["column", "field", "as"]) {
        return false;
    }
    if lexicon::is(sentence, to, Class::Table) {
        return lead(sentence, at) != Lead::Destination;
    }
    let focus = before.focus.as_deref() == Some("streams");
    // `subscritpions from the shop`: what opens a request stands where a stream is due.
    let place = (to + 1..to + 4).any(|here| reading.is(here, Use::Connection));
    let opens = place && (lexicon::is(sentence, to, Class::From) || matches!(sentence.text(to), "->" | "=>" | "→"));
    anchor(reading, sentence, at, before).unwrap_or(focus && sentence.len() <= 6 || opens && !before.begun)
}

/// What the words before make of an unknown name: true where a stream is due, false where it is not, `None` undecided.
#[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
pub(super) fn anchor(reading: &Reading, sentence: &Sentence, at: usize, before: &Before) -> Option<bool> {
    let mut here = at;
    for _ in 0..8 {
        here = here.checked_sub(1)?;
        let word = sentence.word(here);
        if reading.is(here, Use::Stream) || reading.is(here, Use::Unknown) {
            // Only behind a comma or an `and` does a list go on.
            return Some((here + 1..at).any(|at| separates(sentence, at)) || lexicon::word_is(word, Class::Table));
        }
        if reading.is(here, Use::Connection) || reading.is(here, Use::Namespace) || reading.is(here, Use::Target) {
            // `the postgres invoices`: right behind the source.
            return Some(
                here + 1 == at
                    && lead(sentence, here) != Lead::Destination
                    && reading.transfer
                    && reading.destination.as_ref().is_none_or(|place| !place.words.contains(sentence.text(here))),
            );
        }
        if separates(sentence, here) {
            continue;
        }
        let verb = (0..3).any(|back| {
            here.checked_sub(back)
                .is_some_and(|start| lexicon::phrase(sentence, start, Class::Transfer) == Some(back + 1))
        });
        if verb || lexicon::word_is(word, Class::Table) {
            return Some(true);
        }
        if [
            Class::Hash,
            Class::Mask,
            Class::Redact,
            Class::Partial,
            Class::Nullify,
            Class::Rename,
            Class::Cast,
            Class::Key,
            Class::Select,
        ]
        .iter()
        .any(|class| lexicon::word_is(word, *class))
            && !lexicon::word_is(word, Class::WeakTransfer)
        {
            return Some(false);
        }
        if sentence.is(
            here,
            &[
                "by", "on", "using", "where", "with", "from", "into", "to", "in", "as", "at", "every", "under",
                "between", "than", "is", "are", "not",
            ],
        ) {
            return Some(false);
        }
        if sentence.is(here, &["of", "for"]) {
            let noun = here.checked_sub(1).map_or("", |at| sentence.word(at));
            return Some(
                lexicon::word_is(noun, Class::Ingestion)
                    || lexicon::word_is(noun, Class::Table)
                    || sentence.is(here, &["of"]) && (lexicon::word_is(noun, Class::Generic) || reading.transfer),
            );
        }
        // `make that QC07`: a value for what was said before.
        let value = before.begun && !reading.transfer && looks_like_value(sentence, at);
        if value {
            return Some(false);
        }
        // `on plan pro`: a noun here.
        if here > 0 && sentence.is(here - 1, &["on", "with", "of", "in", "by", "per", "whose"]) {
            return Some(false);
        }
        if lexicon::word_is(word, Class::WeakTransfer) {
            let objects = reading.transfer
                || reading.destination.is_some()
                || before.begun
                || (0..sentence.len()).any(|at| lexicon::word_is(sentence.word(at), Class::Ingestion));
            return Some(objects);
        }
        if lexicon::is(sentence, here, Class::Also) && before.begun {
            return Some(true);
        }
        let skip = lexicon::word_is(word, Class::Determiner)
            || lexicon::word_is(word, Class::Filler)
            || lexicon::word_is(word, Class::Generic)
            || matches!(sentence.text(here), "'" | "(" | ":" | "s");
        if !skip {
            return Some(false);
        }
    }
    None
}

/// `Study protocol 7 needs …`: who asks, and nothing that is asked for.
pub(super) fn asks_for_itself(sentence: &Sentence, to: usize) -> bool {
    let verb = to + usize::from(sentence.kind(to) == Some(Kind::Number));
    sentence.is(verb, &["needs", "wants", "requires", "asks", "requests", "expects", "would", "insists"])
        && !sentence.is(verb + 1, &["to", "be"])
        && !lexicon::word_is(sentence.word(verb + 1), Class::Taken)
}

/// A plural between streams of a list: `invoices, payments and refunds from …`.
pub(super) fn in_list(reading: &Reading, sentence: &Sentence, at: usize) -> bool {
    let word = sentence.word(at);
    let mut before = at;
    while before > 0 && (separates(sentence, before - 1) || sentence.is(before - 1, &["the"])) {
        before -= 1;
    }
    let behind_stream =
        before < at && before > 0 && (reading.is(before - 1, Use::Stream) || reading.is(before - 1, Use::Unknown));
    let ends = lexicon::is(sentence, at + 1, Class::From)
        || lexicon::is(sentence, at + 1, Class::To)
        || separates(sentence, at + 1) && (reading.is(at + 2, Use::Stream) || reading.is(at + 3, Use::Stream));
    word.ends_with('s') && word.len() > 3 && !lexicon::is_known(word) && behind_stream && ends
}

/// A code, or something in quotation marks.
pub(super) fn looks_like_value(sentence: &Sentence, at: usize) -> bool {
    let text = sentence.text(at);
    sentence.get(at).is_some_and(|token| token.quote == Some('\''))
        || text.len() > 1 && text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
}
