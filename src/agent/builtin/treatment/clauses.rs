//! Whole clauses that say how rows are read: what becomes of deleted rows, only what is new, as soon as something changes.

use super::{Change, Walk};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::schedule;
use crate::agent::builtin::token::Kind;

/// Rows that are gone at the source.
const GONE: &[&str] = &[
    "deleted",
    "removed",
    "deletes",
    "deletions",
    "deletion",
    "delete",
    "removals",
    "erased",
    "vanished",
    "disappears",
    "disappear",
    "disappeared",
    "vanishes",
    "vanish",
    "gone",
    "purged",
    "dropped",
    "missing",
];
/// What becomes of them.
const MARKED: &[&str] =
    &["mark", "marked", "marking", "flag", "flagged", "flagging", "tag", "tagged", "soft", "tombstone", "tombstoned"];
const REMOVED: &[&str] = &[
    "delete",
    "deleted",
    "deletes",
    "remove",
    "removed",
    "removes",
    "disappear",
    "disappears",
    "vanish",
    "vanishes",
    "go",
    "gone",
    "propagate",
    "propagated",
    "replicated",
    "applied",
    "mirrored",
    "drop",
    "dropped",
    "erased",
    "hard",
    "reflected",
];
const LEFT: &[&str] = &[
    "ignore",
    "ignored",
    "keep",
    "kept",
    "stay",
    "stays",
    "remain",
    "remains",
    "retain",
    "retained",
    "disregard",
    "skip",
];

impl Walk<'_> {
    /// The end of the clause that begins at a place.
    fn clause_end(&self, at: usize) -> usize {
        let sentence = &self.context.reading.sentence;
        (at..sentence.len())
            .find(|here| {
                sentence.kind(*here) == Some(Kind::Mark)
                    && matches!(sentence.text(*here), "." | ";" | "," | "!" | "?" | ")")
            })
            .unwrap_or(sentence.len())
    }

    /// `a row deleted at the source must be deleted there too`, `deleted rows should only be marked`, `flag removed rows
    /// instead of deleting them`. The clause has to speak of rows that are gone and of what becomes of them.
    pub(super) fn deletes_clause(&self, at: usize) -> Option<(Class, usize)> {
        let sentence = &self.context.reading.sentence;
        let begins = at == 0
            || matches!(sentence.text(at - 1), "." | ";" | "," | "(" | ":" | "!" | "?")
            || sentence.is(at - 1, &["and", "but", "with", "where", "while"]);
        let end = self.clause_end(at);
        if !begins || end - at < 3 || !(at..end).all(|here| self.free(here)) {
            return None;
        }
        let gone = (at..end).find(|here| sentence.is(*here, GONE))?;
        let noun = (at..end).any(|here| {
            sentence.is(
                here,
                &[
                    "row",
                    "rows",
                    "record",
                    "records",
                    "ones",
                    "entries",
                    "anything",
                    "everything",
                    "what",
                    "whatever",
                    "them",
                ],
            )
        }) || sentence.is(gone, &["deletes", "deletions", "removals", "deletion"]);
        if !noun {
            return None;
        }
        let instead = (at..end)
            .find(|here| sentence.is(*here, &["instead", "rather"]) && sentence.is(here + 1, &["of", "than"]))
            .unwrap_or(end);
        let denied = |here: usize| {
            (here.saturating_sub(3)..here).any(|back| sentence.is(back, &["not", "never", "don't", "dont", "no"]))
        };
        let says =
            |words: &[&str]| (at..instead).find(|here| *here != gone && sentence.is(*here, words) && !denied(*here));
        let class = if says(MARKED).is_some() {
            Class::DeletesSoft
        } else if says(LEFT).is_some()
            || (at..instead).any(|here| here != gone && sentence.is(here, REMOVED) && denied(here))
        {
            Class::DeletesIgnore
        } else if says(REMOVED).is_some() {
            Class::DeletesHard
        } else {
            return None;
        };
        Some((class, end - at))
    }

    /// `only what has changed since the last run`, `just load what's new`, `only the ones that are new or updated`.
    pub(super) fn news_only(&self, at: usize) -> Option<usize> {
        const BETWEEN: &[&str] = &[
            "load",
            "take",
            "copy",
            "bring",
            "fetch",
            "get",
            "pull",
            "read",
            "sync",
            "transfer",
            "the",
            "rows",
            "ones",
            "records",
            "stuff",
            "things",
            "those",
            "data",
            "that",
            "which",
            "is",
            "has",
            "have",
            "are",
            "been",
            "was",
            "were",
            "what",
            "what's",
            "whatever",
            "whats",
            "entries",
            "newly",
            "really",
            "anything",
            "everything",
            "with",
            "of",
            "it",
        ];
        let sentence = &self.context.reading.sentence;
        if !sentence.is(at, &["only", "just", "merely", "solely"]) {
            return None;
        }
        let news =
            (at + 1..sentence.len().min(at + 9)).find(|here| !sentence.is(*here, BETWEEN) || !self.free(*here))?;
        let new = sentence.is(
            news,
            &["new", "changed", "modified", "updated", "added", "changes", "differs", "different", "arrived"],
        );
        // `only new players where …` restricts rows; `what is new` cannot.
        let relative = (at + 1..news).any(|here| {
            sentence.is(here, &["what", "what's", "whats", "whatever", "that", "which", "anything", "everything"])
        });
        let mut to = news + 1;
        while sentence.is(to, &["or", "and", "new", "changed", "modified", "updated", "added"]) && self.free(to) {
            to += 1;
        }
        // `since the last run`: how far, and no condition.
        if sentence.is(to, &["since"])
            && (to..to + 5).any(|here| sentence.is(here, &["run", "time", "load", "sync", "import"]))
        {
            while !sentence.is(to, &["run", "time", "load", "sync", "import"]) {
                to += 1;
            }
            to += 1;
        }
        (new && relative && (at..to).all(|here| self.free(here))).then_some(to - at)
    }

    /// `whenever something changes it should show up`, `as soon as a row is updated`.
    pub(super) fn as_it_changes(&self, at: usize) -> Option<usize> {
        let sentence = &self.context.reading.sentence;
        let lead = if sentence.is(at, &["whenever"]) {
            1
        } else if sentence.is(at, &["as"]) && sentence.is(at + 1, &["soon"]) && sentence.is(at + 2, &["as"]) {
            3
        } else if sentence.is(at, &["each", "every", "any"]) && sentence.is(at + 1, &["time"])
            || sentence.is(at, &["the"]) && sentence.is(at + 1, &["moment", "minute", "second", "instant"])
        {
            2
        } else {
            return None;
        };
        let end = self.clause_end(at).min(at + lead + 9);
        let change = (at + lead..end).find(|here| {
            sentence.is(
                *here,
                &[
                    "changes", "changed", "change", "updated", "modified", "inserted", "happens", "arrives", "edited",
                    "appears",
                ],
            )
        })?;
        Some(change + 1 - at)
    }

    /// `make that 5000`: the one number of the filter that stands becomes another.
    pub(super) fn bound(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let at = (0..sentence.len()).find(|at| sentence.kind(*at) == Some(Kind::Number) && self.free(*at));
        let Some(at) = at.filter(|_| sentence.len() <= 9 && self.changes.is_empty()) else { return };
        let number = sentence.text(at);
        let plain = number.chars().all(|letter| letter.is_ascii_digit() || letter == '.' || letter == ',');
        let led = (0..at).any(|here| {
            sentence.is(
                here,
                &["make", "change", "set", "use", "rather", "better", "say", "raise", "lower", "to", "instead"],
            )
        });
        let only_one = sentence.tokens.iter().filter(|token| token.kind == Kind::Number).count() == 1;
        let clock = (0..sentence.len()).any(|here| {
            sentence.is(here, &["at", "am", "pm", "utc", "time", "o'clock", "every", "past", "times"])
                || schedule::unit(sentence.word(here)).is_some()
                || lexicon::is(&sentence, here, Class::Lookback)
        });
        if plain && led && only_one && !clock {
            self.take(at, at + 1);
            let value = number.replace(',', "");
            self.change(at, Change::Bound(value));
        }
    }

    /// `make that QC07 or QC09`, `sorry, 30 September 2026`: other values for the filter that stands.
    pub(super) fn values(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        let codes = |at: usize| {
            let text = sentence.text(at);
            text.len() > 1 && text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
        };
        // `NL or BE`: nothing but values.
        let bare = sentence.len() > 0
            && (0..sentence.len()).all(|at| {
                codes(at)
                    || sentence.kind(at) == Some(Kind::Quoted)
                    || sentence.kind(at) == Some(Kind::Mark)
                    || sentence.is(at, &["or", "and", "please", "also", "only"])
            });
        let reading = self.context.reading;
        if sentence.len() > 10 || !self.changes.is_empty() || reading.transfer || !self.context.filtered {
            return;
        }
        let led = |at: usize| {
            bare || (0..at).any(|here| {
                sentence.is(
                    here,
                    &[
                        "make", "sorry", "rather", "better", "use", "take", "actually", "instead", "mean", "meant",
                        "say", "change", "set", "no", "to",
                    ],
                )
            })
        };
        // A moment in place of another.
        let dated = (0..sentence.len()).find_map(|at| {
            let (moment, used): (Vec<String>, usize) = (self.free(at) && led(at))
                .then(|| crate::agent::builtin::condition::moment_text(&sentence, at, self.context.now))
                .flatten()?;
            Some((at, used, moment))
        });
        if let Some((at, used, values)) = dated {
            self.take(at, at + used);
            self.change(at, Change::Values(values));
            return;
        }
        let value = |at: usize| {
            let text = sentence.text(at);
            let code = text.len() > 1
                && text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
                && text.chars().any(char::is_alphabetic);
            let quoted = sentence.get(at).is_some_and(|token| token.kind == Kind::Quoted);
            self.free(at) && (code || quoted)
        };
        let Some(at) = (0..sentence.len()).find(|at| value(*at) && led(*at)) else { return };
        let mut values = vec![format!("'{}'", sentence.text(at).replace('\'', "''"))];
        let mut to = at + 1;
        loop {
            let comma = usize::from(sentence.text(to) == ",");
            let or = usize::from(sentence.is(to + comma, &["or", "and"]));
            if comma + or == 0 || !value(to + comma + or) {
                break;
            }
            values.push(format!("'{}'", sentence.text(to + comma + or).replace('\'', "''")));
            to += comma + or + 1;
        }
        self.take(at, to);
        self.change(at, Change::Values(values));
    }

    /// `not EN, FR`, `FR instead of EN`: one value of the filter that stands becomes another.
    pub(super) fn swap(&mut self) {
        let sentence = self.context.reading.sentence.clone();
        if sentence.len() > 8 || !self.changes.is_empty() {
            return;
        }
        let value = |at: usize| {
            sentence
                .get(at)
                .filter(|token| self.free(at) && matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Number))
                .filter(|token| {
                    let capitals = token.text.len() > 1 && token.text.chars().all(char::is_uppercase);
                    token.kind != Kind::Word || capitals || !lexicon::is_known(&token.word)
                })
                .map(|token| token.text.clone())
        };
        let found = (0..sentence.len()).find_map(|at| {
            let comma = usize::from(matches!(sentence.text(at + 2), "," | "-" | "–" | "—"))
                + usize::from(sentence.is(at + 2, &["but"]));
            if sentence.is(at, &["not"]) && comma > 0 {
                let but = usize::from(sentence.is(at + 2 + comma, &["but"]));
                return value(at + 1).zip(value(at + 2 + comma + but));
            }
            let instead = sentence.is(at, &["instead", "rather"]) && sentence.is(at + 1, &["of", "than"]);
            if instead && at > 0 {
                return value(at + 2).zip(value(at - 1));
            }
            None
        });
        if let Some((from, to)) = found {
            self.change(0, Change::Swap { from, to });
        }
    }
}
