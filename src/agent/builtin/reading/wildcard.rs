//! Many streams at once: all of them, those of a pattern, a whole connection.

use super::{Reading, Use, Wildcard};
use crate::agent::builtin::fold::{fold, parts};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::stream::Streams;
use crate::agent::builtin::token::{Kind, Sentence};

/// `all tables`, `everything`, `order_*`, `all tables that start with log`.
pub(super) fn read(reading: &mut Reading, streams: &Streams) {
    let sentence = reading.sentence.clone();
    for at in 0..sentence.len() {
        if !reading.free(at) {
            continue;
        }
        // `select * from orders` names its table.
        let counted = sentence.text(at) == "*" && reading.mentions.iter().any(|mention| !mention.left_out);
        if let Some(pattern) = star(&sentence, at).filter(|_| !counted) {
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
    let spaced = token.text.contains(char::is_whitespace);
    (name && starred && !cron && !spaced && !sentence.is(at.wrapping_sub(1), &["like", "matches", "contains"]))
        .then(|| token.text.clone())
}

#[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
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
        let led = (at + 1..here).any(|at| sentence.is(at, &["in", "from"]));
        if led && !lexicon::word_is(sentence.word(here), Class::Namespace) {
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
    // `all billing tables`: the connection or the namespace between.
    if here > at
        && (reading.is(here, Use::Connection) || reading.is(here, Use::Namespace))
        && (here..here + 3)
            .any(|at| lexicon::word_is(sentence.word(at), Class::Table) || reading.is(at, Use::Namespace))
        && !named
    {
        return Some((at + 1, Wildcard { pattern: "*".to_owned(), words: sentence.span(at, here + 2).to_owned() }));
    }
    // `all customer tables`: a word of the names between.
    let word = sentence.get(here).filter(|token| token.kind != Kind::Mark && reading.free(here) && here > at);
    if let Some(word) = word
        && lexicon::is(sentence, here + 1, Class::Table)
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
        && !(here > at + 1 && sentence.is(here, &["in"]) && lexicon::is(sentence, here + 1, Class::From))
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
    let nothing = reading.mentions.iter().all(|mention| mention.left_out) && reading.source.is_some();
    // `all the crm data`, `crm complete`: with nothing else named, the source is what is all.
    let whole = (0..sentence.len()).find(|at| {
        sentence.is(
            *at,
            &[
                "all",
                "everything",
                "whole",
                "entire",
                "complete",
                "completely",
                "entirely",
                "entirety",
                "wholly",
                "anything",
            ],
        ) && (reading.free(*at) || reading.is(*at, Use::Connection))
            && !(at + 1..at + 4).any(|here| {
                lexicon::is(sentence, here, Class::Column)
                    || sentence.is(
                        here,
                        &["changes", "day", "days", "hours", "time", "times", "night", "set", "good", "right"],
                    )
            })
            && !sentence
                .is(at.wrapping_sub(1), &["at", "after", "not", "reload", "overwrite", "forget", "is", "that's"])
    });
    if let Some(at) = whole.filter(|_| nothing && !unnamed(reading, sentence)) {
        reading.wildcard = Some(Wildcard { pattern: "*".to_owned(), words: sentence.text(at).to_owned() });
        return;
    }
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
    let object = (verb + 1..sentence.len()).find(|at| {
        !sentence.is(
            *at,
            &[
                "up", "the", "our", "my", "of", "whole", "entire", "all", "data", "database", "complete", "full",
                "from", "a", "copy",
            ],
        )
    });
    if object.is_some_and(|at| reading.is(at, Use::Connection)) {
        reading.wildcard = Some(Wildcard { pattern: "*".to_owned(), words: String::new() });
    }
}

/// Whether a word stands there that may name a stream which is none: it is asked about rather than passed over.
fn unnamed(reading: &Reading, sentence: &Sentence) -> bool {
    (0..sentence.len()).any(|at| {
        reading.free(at)
            && sentence.kind(at) == Some(Kind::Word)
            && !lexicon::is_english(sentence.word(at))
            && sentence.text(at).chars().any(char::is_alphabetic)
            && lexicon::is(sentence, at + 1, Class::From)
    })
}
