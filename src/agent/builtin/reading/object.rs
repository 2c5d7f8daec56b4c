//! Which streams are meant: by name, with a slip, to be left out, and names that are none.

use super::due::{asks_for_itself, due, in_list, says_when};
use super::place::{Lead, lead};
use super::stranger::run_end;
use super::{Before, Mention, Reading, Use, passage};
use crate::agent::builtin::fold::fold;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::link::stream::{Found, Streams};
use crate::agent::builtin::token::{Kind, Sentence};

/// Finds streams by their exact names, where `asked` says that something is asked for.
pub(super) fn link(reading: &mut Reading, streams: &Streams, before: &Before, asked: &[bool]) {
    let sentence = reading.sentence.clone();
    let mut left_out = false;
    let mut at = 0;
    while at < sentence.len() {
        let uses = reading.uses.clone();
        let free = |at: usize| uses.get(at) == Some(&Use::Free);
        left_out =
            leaves_out(&sentence, at, left_out, &|object| streams.mention(&sentence, object, &free, true).is_some());
        // `a where …, b where …`: a new stream begins inside what was read as one condition.
        let readable = |at: usize| free(at) || uses.get(at) == Some(&Use::Shaded) && begins_anew(&sentence, at);
        let found = (readable(at) && asked.get(at) == Some(&true) && !elsewhere(&sentence, at, before))
            .then(|| {
                let due = listed(reading, &sentence, at, before) || of_place(reading, &sentence, at);
                streams.mention(&sentence, at, &readable, due)
            })
            .flatten();
        // `the finance team needs …`, `Study protocol 7 needs …`
        let Some((to, found)) = found
            .filter(|(to, _)| !asks_for_itself(&sentence, to + usize::from(!lexicon::is_known(sentence.word(*to)))))
            .filter(|(to, _)| {
                let place = lead(&sentence, at) == Lead::Destination && !lexicon::is(&sentence, *to, Class::Table);
                // `orders as past_orders`: a name that it is to have.
                let target = sentence.is(at.wrapping_sub(1), &["as", "called", "named"])
                    && !sentence.is(at.wrapping_sub(2), &["well"])
                    && !reading.mentions.is_empty();
                let other = place || target || owns(&sentence, *to);
                !other && !lexicon::is(&sentence, *to, Class::Column)
            })
        else {
            at += 1;
            continue;
        };
        reading.mark(at, to, Use::Stream);
        mark_nouns(reading, at, to);
        corrected(reading, &sentence, at);
        // `vat isn't needed in invoice`: a column of it, and not the stream.
        let holds = (at.saturating_sub(2)..at).any(|here| sentence.is(here, &["in", "of", "from", "for"]))
            && reading.mentions.iter().any(|known| known.candidates.iter().any(|one| found.candidates.contains(one)));
        let spurned = spurned(&sentence, at) || passage::unwanted(&sentence, at) && !holds;
        if spurned {
            // `orders — no, not orders, seats`: what was said before is taken back.
            reading.mentions.retain(|mention| !mention.candidates.iter().any(|known| found.candidates.contains(known)));
        }
        reading.mentions.push(Mention {
            from: at,
            to,
            words: sentence.name(at, to),
            candidates: found.candidates,
            how: found.how,
            left_out: left_out || spurned,
        });
        at = to;
    }
}

/// `guilds, no wait, guild_members`: what was said right before is taken back.
fn corrected(reading: &mut Reading, sentence: &Sentence, at: usize) {
    const AROUND: &[&str] =
        &["the", "er", "erm", "uh", "um", "hm", "hmm", "oh", "make", "that", "it", "or", "table", "of"];
    let Some(last) = reading.mentions.last().filter(|last| !last.left_out && last.to < at && at - last.to <= 8) else {
        return;
    };
    let (mut here, mut found) = (last.to, false);
    while here < at {
        if let Some(length) = lexicon::phrase(sentence, here, Class::Correction) {
            found = true;
            here += length;
        } else if sentence.kind(here) == Some(Kind::Mark) || sentence.is(here, AROUND) {
            here += 1;
        } else {
            return;
        }
    }
    if found
        && here == at
        && let Some(last) = reading.mentions.pop()
    {
        reading.mark(last.from, at, Use::Aside);
    }
}

/// `…, not drivers`, `(not drivers)`, `and not those of drivers`.
fn spurned(sentence: &Sentence, at: usize) -> bool {
    let mut here = at;
    while let Some(before) =
        here.checked_sub(1).filter(|before| sentence.is(*before, &["the", "of", "those", "ones", "table", "any"]))
    {
        here = before;
    }
    let not = here.checked_sub(1).filter(|not| sentence.is(*not, &["not"]));
    not.is_some_and(|not| {
        not == 0
            || matches!(sentence.text(not - 1), "," | "(" | ";" | "-" | "–" | "—" | ".")
            || sentence.is(not - 1, &["and", "but"])
    })
}

/// `the insurers' statements`: what is owned is spoken of, and not the owner.
fn owns(sentence: &Sentence, to: usize) -> bool {
    let mark = matches!(sentence.text(to), "'" | "’") && sentence.get(to).is_some_and(|token| token.glued);
    let owned = to + 1 + usize::from(sentence.is(to + 1, &["s"]));
    mark && sentence.kind(owned) == Some(Kind::Word)
        && !lexicon::is(sentence, owned, Class::Table)
        && !lexicon::word_is(sentence.word(owned), Class::Generic)
}

/// The stream of the next condition: `… and loans where`, `… and the loans whose`.
fn begins_anew(sentence: &Sentence, at: usize) -> bool {
    let the = usize::from(sentence.is(at.wrapping_sub(1), &["the"]));
    let joined =
        sentence.is(at.wrapping_sub(1 + the), &["and", "plus"]) || sentence.text(at.wrapping_sub(1 + the)) == ",";
    joined && (at + 1..at + 4).any(|here| sentence.is(here, &["where", "whose", "having"]))
}

/// `the entries of the shift logbook`: an everyday word that a place is said to have.
fn of_place(reading: &Reading, sentence: &Sentence, at: usize) -> bool {
    let mut here = at + 2;
    while lexicon::word_is(sentence.word(here), Class::Determiner) {
        here += 1;
    }
    let of = sentence.is(at + 1, &["of"]) && reading.is(here, Use::Connection);
    // `the logbook's entries`
    let owned =
        at >= 3 && sentence.is(at - 1, &["s"]) && (at.saturating_sub(4)..at).any(|at| reading.is(at, Use::Connection));
    // `entries from the logbook`, at the head of what is said
    let mut place = at + 2;
    while lexicon::word_is(sentence.word(place), Class::Determiner) {
        place += 1;
    }
    let heads = at == 0 && reading.source.is_some();
    let opens = heads
        || (at == 0 || sentence.kind(at - 1) == Some(Kind::Mark))
            && lexicon::is(sentence, at + 1, Class::From)
            && reading.is(place, Use::Connection);
    of || owned || opens
}

/// Whether a list of streams goes on here, so that an everyday word names one too.
fn listed(reading: &Reading, sentence: &Sentence, at: usize, before: &Before) -> bool {
    let mut here = at;
    while let Some(previous) = here.checked_sub(1).filter(|previous| {
        separates(sentence, *previous)
            || sentence.is(*previous, &["the", "our", "my", "all"])
            || matches!(sentence.text(*previous), "-" | "*" | "•" | "–")
            || sentence.text(*previous) == "." && sentence.kind(previous.wrapping_sub(1)) == Some(Kind::Number)
            || sentence.kind(*previous) == Some(Kind::Number)
    }) {
        here = previous;
    }
    let behind = here < at && here.checked_sub(1).is_some_and(|previous| reading.is(previous, Use::Stream));
    // The answer to `which streams?` is nothing but names.
    behind || before.focus.as_deref() == Some("streams") && sentence.len() <= 6
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

/// Whether names from here on are named to be left out. `names` says whether a stream is named at a place.
fn leaves_out(sentence: &Sentence, at: usize, before: bool, names: &dyn Fn(usize) -> bool) -> bool {
    if let Some(length) = lexicon::phrase(sentence, at, Class::Except) {
        // `drop a copy of orders`, `no, the orders`: not a word for leaving out here.
        // `every insert, update and delete of …`
        let events = sentence.is(at, &["delete", "deletes", "remove"])
            && (at.saturating_sub(4)..at).any(|here| sentence.is(here, &["insert", "update", "inserts", "updates"]));
        if events {
            return before;
        }
        let lacks = sentence.is(
            at.wrapping_sub(1),
            &["have", "has", "had", "is", "are", "got", "see", "there's", "find", "getting", "still", "missing"],
        );
        let deny = sentence.is(at, &["no"]) && (lacks || matches!(sentence.text(at + length), "," | "." | ""));
        let mut object = at + length;
        while sentence
            .is(object, &["the", "our", "my", "any", "all", "those", "of", "from", "table", "tables", "a", "for"])
            || matches!(sentence.text(object), ":" | "(")
        {
            object += 1;
        }
        // `drop the orders into the lake`
        let puts = sentence.is(at, &["drop", "dropping", "cut"])
            && (object..sentence.len()).take_while(|here| !matches!(sentence.text(*here), "." | ";" | ",")).any(
                |here| {
                    sentence.is(here, &["into", "onto", "in"])
                        && !sentence.is(here.wrapping_sub(1), &["column", "columns"])
                },
            );
        let of_rows = sentence.is(at, &["ignore", "skip", "forget"])
            && sentence.is(at + 1, &["deletes", "deletions", "duplicates"]);
        return !(deny || puts || of_rows) && names(object);
    }
    // `apart from`: the second word of the phrase ends nothing.
    let inside = (1..4).any(|back| {
        at.checked_sub(back).is_some_and(|start| lexicon::phrase(sentence, start, Class::Except) > Some(back))
    });
    if !before || inside {
        return before;
    }
    let ends = matches!(sentence.text(at), "." | ";" | "!" | "?")
        || lexicon::is(sentence, at, Class::Transfer)
        || lexicon::is(sentence, at, Class::To)
        || lexicon::is(sentence, at, Class::From)
        || lexicon::is(sentence, at, Class::Hash)
        || lexicon::is(sentence, at, Class::Mask)
        || lexicon::is(sentence, at, Class::Rename)
        || sentence.is(at, &["add", "include", "keep", "take", "where", "every", "instead", "should", "must", "but"]);
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

/// Names in places where a stream is due that are none: a slip, or unknown.
pub(super) fn read_unknown(reading: &mut Reading, streams: &Streams, before: &Before) {
    let sentence = reading.sentence.clone();
    let mut left_out = false;
    let mut at = 0;
    while at < sentence.len() {
        left_out = leaves_out(&sentence, at, left_out, &|object| !reading.is_column(object));
        let named = match sentence.get(at) {
            Some(token) if token.kind == Kind::Quoted => token.quote != Some('\''),
            Some(token) => {
                token.kind == Kind::Word
                    && (!lexicon::is_english(&token.word)
                        || in_list(reading, &sentence, at)
                        || left_out && before.focus.as_deref() == Some("streams") && !lexicon::is_known(&token.word))
                    && token.word != "s"
                    && !token.text.contains("://")
                    && token.word.chars().any(char::is_alphabetic)
            }
            None => false,
        };
        let described = reading.described.get(at) == Some(&true) && !reading.mentions.is_empty();
        let known = reading.mentions.iter().flat_map(|mention| &mention.candidates).chain(&before.picked);
        let namespace = known.clone().any(|candidate| {
            candidate.stream.rsplit_once('.').is_some_and(|(namespace, _)| fold(namespace) == fold(sentence.text(at)))
        });
        if !named
            || !reading.free(at)
            || namespace
            || reading.is_column(at)
            || described
            || passage::unwanted(&sentence, at)
        {
            at += 1;
            continue;
        }
        let to = if sentence.kind(at) == Some(Kind::Quoted) { at + 1 } else { run_end(reading, at) };
        if asks_for_itself(&sentence, to) {
            reading.mark(at, to, Use::Aside);
            at = to;
            continue;
        }
        let compound = reading.mentions.iter().position(|mention| {
            mention.to == at
                && mention.how != How::Slip
                && !passage::begins(&sentence, at)
                && !lexicon::is(&sentence, at.wrapping_sub(1), Class::Table)
        });
        // `invoices issued since May`: what happened to them, and no longer name.
        // `heavier than 7500`, `issued since May`: said of rows.
        let of_rows = sentence.word(at).ends_with("ed") && says_when(&sentence, to)
            || sentence.word(to - 1).ends_with("er") && sentence.is(to, &["than"]);
        if of_rows {
            at = to;
            continue;
        }
        if left_out && before.focus.as_deref() == Some("streams") && streams.slip(sentence.span(at, to)).is_none() {
            // The answer to `there is no such stream`: it goes, and is no column either.
            reading.mark(at, to, Use::Unknown);
            at = to;
            continue;
        }
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
    let slip = streams.slip(&name).map(|found| (at, to, found)).or_else(|| two_words(reading, streams, at, to));
    // `the shiny custmers`: words of no meaning may stand before a name with a slip.
    let last = (to > at + 1)
        .then(|| streams.slip(sentence.text(to - 1)).or_else(|| streams.named(sentence.text(to - 1))))
        .flatten()
        .map(|found| (to - 1, to, found));
    if let Some((from, to, found)) = slip.or(last) {
        reading.mark(at.min(from), to, Use::Stream);
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

/// `housekeping tasks` for `housekeeping_tasks`: the slip and the everyday word beside it are one name.
fn two_words(reading: &Reading, streams: &Streams, at: usize, to: usize) -> Option<(usize, usize, Found)> {
    let word = |here: usize| reading.free(here) && reading.sentence.kind(here) == Some(Kind::Word);
    [Some((at, to + 1)), at.checked_sub(1).map(|at| (at, to))]
        .into_iter()
        .flatten()
        .filter(|(from, end)| (*from..*end).all(word) && end - from <= 3)
        .find_map(|(from, end)| streams.slip(reading.sentence.span(from, end)).map(|found| (from, end, found)))
}

pub(super) fn separates(sentence: &Sentence, at: usize) -> bool {
    let listed = sentence.text(at) == ";" && sentence.kind(at + 1) == Some(Kind::Word);
    listed || matches!(sentence.text(at), "," | "&" | "+" | "/") || sentence.is(at, &["and", "plus", "or", "n", "also"])
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
        // A stream in its very name stays one, wanted or not; `customer` may as well be a column.
        let exact = mention.candidates.iter().any(|candidate| {
            let last = candidate.stream.rsplit('.').next().unwrap_or_default();
            fold(last) == fold(&mention.words)
        });
        reading.mark(mention.from, mention.to, if exact { Use::Aside } else { Use::Free });
    }
    super::namesake::by_namespace(reading);
    reading.mentions.sort_by_key(|mention| mention.from);
    let adding = (0..sentence.len()).any(|at| {
        lexicon::is(&sentence, at, Class::Also) && !(sentence.is(at, &["more", "on", "plus"]))
            || sentence.is(at, &["plus"]) && at <= 1
    }) || (sentence.is(0, &["and", "plus"]) && sentence.len() > 1)
        || (0..sentence.len())
            .any(|at| sentence.is(at, &["forgot", "along", "missing", "forgotten"]) && !sentence.is(at + 1, &["with"]));
    reading.additive = adding && before.begun;
}
