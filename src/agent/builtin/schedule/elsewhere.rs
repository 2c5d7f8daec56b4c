//! Words of time that speak of rows or of people, and of no run.

use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// `since Monday`, `the last 2 days`, `before noon`: said of rows, not of runs.
pub(super) fn looks_back(sentence: &Sentence, at: usize) -> bool {
    let back = |at: usize| {
        sentence.is(
            at,
            &[
                "since",
                "last",
                "past",
                "previous",
                "until",
                "till",
                "older",
                "newer",
                "than",
                "within",
                "ago",
                "preceding",
            ],
        ) && !sentence.is(at + 1, &["day"])
    };
    let before = at.checked_sub(1).is_some_and(back);
    let earlier = at.checked_sub(2).is_some_and(back) && sentence.kind(at.saturating_sub(1)) == Some(Kind::Number);
    let half = sentence.is(at.saturating_sub(1), &["past"])
        && sentence.is(at.saturating_sub(2), &["half", "quarter", "minutes", "five", "ten"]);
    (before || earlier) && !half
}

/// `we look at it daily`, `before the board meets on the 3rd`: what people do, and no run.
pub(super) fn of_something_else(sentence: &Sentence, at: usize) -> bool {
    const DOINGS: &[&str] = &[
        "look",
        "looks",
        "looking",
        "check",
        "checks",
        "use",
        "uses",
        "meet",
        "meets",
        "review",
        "reviews",
        "discuss",
        "discusses",
        "changes",
        "grows",
        "opens",
        "talk",
        "visits",
        "visit",
        "asks",
        "ask",
        "complains",
        "edits",
        "works",
        "work",
        "sees",
        "grow",
        "closes",
        "starts",
        "ends",
    ];
    let clause = (0..at)
        .rev()
        .find(|here| {
            sentence.kind(*here) == Some(Kind::Mark)
                && matches!(sentence.text(*here), "." | ";" | "," | ":" | "!" | "?" | "(")
                || sentence.is(*here, &["and", "but", "so", "then"])
        })
        .map_or(0, |here| here + 1);
    let doing = (clause..at).rev().take(6).find(|here| {
        // `use cron …`, `use it every day` asks; somebody has to be the one who does it.
        sentence.is(*here, DOINGS)
            && *here > clause
            && !sentence.is(here - 1, &["to", "please", "should", "must", "can", "will", "it", "and", "data"])
    });
    doing.is_some_and(|doing| {
        !(clause..at).any(|here| {
            lexicon::phrase(sentence, here, Class::Transfer).is_some()
                && !sentence.is(here, &["stream", "feed", "port"])
        }) && doing >= clause
    })
}
