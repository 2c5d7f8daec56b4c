//! Namespaces: of the destination, where tables go, and of the source, where streams stand.

use super::place::{Lead, is_to, lead};
use super::{Before, Namespace, Place, Reading, Use, region};
use crate::agent::builtin::fold::{fold, parts, slips};
use crate::agent::builtin::knowledge::Listing;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::connection::Directory;
use crate::agent::builtin::link::stream::Streams;
use crate::agent::builtin::token::{Kind, Sentence};

/// Whether something in the sentence may be a namespace whose connection was not named.
pub(super) fn may_be_alone(reading: &Reading) -> bool {
    let sentence = &reading.sentence;
    (0..sentence.len()).any(|at| {
        reading.free(at)
            && matches!(sentence.kind(at), Some(Kind::Word | Kind::Quoted))
            && (matches!(lead(sentence, at), Lead::Destination) || beside_noun(sentence, at))
            && !lexicon::word_is(sentence.word(at), Class::Determiner)
    })
}

/// `schema X`, `X dataset`, `under X`.
fn beside_noun(sentence: &Sentence, at: usize) -> bool {
    let called = usize::from(
        sentence.is(at.wrapping_sub(1), &["called", "named", "name", "=", ":"])
            || matches!(sentence.text(at.wrapping_sub(1)), ":" | "="),
    );
    let noun =
        |at: usize| lexicon::is(sentence, at, Class::Namespace) && !sentence.is(at, &["database", "db", "databse"]);
    noun(at + 1)
        || at.checked_sub(1 + called).is_some_and(|before| {
            lexicon::word_is(sentence.word(before), Class::Namespace) || sentence.is(before, &["under"])
        })
}

/// Finds the namespaces that exist.
pub(super) fn read(
    reading: &mut Reading,
    directory: &Directory,
    listings: &[(String, Listing)],
    streams: &Streams,
    before: &Before,
) {
    let sentence = reading.sentence.clone();
    let asked = before.focus.as_deref() == Some("destination.namespace");
    for at in 0..sentence.len() {
        if !reading.free(at) || !matches!(sentence.kind(at), Some(Kind::Word | Kind::Quoted)) {
            continue;
        }
        source_namespace(reading, streams, at);
        if !reading.free(at) || reading.namespace.is_some() {
            continue;
        }
        let place = lead(&sentence, at);
        // `no, better staging`: a short change of the plan on offer.
        let changed = before.begun && !before.destination.is_empty() && sentence.len() <= 7 && !reading.transfer;
        let fits = asked
            || changed
            || beside_noun(&sentence, at)
            || matches!(place, Lead::Destination)
            || (place == Lead::Beside && sentence_in(&sentence, at))
            || after_connection(reading, at);
        if !fits {
            continue;
        }
        if let Some((to, name, of)) = exact(reading, listings, at) {
            reading.namespace = Some(Namespace { name, slip_of: None, of });
            reading.mark(at, to, Use::Namespace);
            mark_nouns(reading, at, to);
        } else if let Some((name, of)) = asked.then(|| by_part(listings, sentence.text(at))).flatten() {
            // The answer to `which namespace?`: `the mart` for `finance_mart`.
            reading.namespace = Some(Namespace { name, slip_of: None, of });
            reading.mark(at, at + 1, Use::Namespace);
            mark_nouns(reading, at, at + 1);
        } else if let Some((namespace, table)) = sentence.text(at).split_once('.')
            && let Some((name, of)) = among(listings, namespace)
        {
            reading.namespace = Some(Namespace { name, slip_of: None, of });
            reading.targets.push((None, table.to_owned()));
            reading.mark(at, at + 1, Use::Namespace);
        }
    }
    imply_destination(reading, directory);
    slip(reading, listings, asked);
}

/// The namespace tells the destination where nothing else does.
fn imply_destination(reading: &mut Reading, directory: &Directory) {
    if reading.destination.is_none()
        && let Some(namespace) = reading.namespace.as_ref().filter(|namespace| !namespace.of.is_empty())
    {
        let names: Vec<String> = namespace
            .of
            .iter()
            .filter(|name| directory.get(name).is_some_and(|connection| connection.destination))
            .cloned()
            .collect();
        reading.destination = Some(Place { words: namespace.name.clone(), names, how: How::Part, system: None });
    }
}

/// `raw` in `put it in raw`; not `in` of `in real time`.
fn sentence_in(sentence: &Sentence, at: usize) -> bool {
    (at.saturating_sub(4)..at).any(|here| sentence.is(here, &["in", "under", "on", "use", "using", "inside"]))
}

/// Right behind the destination's name, maybe with a noun or a mark between.
fn after_connection(reading: &Reading, at: usize) -> bool {
    let sentence = &reading.sentence;
    (at.saturating_sub(4)..at)
        .rev()
        .find(|here| !between(sentence, *here))
        .is_some_and(|here| reading.is(here, Use::Connection))
}

fn between(sentence: &Sentence, at: usize) -> bool {
    matches!(sentence.text(at), "." | "/" | ":" | "," | "(" | "'" | "s" | "-")
        || lexicon::word_is(sentence.word(at), Class::Namespace)
        || sentence.is(at, &["the", "in", "under", "s", "our", "my", "called", "named"])
}

fn exact(reading: &Reading, listings: &[(String, Listing)], at: usize) -> Option<(usize, String, Vec<String>)> {
    let sentence = &reading.sentence;
    for length in (1..=3).rev() {
        let to = at + length;
        if to > sentence.len()
            || !(at..to).all(|here| {
                reading.free(here) && matches!(sentence.kind(here), Some(Kind::Word | Kind::Quoted | Kind::Number))
            })
        {
            continue;
        }
        if let Some((name, of)) = among(listings, &sentence.name(at, to)) {
            return Some((to, name, of));
        }
    }
    None
}

/// The namespace of this name, and the connections that have it.
fn among(listings: &[(String, Listing)], written: &str) -> Option<(String, Vec<String>)> {
    let folded = fold(written);
    let spelled: Vec<(&String, &String)> = listings
        .iter()
        .flat_map(|(connection, listing)| listing.namespaces.iter().map(move |name| (connection, name)))
        .filter(|(_, name)| fold(name) == folded)
        .collect();
    let (_, first) = spelled.iter().find(|(_, name)| *name == written).or_else(|| spelled.first())?;
    Some(((*first).clone(), spelled.iter().map(|(connection, _)| (*connection).clone()).collect()))
}

/// The only namespace that has this word in its name.
fn by_part(listings: &[(String, Listing)], written: &str) -> Option<(String, Vec<String>)> {
    let folded = fold(written);
    if folded.len() < 3 || lexicon::word_is(&folded, Class::Determiner) {
        return None;
    }
    let mut names: Vec<&String> = listings
        .iter()
        .flat_map(|(_, listing)| &listing.namespaces)
        .filter(|name| parts(name).contains(&folded))
        .collect();
    names.dedup();
    let [name] = names.as_slice() else { return None };
    let holds = |listing: &Listing| listing.namespaces.contains(name);
    let of = listings.iter().filter(|(_, listing)| holds(listing)).map(|(connection, _)| connection.clone()).collect();
    Some(((*name).clone(), of))
}

fn mark_nouns(reading: &mut Reading, from: usize, to: usize) {
    let sentence = reading.sentence.clone();
    for at in [from.wrapping_sub(1), to] {
        if reading.free(at) && lexicon::word_is(sentence.word(at), Class::Namespace) {
            reading.mark(at, at + 1, Use::Namespace);
        }
    }
}

/// `from the archive schema`, `all tables in schema sales`.
fn source_namespace(reading: &mut Reading, streams: &Streams, at: usize) {
    let sentence = reading.sentence.clone();
    let written = fold(sentence.text(at));
    let names: Vec<String> = reading
        .source
        .iter()
        .flat_map(|place| place.names.iter())
        .flat_map(|name| streams.of(name))
        .chain(
            reading
                .mentions
                .iter()
                .flat_map(|mention| &mention.candidates)
                .filter_map(|found| streams.get(&found.connection, &found.stream)),
        )
        .filter_map(|stream| stream.namespace.clone())
        .filter(|namespace| fold(namespace) == written)
        .collect();
    let Some(name) = names.first() else { return };
    let place = lead(&sentence, at);
    let noun = beside_noun(&sentence, at)
        || sentence.is(at + 1, &["database", "db"])
        || sentence.is(at.wrapping_sub(1), &["database", "db"]);
    // `all of identity`
    let whole = sentence.is(at.wrapping_sub(1), &["of"])
        && at.checked_sub(2).is_some_and(|at| lexicon::word_is(sentence.word(at), Class::All));
    if whole {
        reading.source_namespace = Some(name.clone());
        reading.mark(at, at + 1, Use::Namespace);
        return;
    }
    let from = place == Lead::Source
        || (noun && place != Lead::Destination && !after_destination(reading, at))
        || after_source(reading, at);
    if from && (noun || after_source(reading, at) || place == Lead::Source) {
        reading.source_namespace = Some(name.clone());
        reading.mark(at, at + 1, Use::Namespace);
        mark_nouns(reading, at, at + 1);
    }
}

fn nearest_place(reading: &Reading, at: usize) -> Option<Lead> {
    let sentence = &reading.sentence;
    (0..at)
        .rev()
        .find(|here| is_to(sentence, *here) || sentence.is(*here, &["from", "form"]))
        .map(|here| if is_to(sentence, here) { Lead::Destination } else { Lead::Source })
}

fn after_destination(reading: &Reading, at: usize) -> bool {
    nearest_place(reading, at) == Some(Lead::Destination)
}

fn after_source(reading: &Reading, at: usize) -> bool {
    after_connection(reading, at) && nearest_place(reading, at) == Some(Lead::Source)
}

/// A namespace written with a slip, where a namespace is due.
fn slip(reading: &mut Reading, listings: &[(String, Listing)], asked: bool) {
    let sentence = reading.sentence.clone();
    if reading.namespace.is_some() {
        return;
    }
    for at in 0..sentence.len() {
        let written = fold(sentence.text(at));
        let due = asked
            || beside_noun(&sentence, at)
            || (after_connection(reading, at) && !after_source(reading, at))
            || (lead(&sentence, at) == Lead::Destination && reading.destination.is_some());
        if !reading.free(at) || !due || written.len() < 4 || lexicon::is_known(sentence.word(at)) {
            continue;
        }
        let near: Vec<(&String, &String)> = listings
            .iter()
            .flat_map(|(connection, listing)| listing.namespaces.iter().map(move |name| (connection, name)))
            .filter(|(_, name)| slips(&written, &fold(name)).is_some())
            .collect();
        let mut names: Vec<&String> = near.iter().map(|(_, name)| *name).collect();
        names.dedup();
        if let [name] = names.as_slice() {
            let of = near.iter().map(|(connection, _)| (*connection).clone()).collect();
            reading.namespace =
                Some(Namespace { name: (*name).clone(), slip_of: Some(sentence.text(at).to_owned()), of });
            reading.mark(at, at + 1, Use::Namespace);
            return;
        }
    }
}

/// A namespace that does not exist, where one is named by its noun or stands right behind the destination.
pub(super) fn read_unknown(reading: &mut Reading, directory: &Directory, before: &Before) {
    if reading.namespace.is_some() {
        return;
    }
    let sentence = reading.sentence.clone();
    let asked = before.focus.as_deref() == Some("destination.namespace");
    for at in 0..sentence.len() {
        let named = sentence.kind(at) == Some(Kind::Quoted)
            || (sentence.kind(at) == Some(Kind::Word) && !lexicon::is_known(sentence.word(at)));
        let described = reading.described.get(at) == Some(&true) || lexicon::is_english(sentence.word(at)) && !asked;
        if !reading.free(at)
            || !named
            || (described && sentence.kind(at) != Some(Kind::Quoted))
            || reading.is_column(at) && !beside_noun(&sentence, at)
            || directory.foreign_system(&sentence, at).is_some()
        {
            continue;
        }
        // `ICU (ward_code)`: a value, and its column behind it.
        if sentence.text(at + 1) == "(" && reading.is_column(at + 2) {
            continue;
        }
        // `tech_id -> worker_id`: another name of a column.
        if at >= 2 && reading.is_column(at - 2) && is_to(&sentence, at - 1) {
            continue;
        }
        let table = lexicon::is(&sentence, at + 1, Class::Table)
            || at.checked_sub(1).is_some_and(|before| lexicon::word_is(sentence.word(before), Class::Table));
        let renaming = (region::clause_start(&sentence, at)..at)
            .any(|here| lexicon::is(&sentence, here, Class::Rename) || sentence.is(here, &["cast", "convert"]));
        let noun = beside_noun(&sentence, at) && !after_source(reading, at) && lead(&sentence, at) != Lead::Source;
        // Behind a comma anything may follow.
        let behind = after_connection(reading, at)
            && sentence.text(at.wrapping_sub(1)) != ","
            && !after_source(reading, at)
            && nearest_place(reading, at) == Some(Lead::Destination);
        let to = lead(&sentence, at) == Lead::Destination
            && (reading.destination.is_some() || before.begun && !before.destination.is_empty())
            && identifier(sentence.text(at));
        if !table && (noun || asked || (!renaming && (behind || to))) {
            let text = sentence.text(at).to_owned();
            let (name, table) = match text.split_once('.') {
                Some((namespace, table)) => (namespace.to_owned(), Some(table.to_owned())),
                None => (text, None),
            };
            reading.namespace = Some(Namespace { name, slip_of: None, of: Vec::new() });
            if let Some(table) = table {
                reading.targets.push((None, table));
            }
            reading.mark(at, at + 1, Use::Namespace);
            mark_nouns(reading, at, at + 1);
            return;
        }
    }
}

fn identifier(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'))
}
