//! Which streams are meant: by name, all of them, all but some, and names that are none.

use super::place::{Lead, lead, run_end};
use super::{Before, Mention, Reading, Use, Wildcard};
use crate::agent::builtin::fold::{fold, parts};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::stream::Streams;
use crate::agent::builtin::token::{Kind, Sentence};

/// Finds streams by their exact names.
pub(super) fn link(reading: &mut Reading, streams: &Streams, before: &Before) {
    let sentence = reading.sentence.clone();
    let mut left_out = false;
    let mut at = 0;
    while at < sentence.len() {
        left_out = leaves_out(&sentence, at, left_out);
        let uses = reading.uses.clone();
        let free = |at: usize| uses.get(at) == Some(&Use::Free);
        let found =
            (free(at) && !elsewhere(&sentence, at, before)).then(|| streams.mention(&sentence, at, &free)).flatten();
        let Some((to, found)) = found.filter(|(to, _)| {
            !lexicon::is(&sentence, *to, Class::Column)
                && !(lead(&sentence, at) == Lead::Destination && !lexicon::is(&sentence, *to, Class::Table))
        }) else {
            at += 1;
            continue;
        };
        reading.mark(at, to, Use::Stream);
        mark_nouns(reading, at, to);
        reading.mentions.push(Mention {
            from: at,
            to,
            words: sentence.name(at, to),
            candidates: found.candidates,
            how: found.how,
            left_out,
        });
        at = to;
    }
}

/// `orders table`, `table orders`: the noun belongs to the name.
fn mark_nouns(reading: &mut Reading, from: usize, to: usize) {
    let sentence = reading.sentence.clone();
    if reading.free(to) && lexicon::is(&sentence, to, Class::Table) {
        reading.mark(to, to + 1, Use::Stream);
    }
    if let Some(before) = from.checked_sub(1)
        && reading.free(before)
        && lexicon::word_is(sentence.word(before), Class::Table)
        && !lexicon::word_is(sentence.word(before), Class::Transfer)
    {
        reading.mark(before, from, Use::Stream);
    }
}

/// Whether names from here on are named to be left out.
fn leaves_out(sentence: &Sentence, at: usize, before: bool) -> bool {
    if let Some(length) = lexicon::phrase(sentence, at, Class::Except) {
        // `drop a copy of orders`, `no, the orders`: not a word for leaving out here.
        let deny = sentence.is(at, &["no"]) && matches!(sentence.text(at + length), "," | "." | "");
        return !deny
            && !(sentence.is(at, &["ignore", "skip", "forget"])
                && sentence.is(at + 1, &["deletes", "deletions", "duplicates"]));
    }
    if !before {
        return false;
    }
    let ends = matches!(sentence.text(at), "." | ";" | "!" | "?")
        || lexicon::is(sentence, at, Class::Transfer)
        || lexicon::is(sentence, at, Class::To)
        || lexicon::is(sentence, at, Class::From)
        || lexicon::is(sentence, at, Class::Hash)
        || lexicon::is(sentence, at, Class::Mask)
        || lexicon::is(sentence, at, Class::Rename)
        || sentence.is(at, &["add", "include", "keep", "take", "where", "every", "instead"]);
    !ends
}

/// A place where a name means a column and not a stream.
fn elsewhere(sentence: &Sentence, at: usize, before: &Before) -> bool {
    let mut here = at;
    while let Some(previous) =
        here.checked_sub(1).filter(|previous| sentence.is(*previous, &["the", "my", "our", "their", "its"]))
    {
        here = previous;
    }
    let Some(previous) = here.checked_sub(1) else { return false };
    let verb = [Class::Hash, Class::Mask, Class::Redact, Class::Partial, Class::Nullify, Class::Key, Class::Column]
        .iter()
        .any(|class| {
            (0..=2).any(|back| {
                previous
                    .checked_sub(back)
                    .is_some_and(|start| lexicon::phrase(sentence, start, *class) == Some(back + 1))
            })
        });
    let cursor = sentence.is(previous, &["cursor", "watermark"])
        || (sentence.is(previous, &["on", "of"]) && sentence.is(previous.wrapping_sub(1), &["based"]));
    let focus = before
        .focus
        .as_deref()
        .is_some_and(|focus| matches!(focus, "streams.columns" | "streams.cursor" | "streams.key" | "streams.filter"));
    verb || cursor || focus
}

/// `all tables`, `everything`, `order_*`, `all tables that start with log`.
pub(super) fn read_wildcard(reading: &mut Reading, streams: &Streams) {
    let sentence = reading.sentence.clone();
    for at in 0..sentence.len() {
        if !reading.free(at) {
            continue;
        }
        if let Some(pattern) = star(&sentence, at) {
            let words = sentence.text(at).to_owned();
            reading.mark(at, at + 1, Use::Stream);
            reading.wildcard = Some(Wildcard { pattern, words });
            return;
        }
        if let Some((to, wildcard)) = every(reading, &sentence, at, streams) {
            reading.mark(at, to, Use::Stream);
            reading.wildcard = Some(wildcard);
            return;
        }
    }
    whole_connection(reading, &sentence);
}

fn star(sentence: &Sentence, at: usize) -> Option<String> {
    let token = sentence.get(at)?;
    let name = token.kind == Kind::Word || (token.kind == Kind::Quoted && token.quote != Some('\''));
    let starred = token.text.contains('*') || (token.text.contains('%') && token.text.len() > 1);
    let lone = token.text == "*";
    let cron = lone && sentence.tokens.iter().filter(|token| token.text.contains('*')).count() > 1;
    (name && starred && !cron && !sentence.is(at.wrapping_sub(1), &["like", "matches", "contains"]))
        .then(|| token.text.clone())
}

fn every(reading: &Reading, sentence: &Sentence, at: usize, streams: &Streams) -> Option<(usize, Wildcard)> {
    if !lexicon::is(sentence, at, Class::All) && !lexicon::word_is(sentence.word(at), Class::Table) {
        return None;
    }
    let named = reading.mentions.iter().any(|mention| !mention.left_out);
    let mut here = at;
    if lexicon::is(sentence, at, Class::All) {
        here += 1;
        while sentence.is(
            here,
            &[
                "of",
                "the",
                "my",
                "our",
                "their",
                "its",
                "other",
                "available",
                "existing",
                "your",
                "single",
                "data",
                "in",
                "from",
                "those",
                "these",
            ],
        ) && reading.free(here)
        {
            here += 1;
        }
        if here < sentence.len()
            && sentence.is(here.wrapping_sub(1), &["in", "from"])
            && !lexicon::word_is(sentence.word(here), Class::Namespace)
        {
            here = at + 1;
        }
    }
    let holder = sentence.is(
        here,
        &["database", "databse", "db", "schema", "dataset", "catalog", "bucket", "source", "folder", "warehouse"],
    ) && sentence.is(at, &["whole", "entire", "complete", "full", "all", "everything"]);
    let tables =
        lexicon::word_is(sentence.word(here), Class::Table) && !sentence.is(here, &["stream", "copy", "index", "view"]);
    if tables || holder {
        let (to, pattern) = affix(sentence, here + 1).unwrap_or((here + 1, "*".to_owned()));
        // `tables` without `all` is a wildcard only with a pattern behind it.
        let all = lexicon::is(sentence, at, Class::All) || pattern != "*";
        return (all && (!named || pattern != "*"))
            .then(|| (to, Wildcard { pattern, words: sentence.span(at, to).to_owned() }));
    }
    // `all customer tables`: a word of the names between.
    let word = sentence.get(here).filter(|token| token.kind != Kind::Mark && reading.free(here) && here > at)?;
    if lexicon::is(sentence, here + 1, Class::Table)
        && sentence.word(here + 1).ends_with('s')
        && streams.holding(&parts(&word.text)).is_some()
    {
        return Some((
            here + 2,
            Wildcard { pattern: format!("*{}*", singular(&word.text)), words: sentence.span(at, here + 2).to_owned() },
        ));
    }
    if sentence.is(at, &["everything", "all"]) && !named {
        let (to, pattern) = affix(sentence, at + 1).unwrap_or((at + 1, "*".to_owned()));
        let except = lexicon::is(sentence, at + 1, Class::Except);
        let place = lexicon::is(sentence, at + 1, Class::From)
            || sentence.is(at + 1, &["in", "of", "to", "into", "data"])
            || at + 1 >= sentence.len();
        let whole = sentence.is(at, &["everything"]) && (place || except || pattern != "*")
            || (sentence.is(at, &["all"])
                && (except || pattern != "*" || sentence.is(at + 1, &["of"]) && sentence.is(at + 2, &["it", "them"])));
        let again =
            sentence.is(at.wrapping_sub(1), &["reload", "drop", "forget", "replace", "overwrite"]) && pattern == "*";
        return (whole && !again).then(|| (to, Wildcard { pattern, words: sentence.span(at, to).to_owned() }));
    }
    None
}

fn singular(word: &str) -> String {
    crate::agent::builtin::fold::singulars(&fold(word)).pop().unwrap_or_else(|| fold(word))
}

/// `starting with order`, `that end in _log`, `containing audit`, `named dim_*`.
fn affix(sentence: &Sentence, at: usize) -> Option<(usize, String)> {
    let mut here = at;
    while sentence
        .is(here, &["that", "which", "whose", "with", "name", "names", "are", "have", "a", "the", "having", "of"])
    {
        here += 1;
    }
    let kind = sentence.word(here);
    let shape: fn(&str) -> String = match kind {
        "starting" | "start" | "starts" | "beginning" | "begin" | "begins" | "prefixed" | "prefix" => {
            |name| format!("{name}*")
        }
        "ending" | "end" | "ends" | "suffixed" | "suffix" | "finishing" => |name| format!("*{name}"),
        "containing" | "contain" | "contains" | "including" | "holding" => |name| format!("*{name}*"),
        "matching" | "match" | "like" | "named" | "called" | "matches" => {
            |name| if name.contains(['*', '%']) { name.to_owned() } else { format!("{name}*") }
        }
        _ => return None,
    };
    here += 1;
    while sentence.is(here, &["with", "in", "by", "on", "the", "word", "prefix", "suffix", "letters"])
        || matches!(sentence.text(here), ":" | "=")
    {
        here += 1;
    }
    let token = sentence.get(here).filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted))?;
    if matches!(kind, "named" | "called") && !token.text.contains(['*', '%']) {
        return None;
    }
    Some((here + 1, shape(&token.text)))
}

/// `replicate shop_pg to …`: the connection itself is the object.
fn whole_connection(reading: &mut Reading, sentence: &Sentence) {
    let nothing = reading.mentions.is_empty() && reading.source.is_some();
    let verb = sentence.tokens.iter().position(|token| {
        matches!(
            token.word.as_str(),
            "replicate"
                | "mirror"
                | "clone"
                | "migrate"
                | "backup"
                | "dump"
                | "replicating"
                | "mirroring"
                | "cloning"
                | "migrating"
        ) || (token.word == "back" && sentence.tokens.iter().any(|token| token.word == "up"))
    });
    let Some(verb) = verb.filter(|_| nothing) else { return };
    let object = (verb + 1..sentence.len())
        .find(|at| !sentence.is(*at, &["up", "the", "our", "my", "of", "whole", "entire", "all", "data", "database"]));
    if object.is_some_and(|at| reading.is(at, Use::Connection)) {
        reading.wildcard = Some(Wildcard { pattern: "*".to_owned(), words: String::new() });
    }
}

/// Names in places where a stream is due that are none: a slip, or unknown.
pub(super) fn read_unknown(reading: &mut Reading, streams: &Streams, before: &Before) {
    let sentence = reading.sentence.clone();
    let mut left_out = false;
    let mut at = 0;
    while at < sentence.len() {
        left_out = leaves_out(&sentence, at, left_out);
        let named = match sentence.get(at) {
            Some(token) if token.kind == Kind::Quoted => token.quote != Some('\''),
            Some(token) => {
                token.kind == Kind::Word
                    && !lexicon::is_known(&token.word)
                    && !token.text.contains("://")
                    && token.word.chars().any(char::is_alphabetic)
            }
            None => false,
        };
        if !named || !reading.free(at) {
            at += 1;
            continue;
        }
        let to = if sentence.kind(at) == Some(Kind::Quoted) { at + 1 } else { run_end(reading, at) };
        let compound = reading.mentions.iter().position(|mention| {
            mention.to == at && mention.how != How::Slip && !lexicon::is(&sentence, at.wrapping_sub(1), Class::Table)
        });
        if !due(reading, &sentence, at, to, before) && compound.is_none() {
            at = to;
            continue;
        }
        if left_out && reading.wildcard.is_none() && !before.wildcard && streams.slip(sentence.span(at, to)).is_none() {
            at = to;
            continue;
        }
        resolve(reading, streams, (at, to), left_out, compound);
        at = to;
    }
}

fn resolve(
    reading: &mut Reading,
    streams: &Streams,
    (at, to): (usize, usize),
    left_out: bool,
    compound: Option<usize>,
) {
    let sentence = reading.sentence.clone();
    let name = sentence.name(at, to);
    let slip = streams.slip(&name).map(|found| (at, to, found));
    // `the shiny custmers`: words of no meaning may stand before a name with a slip.
    let last = (to > at + 1)
        .then(|| streams.slip(sentence.text(to - 1)).or_else(|| streams.named(sentence.text(to - 1))))
        .flatten()
        .map(|found| (to - 1, to, found));
    if let Some((from, to, found)) = slip.or(last) {
        reading.mark(at, to, Use::Stream);
        mark_nouns(reading, from, to);
        reading.mentions.push(Mention {
            from,
            to,
            words: sentence.name(from, to),
            candidates: found.candidates,
            how: found.how,
            left_out,
        });
        return;
    }
    let (from, words) = match compound.map(|index| reading.mentions.remove(index)) {
        Some(mention) => (mention.from, sentence.span(mention.from, to).to_owned()),
        None => (at, name),
    };
    reading.mark(from, to, Use::Unknown);
    reading.unknown.push((words, from));
}

/// Whether a stream is due where an unknown name stands.
fn due(reading: &Reading, sentence: &Sentence, at: usize, to: usize, before: &Before) -> bool {
    let treated = [Class::Hash, Class::Mask, Class::Redact, Class::Partial, Class::Nullify]
        .iter()
        .any(|class| lexicon::is(sentence, to, *class));
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
    anchor(reading, sentence, at, before).unwrap_or(focus && sentence.len() <= 6)
}

/// What the words before make of an unknown name: true where a stream is due, false where it is not, `None` undecided.
fn anchor(reading: &Reading, sentence: &Sentence, at: usize, before: &Before) -> Option<bool> {
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
                    || lexicon::word_is(noun, Class::Generic)
                    || lexicon::word_is(noun, Class::Table)
                    || reading.transfer,
            );
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

fn separates(sentence: &Sentence, at: usize) -> bool {
    matches!(sentence.text(at), "," | "&" | "+" | "/") || sentence.is(at, &["and", "plus", "or", "n", "also"])
}

/// Decides what was left open until everything was read.
pub(super) fn settle(reading: &mut Reading, before: &Before) {
    let sentence = reading.sentence.clone();
    let wildcard = reading.wildcard.is_some() || before.wildcard;
    let named: Vec<_> = reading
        .mentions
        .iter()
        .filter(|mention| !mention.left_out)
        .flat_map(|mention| mention.candidates.clone())
        .collect();
    let relevant = |mention: &Mention| {
        !mention.left_out
            || wildcard
            || mention.candidates.iter().any(|candidate| before.picked.contains(candidate) || named.contains(candidate))
    };
    let (kept, dropped): (Vec<Mention>, Vec<Mention>) = reading.mentions.drain(..).partition(relevant);
    reading.mentions = kept;
    for mention in dropped {
        reading.mark(mention.from, mention.to, Use::Free);
    }
    reading.mentions.sort_by_key(|mention| mention.from);
    let adding = (0..sentence.len()).any(|at| {
        lexicon::is(&sentence, at, Class::Also) && !(sentence.is(at, &["more", "on", "plus"]))
            || sentence.is(at, &["plus"]) && at <= 1
    }) || (sentence.is(0, &["and", "plus"]) && sentence.len() > 1);
    reading.additive = adding && before.begun;
}
