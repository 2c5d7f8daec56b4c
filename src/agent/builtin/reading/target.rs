//! Names that streams are to have at the destination: `as clients`, `into a table called clients`.

use super::{Reading, Use};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

pub(super) fn read(reading: &mut Reading) {
    let sentence = reading.sentence.clone();
    let mut at = 0;
    while at < sentence.len() {
        let found = in_table(reading, &sentence, at)
            .or_else(|| renamed(reading, &sentence, at))
            .or_else(|| behind_place(reading, &sentence, at))
            .or_else(|| called(reading, &sentence, at));
        let Some((from, to, name, mention)) = found else {
            at += 1;
            continue;
        };
        reading.mark(from, to, Use::Target);
        let name = match name.rsplit_once('.') {
            // `sales_data.clients`: the namespace has been read, or is read elsewhere.
            Some((_, table)) if reading.namespace.is_some() => table.to_owned(),
            _ => name,
        };
        reading.targets.push((mention, name));
        at = to;
    }
}

type Found = (usize, usize, String, Option<usize>);

fn name(sentence: &Sentence, at: usize) -> Option<String> {
    let token = sentence.get(at)?;
    let plain = token.kind == Kind::Word
        && token.text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-' | '$'));
    (plain || token.kind == Kind::Quoted).then(|| token.text.clone())
}

/// The mention right before a place, with at most a noun, a pronoun or a mark between.
fn mention_before(reading: &Reading, sentence: &Sentence, at: usize) -> Option<usize> {
    let mut here = at;
    for _ in 0..4 {
        here = here.checked_sub(1)?;
        if reading.is(here, Use::Stream) {
            return reading.mentions.iter().position(|mention| mention.from <= here && here <= mention.to);
        }
        if !sentence.is(here, &["it", "table", "the", "stream", "be", "should", "is", "target"])
            && sentence.text(here) != ")"
        {
            return None;
        }
    }
    None
}

/// `into a table called clients`, `to table clients`, `target clients`, `target table: clients`.
fn in_table(reading: &Reading, sentence: &Sentence, at: usize) -> Option<Found> {
    let mut here = at;
    let to = lexicon::word_is(sentence.word(at), Class::To) || sentence.is(at, &["as", "in"]);
    if to {
        here += 1;
        while sentence.is(here, &["a", "an", "the", "new", "separate", "its", "own"]) {
            here += 1;
        }
        if !sentence.is(here, &["table", "tables", "collection", "tbl"]) {
            return None;
        }
        here += 1;
    } else if sentence.is(at, &["target", "name"])
        && sentence.is(at + 1, &["the"])
        && sentence.is(at + 2, &["target", "table"])
    {
        here += 3;
    } else if sentence.is(at, &["target", "destination"]) {
        here += 1;
        here += usize::from(sentence.is(here, &["table"]));
        here += usize::from(sentence.is(here, &["name"]));
        if here == at + 1
            && !matches!(sentence.text(here), ":" | "=")
            && !sentence.is(here, &["called", "named", "is", "should"])
        {
            return None;
        }
    } else {
        return None;
    }
    while sentence.is(here, &["called", "named", "name", "is", "be", "should", "to", "with", "of"])
        || matches!(sentence.text(here), ":" | "=")
    {
        here += 1;
    }
    let name = name(sentence, here)
        .filter(|_| reading.uses.get(here).is_some_and(|used| matches!(used, Use::Free | Use::Stream)))?;
    let known = lexicon::is_known(sentence.word(here))
        && sentence.kind(here) == Some(Kind::Word)
        && !sentence.is(here.wrapping_sub(1), &["called", "named", "name"]);
    (!known).then(|| (at, here + 1, name, mention_before(reading, sentence, at)))
}

/// The only stream that is to move.
fn only(reading: &Reading) -> Option<usize> {
    let mut wanted = reading.mentions.iter().enumerate().filter(|(_, mention)| !mention.left_out);
    let (first, _) = wanted.next()?;
    wanted.next().is_none().then_some(first)
}

/// `orders from shop to lake as fact_orders`: the name stands behind the place.
fn behind_place(reading: &Reading, sentence: &Sentence, at: usize) -> Option<Found> {
    let behind = at.checked_sub(1).is_some_and(|before| {
        reading.is(before, Use::Connection) || reading.is(before, Use::Namespace) || sentence.text(before) == ","
    });
    let here = at + 1 + usize::from(sentence.is(at + 1, &["table", "a", "the"]));
    let spelled = name(sentence, here).filter(|_| reading.uses.get(here) == Some(&Use::Free))?;
    let plain = !lexicon::is_known(sentence.word(here)) || sentence.kind(here) == Some(Kind::Quoted);
    (behind && sentence.is(at, &["as"]) && plain && !reading.is_column(here))
        .then(|| only(reading))
        .flatten()
        .map(|mention| (at, here + 1, spelled, Some(mention)))
}

/// `the table there should be named old_orders`, `call the target old_orders`.
fn called(reading: &Reading, sentence: &Sentence, at: usize) -> Option<Found> {
    const BETWEEN: &[&str] = &[
        "be",
        "should",
        "shall",
        "must",
        "will",
        "is",
        "to",
        "there",
        "then",
        "get",
        "gets",
        "target",
        "destination",
        "new",
        "just",
        "simply",
        "over",
        "side",
        "then",
        "in",
        "the",
        "has",
    ];
    const NOUNS: &[&str] = &["table", "target", "copy", "collection"];
    let verb = sentence.is(at, &["called", "named", "call", "name"]);
    let back = (at.saturating_sub(7)..at)
        .rev()
        .find(|here| !sentence.is(*here, BETWEEN) || sentence.is(*here, NOUNS))
        .is_some_and(|here| sentence.is(here, NOUNS) || sentence.is(here, &["it"]) && only(reading).is_some());
    let noun_behind = (at + 1..at + 4).find(|here| !sentence.is(*here, &["the", "new", "destination"]));
    let ahead =
        noun_behind.filter(|here| sentence.is(*here, &["table", "target"]) || sentence.is(here - 1, &["target"]));
    // `sites become park_list`, `the resulting table's name is park_list`
    let becomes = sentence.is(at, &["become", "becomes"])
        && at.checked_sub(1).is_some_and(|before| {
            [Use::Stream, Use::Connection, Use::Namespace].iter().any(|value| reading.is(before, *value))
        });
    let named = sentence.is(at, &["name"])
        && sentence.is(at + 1, &["is", "should", "shall", "must", "will", "being"])
        && (at.saturating_sub(4)..at).any(|here| sentence.is(here, NOUNS));
    if becomes || named {
        let start = (at + 1..at + 4).find(|here| {
            !sentence.is(*here, &["is", "should", "be", "shall", "must", "will", "the", "table", "being"])
        })?;
        let spelled = name(sentence, start).filter(|_| reading.uses.get(start) == Some(&Use::Free))?;
        let plain = !lexicon::is_english(sentence.word(start)) || spelled.contains('_');
        return plain.then(|| only(reading).map(|mention| (at, start + 1, spelled, Some(mention)))).flatten();
    }
    // `under the name old_orders`
    if sentence.is(at, &["under", "by", "with"]) && sentence.is(at + 1, &["the", "a"]) && sentence.is(at + 2, &["name"])
    {
        let start = at + 3 + usize::from(sentence.is(at + 3, &["of"]));
        let spelled = name(sentence, start).filter(|_| reading.uses.get(start) == Some(&Use::Free))?;
        return Some((at, start + 1, spelled, only(reading)));
    }
    let start = match ahead {
        Some(noun) if sentence.is(at, &["call", "name"]) => noun + 1,
        _ if back && sentence.is(at, &["called", "named"]) => at + 1,
        _ => return None,
    };
    let spelled = name(sentence, start).filter(|_| verb && reading.uses.get(start) == Some(&Use::Free))?;
    let plain = !lexicon::is_known(sentence.word(start)) || sentence.kind(start) == Some(Kind::Quoted);
    plain.then_some((at, start + 1, spelled, only(reading)))
}

/// `orders as fact_orders`, `rename orders to fact_orders`, `call it clients`, `named clients`.
fn renamed(reading: &Reading, sentence: &Sentence, at: usize) -> Option<Found> {
    let mention = mention_before(reading, sentence, at);
    let verb_before = (at.saturating_sub(5)..at).any(|here| {
        sentence.is(here, &["rename", "renamed", "call", "name", "change", "land", "store", "save", "write"])
    });
    let pronoun =
        at.checked_sub(1).is_some_and(|before| sentence.is(before, &["it", "them", "table", "target"])) && verb_before;
    if mention.is_none() && !pronoun {
        return None;
    }
    let mut here = at;
    if sentence.is(at, &["as"]) && sentence.is(at.wrapping_sub(1), &["well"]) || sentence.is(at + 1, &["well"]) {
        return None;
    }
    let names = sentence.is(at, &["as", "called", "named"]) || matches!(sentence.text(at), "->" | "→" | "=>");
    let renames = sentence.is(at, &["to", "into"])
        && verb_before
        && mention.is_some()
        && (at.saturating_sub(5)..at).any(|here| sentence.is(here, &["rename", "renamed", "call", "change"]));
    if names || renames {
        here += 1;
    } else if !(pronoun || verb_before && mention.is_some()) || sentence.is(at, &["to", "into", "in", "from"]) {
        return None;
    }
    while sentence.is(here, &["called", "named", "just", "simply", "a", "the", "new", "table", "name"]) {
        here += 1;
    }
    let spelled = name(sentence, here)?;
    let usable = reading.uses.get(here).is_some_and(|used| matches!(used, Use::Free | Use::Stream))
        && (!lexicon::is_known(sentence.word(here))
            || sentence.kind(here) == Some(Kind::Quoted)
            || spelled.contains('_'));
    // A list after `->` or `as` is a place, and a name before a column list is none of ours.
    (usable && here > at).then(|| (at, here + 1, spelled, mention)).or_else(|| {
        (usable && pronoun && here == at && verb_before)
            .then(|| (at, here + 1, name(sentence, here).unwrap_or_default(), mention))
    })
}
