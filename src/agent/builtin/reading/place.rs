//! Which connection is the source and which the destination.

use super::{Before, Place, Reading, Use, passage};
use crate::agent::builtin::fold::fold;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::connection::{Directory, Mention};
use crate::agent::builtin::link::stream::Streams;
use crate::agent::builtin::token::{Kind, Sentence};

/// What the words before a name make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    Source,
    Destination,
    /// `in`, `on`, `with`, `of`: either.
    Beside,
    /// `instead of`, `not`.
    Instead,
    None,
}

/// Reads the words before a place.
#[expect(clippy::too_many_lines, reason = "one list of words after the other")]
pub(crate) fn lead(sentence: &Sentence, from: usize) -> Lead {
    let mut at = from;
    for _ in 0..6 {
        let Some(before) = at.checked_sub(1) else { return Lead::None };
        let word = sentence.word(before);
        if let Some(lead) = role_noun(sentence, before) {
            return lead;
        }
        if sentence.is(before, &["of", "than"])
            && sentence.is(before.wrapping_sub(1), &["instead", "place", "rather", "other"])
        {
            return Lead::Instead;
        }
        if word == "not" && (before == 0 || matches!(sentence.text(before - 1), "," | "-" | "–" | "—" | "(")) {
            return Lead::Instead;
        }
        if sentence.is(before, &["from", "form", "frm", "fromm"])
            || (word == "of" && sentence.is(before.wrapping_sub(1), &["out", "off"]))
            || word == "off"
        {
            return Lead::Source;
        }
        // `equal to`, `up to`, `set to`: no place follows.
        if word == "to"
            && sentence.is(
                before.wrapping_sub(1),
                &[
                    "equal",
                    "equals",
                    "up",
                    "prior",
                    "set",
                    "due",
                    "according",
                    "compared",
                    "close",
                    "next",
                    "similar",
                    "related",
                    "respond",
                    "thanks",
                    "cast",
                    "convert",
                    "changed",
                ],
            )
        {
            return Lead::None;
        }
        if is_to(sentence, before) {
            return if sentence.is(
                before.wrapping_sub(1),
                &["connect", "connected", "connecting", "connection", "belong", "belongs", "access"],
            ) {
                Lead::Beside
            } else {
                Lead::Destination
            };
        }
        if lexicon::word_is(word, Class::WeakTo) {
            return Lead::Beside;
        }
        let skip = lexicon::word_is(word, Class::Determiner)
            || lexicon::word_is(word, Class::Connection)
            || matches!(
                word,
                "his"
                    | "her"
                    | "new"
                    | "old"
                    | "existing"
                    | "main"
                    | "local"
                    | "called"
                    | "named"
                    | "own"
                    | "good"
                    | "brand"
                    | "same"
                    | "other"
                    | "company"
                    | "cloud"
                    | "shiny"
                    | "big"
                    | "first"
                    | "second"
            )
            || matches!(sentence.text(before), "'" | "(" | "\"")
            // `to: the notebook`
            || matches!(sentence.text(before), ":" | "=")
                && before.checked_sub(1).is_some_and(|at| {
                    lexicon::word_is(sentence.word(at), Class::From) || lexicon::word_is(sentence.word(at), Class::To)
                });
        if !skip {
            return Lead::None;
        }
        at = before;
    }
    Lead::None
}

/// `source: X`, `destination is X`, `switch the target to X`.
fn role_noun(sentence: &Sentence, at: usize) -> Option<Lead> {
    let mut here = at;
    if matches!(sentence.text(here), ":" | "=") || sentence.is(here, &["is", "to", "should", "be", "must", "as"]) {
        for _ in 0..3 {
            here = here.checked_sub(1)?;
            match sentence.word(here) {
                "source" | "origin" => return Some(Lead::Source),
                "destination" | "target" | "sink" | "dest" => return Some(Lead::Destination),
                "is" | "should" | "be" | "must" | "the" | "connection" => {}
                _ => return None,
            }
        }
    }
    match sentence.word(at) {
        "source" if !sentence.is(at + 1, &["data"]) => Some(Lead::Source),
        "dest" | "sink" => Some(Lead::Destination),
        _ => None,
    }
}

pub(super) fn is_to(sentence: &Sentence, at: usize) -> bool {
    lexicon::word_is(sentence.word(at), Class::To)
        || (sentence.kind(at) == Some(Kind::Operator)
            && matches!(sentence.text(at), "->" | "→" | "=>" | "-->" | "==>" | ">>" | "⇒" | "➜"))
}

#[derive(Clone, Debug)]
pub(super) struct Spotted {
    pub(super) mention: Mention,
    lead: Lead,
}

/// Connections named by name, label or connector.
pub(super) fn read_strong(reading: &mut Reading, directory: &Directory, before: &Before, asked: &[bool]) {
    let spotted = spot(reading, directory, asked, &|mention, lead| {
        mention.strong || matches!(lead, Lead::Source | Lead::Destination) && mention.how == How::Name
    });
    assign(reading, directory, before, &spotted);
}

/// Connections named by a word of their label or kind, where a place is meant and nothing else goes by that name.
pub(super) fn read_weak(reading: &mut Reading, directory: &Directory, before: &Before, streams: &Streams) {
    let asked = before.focus.as_deref().is_some_and(|focus| focus.ends_with(".connection"));
    let sentence = reading.sentence.clone();
    let asked_for: Vec<bool> = reading.described.iter().map(|described| !described).collect();
    let namespace = before.focus.as_deref() == Some("destination.namespace");
    // `not the notebook, the lake`
    let changed = before.begun
        && (0..reading.sentence.len()).any(|at| matches!(lead(&reading.sentence, at), Lead::Instead))
        && !reading.transfer;
    let spotted = spot(reading, directory, &asked_for, &|mention, lead| {
        if namespace && mention.to == mention.from + 1 {
            return false;
        }
        let noun = mention.to > mention.from + 1;
        // `all billing tables`
        let held = lexicon::is(&sentence, mention.to, Class::Table)
            && mention.from.checked_sub(1).is_some_and(|at| {
                lexicon::word_is(sentence.word(at), Class::All)
                    || lexicon::word_is(sentence.word(at), Class::Determiner)
                        && at.checked_sub(1).is_some_and(|at| lexicon::word_is(sentence.word(at), Class::All))
            });
        let place = held
            || matches!(lead, Lead::Source | Lead::Destination | Lead::Beside | Lead::Instead)
            || noun
            || asked
            || changed;
        // A word of a label is no name: a stream of that name has been read before.
        place && !(lead == Lead::Source && streams.named(&mention.names.concat()).is_some())
    });
    assign(reading, directory, before, &spotted);
}

pub(super) fn spot(
    reading: &mut Reading,
    directory: &Directory,
    asked: &[bool],
    accept: &dyn Fn(&Mention, Lead) -> bool,
) -> Vec<Spotted> {
    let sentence = reading.sentence.clone();
    let mut spotted: Vec<Spotted> = Vec::new();
    let mut at = 0;
    while at < sentence.len() {
        let uses = reading.uses.clone();
        let free = |at: usize| uses.get(at) == Some(&Use::Free);
        let found = (free(at) && asked.get(at) == Some(&true) && !passage::unwanted(&sentence, at))
            .then(|| directory.mention(&sentence, at, &free))
            .flatten();
        let Some(mention) = found else {
            at += 1;
            continue;
        };
        let lead = lead(&sentence, mention.from);
        let verb = lexicon::word_is(sentence.word(at), Class::Transfer) && lead == Lead::None;
        if verb || !accept(&mention, lead) {
            at += 1;
            continue;
        }
        reading.mark(mention.from, mention.to, Use::Connection);
        at = mention.to;
        // `postgres (shop_pg)`, `analytics_bq, our BigQuery`: the same place said twice.
        let repeated = spotted.last_mut().filter(|last| last.lead == lead || lead == Lead::None).and_then(|last| {
            let both: Vec<String> =
                last.mention.names.iter().filter(|name| mention.names.contains(name)).cloned().collect();
            (!both.is_empty() && mention.from <= last.mention.to + 2).then(|| {
                last.mention.names = both;
                last.mention.to = mention.to;
            })
        });
        if repeated.is_none() {
            spotted.push(Spotted { mention, lead });
        }
    }
    spotted
}

/// Gives each connection its role: by the words before it, by what it can be, by what is left.
#[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
fn assign(reading: &mut Reading, directory: &Directory, before: &Before, spotted: &[Spotted]) {
    let sentence = reading.sentence.clone();
    let between = sentence.tokens.iter().any(|token| token.word == "between");
    let mut open: Vec<Spotted> = Vec::new();
    for (index, spot) in spotted.iter().enumerate() {
        let next = spot.mention.to;
        let as_source = sentence.is(next, &["as", "is", "being"])
            && (next..next + 3).any(|at| sentence.is(at, &["source", "origin"]));
        // `the lake <- orders`
        let receives = matches!(sentence.text(next), "<-" | "<=" | "←" | "<--" | "<");
        let as_destination = receives && can(directory, spot, false)
            || sentence.is(next, &["as", "is", "being"])
                && (next..next + 3).any(|at| sentence.is(at, &["destination", "target", "sink"]));
        // `postgres to bigquery`, `mysql -> snowflake`
        let before_arrow = matches!(spot.lead, Lead::None)
            && is_to(&sentence, next)
            && spotted.get(index + 1).is_some_and(|other| other.mention.from <= next + 4);
        match spot.lead {
            Lead::Instead => take_back(reading, &spot.mention.names),
            // `they are dropped into the bucket`: where they are, since nothing can be written there.
            Lead::Destination if misled(&sentence, directory, spotted, index, false) => {
                put_source(reading, directory, spot);
            }
            Lead::Source if misled(&sentence, directory, spotted, index, true) => {
                put_destination(reading, directory, spot);
            }
            Lead::Source => put_source(reading, directory, spot),
            Lead::Destination if between => open.push(spot.clone()),
            Lead::Destination => put_destination(reading, directory, spot),
            _ if as_source || before_arrow => put_source(reading, directory, spot),
            _ if as_destination => put_destination(reading, directory, spot),
            _ => open.push(spot.clone()),
        }
    }
    if between && open.len() == 2 && reading.source.is_none() && reading.destination.is_none() {
        for (spot, source) in open.drain(..).zip([true, false]) {
            if source { put_source(reading, directory, &spot) } else { put_destination(reading, directory, &spot) }
        }
    }
    // `crew from crew`: what is led by a word is the place, and the other may be a stream of that name.
    let led: Vec<Spotted> =
        spotted.iter().filter(|spot| matches!(spot.lead, Lead::Source | Lead::Destination)).cloned().collect();
    open.retain(|spot| {
        // `rate cards … where they are: rates_drop`: a label that is said before the name itself.
        let exact = |spot: &Spotted| {
            matches!(spot.mention.names.as_slice(), [name] if fold(name) == sentence.folded(spot.mention.from, spot.mention.to))
        };
        let by_name = spotted.iter().any(|other| {
            other.mention.from != spot.mention.from && other.mention.names == spot.mention.names && exact(other) && !exact(spot)
        });
        let again = (by_name || led.iter().any(|led| led.mention.names == spot.mention.names))
            && matches!(spot.lead, Lead::None);
        if again {
            reading.mark(spot.mention.from, spot.mention.to, Use::Free);
            reading.unclaimed.push((spot.mention.from, spot.mention.to));
        }
        !again
    });
    for spot in open {
        let can = |source: bool| can(directory, &spot, source);
        let focus = before.focus.as_deref();
        let has_source = reading.source.is_some();
        let has_destination = reading.destination.is_some();
        let source = if focus == Some("destination.connection") && can(false) && !has_destination {
            false
        } else if focus == Some("source.connection") && can(true) && !has_source {
            true
        } else if can(true) != can(false) {
            can(true)
        } else if has_destination != has_source {
            has_destination
        } else if !reading.replaced.is_empty() || (before.begun && !before.source.is_empty()) {
            reading.replaced.iter().any(|name| before.source.contains(name))
                && !reading.replaced.iter().any(|name| before.destination.contains(name))
        } else {
            // `keep orders in sync with duckdb`, `put orders in duckdb`; `copy duckdb …` is read from.
            spot.lead != Lead::Beside
        };
        if source {
            put_source(reading, directory, &spot);
        } else {
            put_destination(reading, directory, &spot);
        }
        let place = if source { &reading.source } else { &reading.destination };
        if place.as_ref().is_some_and(|place| !place.names.iter().any(|name| spot.mention.names.contains(name))) {
            // Its part is taken by another place: what is called like a connection may be a stream.
            reading.mark(spot.mention.from, spot.mention.to, Use::Free);
            reading.unclaimed.push((spot.mention.from, spot.mention.to));
        }
    }
}

/// Names of connections that turned out to be nothing else are no names of streams either.
pub(super) fn claim(reading: &mut Reading) {
    for (from, to) in std::mem::take(&mut reading.unclaimed) {
        if (from..to).all(|at| reading.free(at)) {
            reading.mark(from, to, Use::Connection);
        }
    }
}

/// What was named before and is not meant after all.
fn take_back(reading: &mut Reading, names: &[String]) {
    reading.replaced.extend(names.iter().cloned());
    let meant = |place: &Place| !place.names.iter().all(|name| names.contains(name));
    reading.source = reading.source.take().filter(meant);
    reading.destination = reading.destination.take().filter(meant);
}

fn can(directory: &Directory, spot: &Spotted, source: bool) -> bool {
    spot.mention
        .names
        .iter()
        .filter_map(|name| directory.get(name))
        .any(|connection| if source { connection.source } else { connection.destination })
}

/// Whether a place cannot be what the word before it says, is the other thing, and another place takes its part.
fn misled(sentence: &Sentence, directory: &Directory, spotted: &[Spotted], index: usize, source: bool) -> bool {
    let Some(spot) = spotted.get(index) else { return false };
    let another = spotted.iter().enumerate().any(|(other, spot)| other != index && can(directory, spot, source));
    // `inside the shop`: where something lies, as likely as where it goes.
    let from = spot.mention.from;
    let lies = (from.saturating_sub(3)..from).any(|at| sentence.is(at, &["inside", "within"]));
    // `they go in main from the lake`: the place of a namespace that is written to.
    let holds = source
        && !spotted.iter().enumerate().any(|(other, spot)| other != index && spot.lead == Lead::Destination)
        && goes_inside(sentence, from);
    !can(directory, spot, source) && can(directory, spot, !source) && (another || lies || holds)
}

/// `in main from …`, `into the main schema of …`: a name behind a word of going, right before the word that leads a place.
fn goes_inside(sentence: &Sentence, from: usize) -> bool {
    let Some(word) = (from.saturating_sub(3)..from)
        .rev()
        .find(|at| lexicon::word_is(sentence.word(*at), Class::From) || sentence.is(*at, &["of"]))
    else {
        return false;
    };
    let mut name = word;
    while name > 0 && lexicon::word_is(sentence.word(name - 1), Class::Namespace) {
        name -= 1;
    }
    let Some(name) = name.checked_sub(1).filter(|at| matches!(sentence.kind(*at), Some(Kind::Word | Kind::Quoted)))
    else {
        return false;
    };
    matches!(lead(sentence, name), Lead::Destination | Lead::Beside)
}

fn place(reading: &Reading, spot: &Spotted, fits: impl Fn(&String) -> bool) -> Place {
    let words = reading.sentence.name(spot.mention.from, spot.mention.to);
    let fitting: Vec<String> = spot.mention.names.iter().filter(|name| fits(name)).cloned().collect();
    // None that fits: the candidates stay, so that it can be said why none does.
    let names = if fitting.is_empty() { spot.mention.names.clone() } else { fitting };
    Place { words, names, how: spot.mention.how, system: None }
}

pub(super) fn put_source(reading: &mut Reading, directory: &Directory, spot: &Spotted) {
    let place = place(reading, spot, |name| directory.get(name).is_some_and(|connection| connection.source));
    reading.source = Some(narrowed(reading.source.take(), place));
}

fn put_destination(reading: &mut Reading, directory: &Directory, spot: &Spotted) {
    let place = place(reading, spot, |name| directory.get(name).is_some_and(|connection| connection.destination));
    reading.destination = Some(narrowed(reading.destination.take(), place));
}

/// The same place said twice is what both may mean; another place replaces nothing.
fn narrowed(before: Option<Place>, place: Place) -> Place {
    let Some(before) = before else { return place };
    let both: Vec<String> = before.names.iter().filter(|name| place.names.contains(name)).cloned().collect();
    if both.is_empty() { before } else { Place { names: both, ..before } }
}
