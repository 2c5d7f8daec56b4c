//! The sentences and lines of an utterance, and which of them ask for something: a mail tells of the past, greets and is
//! signed, and what is named there is not asked for.

use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// What a passage is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It asks, or says of what, from where, to where, when.
    Request,
    /// It describes: names in it count where no other passage names any.
    Plain,
    /// It tells of the past, greets or is a signature: nothing in it is asked for.
    Aside,
}

/// A sentence, or a line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    pub from: usize,
    pub to: usize,
    pub purpose: Purpose,
}

/// Lines longer than this are broken by the writer's program and not by the writer.
const WRAPPED: usize = 64;

const ASKING: &[&str] = &[
    "need",
    "needs",
    "want",
    "wants",
    "like",
    "please",
    "pls",
    "plz",
    "should",
    "must",
    "shall",
    "require",
    "required",
    "wish",
    "request",
    "let's",
    "lets",
    "configure",
    "setup",
    "wanna",
    "gonna",
    "after",
    "looking",
    "kindly",
];
/// Words that go on about what has been asked for.
const GOING_ON: &[&str] = &[
    "it",
    "they",
    "them",
    "these",
    "those",
    "this",
    "that",
    "all",
    "both",
    "source",
    "target",
    "destination",
    "schedule",
    "table",
    "tables",
    "columns",
    "column",
    "data",
    "only",
    "no",
    "not",
    "without",
    "with",
    "and",
    "also",
    "but",
    "once",
    "twice",
    "every",
    "daily",
    "hourly",
    "weekly",
    "monthly",
    "nightly",
    "from",
    "to",
    "into",
    "in",
    "use",
    "same",
    "incremental",
    "full",
    "mode",
    "key",
    "cursor",
    "filter",
    "goes",
    "actually",
    "sorry",
    "or",
    "then",
    "where",
    "at",
    "on",
    "each",
    "frequency",
    "there",
];
const PAST: &[&str] = &[
    "was",
    "were",
    "had",
    "did",
    "broke",
    "came",
    "left",
    "ran",
    "went",
    "told",
    "said",
    "gave",
    "took",
    "got",
    "built",
    "wrote",
    "kept",
    "used",
    "happened",
    "failed",
    "stopped",
    "asked",
    "worked",
    "tried",
    "promised",
    "discussed",
    "agreed",
    "decided",
    "sent",
];
/// Words before a participle that is nothing of the past: `phones are left out`.
const PASSIVE: &[&str] = &["is", "are", "be", "been", "being", "should", "must", "to", "gets", "get", "only", "not"];
const CLOSING: &[&str] = &[
    "regards",
    "cheers",
    "thanks",
    "thank",
    "best",
    "kind",
    "sincerely",
    "greetings",
    "yours",
    "many",
    "br",
    "rgds",
    "thx",
    "warm",
    "warmly",
    "merci",
    "gruss",
    "ciao",
    "bye",
    "respectfully",
];

pub(crate) fn read(sentence: &Sentence) -> Vec<Passage> {
    let mut passages = divide(sentence);
    for index in 0..passages.len() {
        let Some(passage) = passages.get(index).copied() else { continue };
        let purpose = purpose(sentence, passage.from, passage.to);
        if let Some(passage) = passages.get_mut(index) {
            passage.purpose = purpose;
        }
    }
    let asked = passages.iter().any(|passage| passage.purpose == Purpose::Request);
    if passages.len() < 2 || !asked {
        for passage in &mut passages {
            passage.purpose = Purpose::Request;
        }
        return passages;
    }
    greeting(sentence, &mut passages);
    signature(sentence, &mut passages);
    passages
}

fn divide(sentence: &Sentence) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut from = 0;
    for at in 0..sentence.len() {
        if at > from && (begins(sentence, at) || ends(sentence, at - 1)) {
            passages.push(Passage { from, to: at, purpose: Purpose::Plain });
            from = at;
        }
    }
    if from < sentence.len() {
        passages.push(Passage { from, to: sentence.len(), purpose: Purpose::Plain });
    }
    passages
}

/// A full stop with a gap behind it.
fn ends(sentence: &Sentence, at: usize) -> bool {
    let glued = sentence.get(at + 1).is_some_and(|token| token.glued);
    let abbreviated =
        sentence.is(at.wrapping_sub(1), &["mr", "mrs", "ms", "dr", "st", "no", "e.g", "i.e", "etc", "vs"]);
    // `tables: seats; tickets`: the next item of a list.
    let item = sentence.text(at) == ";"
        && (at + 1..at + 4).any(|here| {
            here >= sentence.len() || sentence.text(here) == ";" || here > at + 1 && begins(sentence, here)
        });
    sentence.kind(at) == Some(Kind::Mark)
        && !item
        && matches!(sentence.text(at), "." | "!" | "?" | ";")
        && !glued
        && !abbreviated
}

/// A new line of a list, a new paragraph, or a line that the writer broke.
pub(crate) fn begins(sentence: &Sentence, at: usize) -> bool {
    let (Some(before), Some(token)) = (at.checked_sub(1).and_then(|at| sentence.get(at)), sentence.get(at)) else {
        return false;
    };
    let gap = sentence.raw.get(before.end..token.start).unwrap_or("");
    if !gap.contains('\n') {
        return false;
    }
    let line = sentence.raw.get(..before.end).unwrap_or("").rsplit('\n').next().unwrap_or("");
    gap.matches('\n').count() > 1
        || is_bullet(sentence, at)
        || sentence.text(at) == ">"
        || line.chars().count() < WRAPPED
}

/// `> Could we get the tickets too?`: a line of somebody else's mail.
fn is_quoted(sentence: &Sentence, at: usize) -> bool {
    sentence.text(at) == ">"
        && (at == 0 || {
            let (before, token) = (sentence.get(at - 1), sentence.get(at));
            before.zip(token).is_some_and(|(before, token)| {
                sentence.raw.get(before.end..token.start).is_some_and(|gap| gap.contains('\n'))
            })
        })
}

fn is_bullet(sentence: &Sentence, at: usize) -> bool {
    matches!(sentence.text(at), "-" | "*" | "•" | "–" | "+" | "—")
        || sentence.kind(at) == Some(Kind::Number) && matches!(sentence.text(at + 1), "." | ")")
}

fn purpose(sentence: &Sentence, from: usize, to: usize) -> Purpose {
    let any = |words: &[&str]| (from..to).any(|at| sentence.is(at, words));
    let verb =
        (from..to).any(|at| lexicon::phrase(sentence, at, Class::Transfer).is_some() && !is_past(sentence.word(at)));
    let arrow = (from..to).any(|at| sentence.kind(at) == Some(Kind::Operator));
    let places = (from..to).any(|at| lexicon::word_is(sentence.word(at), Class::From))
        && (from..to).any(|at| lexicon::word_is(sentence.word(at), Class::To));
    let polite = any(&["can", "could", "would"]) && any(&["you", "we", "i"]);
    // `phones are left out`, `it must be loaded`: nothing of the past.
    let past = (from..to).any(|at| is_past(sentence.word(at)) && !(at > from && sentence.is(at - 1, PASSIVE)));
    if is_quoted(sentence, from) {
        return Purpose::Aside;
    }
    let listed = is_bullet(sentence, from) || (from..to.min(from + 4)).any(|at| matches!(sentence.text(at), ":" | "="));
    // `if it ran at six, we'd be happy`: a wish.
    let wish = sentence.is(from, &["if"]) || any(&["we'd", "i'd", "we'll", "we're"]);
    if wish || any(ASKING) || arrow || polite || listed || verb && !past {
        return Purpose::Request;
    }
    if past {
        return Purpose::Aside;
    }
    let goes_on = sentence.is(from, GOING_ON) || sentence.kind(from) == Some(Kind::Number);
    if places || goes_on { Purpose::Request } else { Purpose::Plain }
}

/// A verb in the past tense that is no participle of a request.
fn is_past(word: &str) -> bool {
    PAST.contains(&word) || word.ends_with("ed") && lexicon::word_is(word, Class::Transfer)
}

/// `Dear team,` at the top.
fn greeting(sentence: &Sentence, passages: &mut [Passage]) {
    let Some(first) = passages.first_mut() else { return };
    let greets =
        lexicon::is(sentence, first.from, Class::Greeting) || sentence.is(first.from, &["dear", "hi", "hello"]);
    if greets && first.to - first.from <= 7 && !(first.from..first.to).any(|at| sentence.is(at, ASKING)) {
        first.purpose = Purpose::Aside;
    }
}

/// `Best regards` and all that follows it, where nothing is asked for behind it.
fn signature(sentence: &Sentence, passages: &mut [Passage]) {
    for index in 1..passages.len() {
        let Some(passage) = passages.get(index).copied() else { return };
        let behind = passages.get(index + 1..).unwrap_or_default();
        // `kind regards`, but not `kind becomes …`.
        let polite = !sentence.is(passage.from, &["kind", "best", "warm", "many"])
            || sentence.is(passage.from + 1, &["regards", "wishes", "thanks", "greetings"])
            || sentence.text(passage.from + 1) == ","
            || passage.to == passage.from + 1;
        let closes = sentence.is(passage.from, CLOSING)
            && polite
            && (passage.to - passage.from <= 8)
            && behind.iter().all(|later| {
                !(later.from..later.to)
                    .any(|at| lexicon::phrase(sentence, at, Class::Transfer).is_some() || sentence.is(at, ASKING))
            })
            && behind.iter().map(|later| later.to - later.from).sum::<usize>() <= 30;
        if closes {
            for passage in passages.iter_mut().skip(index) {
                passage.purpose = Purpose::Aside;
            }
            return;
        }
    }
}

/// `later on we will want …`: not now.
fn later(sentence: &Sentence, at: usize) -> bool {
    let word = |step: usize| sentence.word(at + step);
    let when = matches!(word(0), "later" | "eventually" | "someday") && !matches!(word(1), "than")
        || word(0) == "in" && matches!(word(1), "future")
        || word(0) == "the" && word(1) == "future"
        || word(0) == "some" && word(1) == "day"
        || word(0) == "at" && word(1) == "some" && word(2) == "point"
        || word(0) == "another" && matches!(word(1), "day" | "time");
    when && (at.saturating_sub(8)..at + 9).any(|here| {
        sentence.is(
            here,
            &["will", "may", "might", "we'll", "i'll", "can", "could", "want", "need", "follow", "come", "add", "do"],
        )
    })
}

/// Whether a place stands in a clause that says that something is not wanted: `we do not need the orders`, `the orders are
/// not needed`, `there is no need to touch the orders`.
pub(crate) fn unwanted(sentence: &Sentence, at: usize) -> bool {
    let bound = |here: usize| {
        matches!(sentence.text(here), "." | ";" | "," | "!" | "?" | "(" | ")" | ":")
            && sentence.kind(here) == Some(Kind::Mark)
            || sentence.is(here, &["but", "however", "only", "just"])
            || begins(sentence, here + 1)
    };
    let from = (0..at).rev().find(|here| bound(*here)).map_or(0, |here| here + 1);
    let to = (at..sentence.len())
        .find(|here| bound(*here))
        .map_or(sentence.len(), |here| here + usize::from(begins(sentence, here + 1)));
    (from..to).any(|here| {
        let word = |step: usize| sentence.word(here + step);
        let negated = lexicon::word_is(word(0), Class::Denial);
        let wanted = |step: usize| {
            matches!(
                word(step),
                "needed" | "required" | "wanted" | "necessary" | "relevant" | "interesting" | "touched" | "requested"
            )
        };
        let verb = |step: usize| matches!(word(step), "need" | "want" | "require" | "touch" | "care");
        negated && (wanted(1) || verb(1) || matches!(word(1), "really" | "yet" | "to") && (wanted(2) || verb(2)))
            || word(0) == "no"
                && (matches!(word(1), "use" | "interest") && !matches!(word(2), "for" | "of")
                    || word(1) == "need"
                        && word(2) == "to"
                        && (lexicon::word_is(word(3), Class::Transfer) || lexicon::word_is(word(3), Class::Taking)))
            || word(0) == "no" && word(1) == "longer" && (verb(2) || wanted(2))
            || word(0) == "not" && word(1) == "interested"
            || word(0) == "can" && word(1) == "wait"
            || word(0) == "left" && word(1) == "alone"
            || word(0) == "next" && word(1) == "time"
            || later(sentence, here)
            || matches!(word(0), "stay" | "stays" | "remain" | "remains" | "leave")
                && (1..4)
                    .any(|step| word(step) == "where" && matches!(word(step + 1), "they" | "it" | "those" | "that"))
    }) && !(from..to).any(|here| sentence.is(here, &["filter", "schedule", "column", "columns", "rows"]))
}

#[cfg(test)]
mod tests {
    use super::Purpose::{Aside, Request};
    use super::*;

    fn purposes(say: &str) -> Vec<Purpose> {
        read(&Sentence::new(say)).into_iter().map(|passage| passage.purpose).collect()
    }

    #[test]
    fn mails_are_told_apart_from_what_they_ask() {
        let mail = "Hello everyone,\n\nin spring Olga exported the tickets by hand, which nobody liked. Could you copy the \
                    tickets to the lake?\nThey are in the shop database.\n\nThanks a lot\nOlga, extension 17";
        assert_eq!(purposes(mail), [Aside, Aside, Request, Request, Aside, Aside]);
        assert_eq!(purposes("copy a to b"), [Request]);
        // A story alone is all that there is to read.
        assert_eq!(purposes("we moved the orders. it broke."), [Request, Request]);
        assert_eq!(purposes("move these:\n- tickets\n- seats"), [Request, Request, Request]);
    }

    #[test]
    fn lines_that_a_program_wrapped_are_one_sentence() {
        let mail =
            "Please be so kind as to move all of the tickets that we have sold so far this\nsummer to the lake. Thanks";
        assert_eq!(purposes(mail).len(), 2);
    }

    #[test]
    fn what_is_not_wanted_is_seen() {
        for (say, word) in [
            ("copy seats, the tickets are not needed", "tickets"),
            ("copy seats. We do not need anything from the shop this time.", "shop"),
            ("copy seats. There is no need to touch the tickets.", "tickets"),
        ] {
            let sentence = Sentence::new(say);
            let at = |word: &str| sentence.tokens.iter().position(|token| token.word == word).unwrap();
            assert!(unwanted(&sentence, at(word)), "{say}");
            assert!(!unwanted(&sentence, at("seats")), "{say}");
        }
    }
}
