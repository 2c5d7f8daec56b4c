//! Columns that are only named: there or missing, or with their value right behind them.

use super::Parsed;
use crate::agent::builtin::condition::Reader;
use crate::agent::builtin::condition::expression::{Comparison, Expression};
use crate::agent::builtin::knowledge::{Column, ColumnKind};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::Kind;

impl Reader<'_> {
    /// `no phone`, `missing email`, `a phone`, `have a last_login`.
    pub(super) fn absent(&self, at: usize) -> Parsed {
        let mut here = at;
        let mut negated = None;
        while let Some(word) = Some(self.sentence.word(here)).filter(|word| !word.is_empty()) {
            match word {
                "no" | "without" | "missing" | "lacking" | "lack" | "lacks" | "empty" => negated = Some(false),
                "non-null" | "non-empty" | "valid" => negated = Some(true),
                "null" if here == at => negated = Some(false),
                "have" | "has" | "had" | "having" | "with" => negated = negated.or(Some(true)),
                "a" | "an" | "any" | "some" | "the" if negated.is_some() || matches!(word, "a" | "an") => {
                    negated = negated.or(Some(true));
                }
                _ => break,
            }
            here += 1;
        }
        let negated = negated.filter(|_| here > at)?;
        let (to, named) = self.columns.mention(self.sentence, here, self.free)?;
        if self.compares(to) || self.sentence.is(to, &["of"]) || self.sentence.kind(to) == Some(Kind::Operator) {
            return None;
        }
        let column = named.names.first()?.clone();
        // `with status defaulted`
        if negated && self.columns.get(&column).is_some_and(|column| self.beside(to, column).is_some()) {
            return None;
        }
        Some((Expression::Null { column, negated }, to, Vec::new()))
    }

    /// The value before its column: `anything but CHF as currency`, `at least priority 3`, `the word fan in the title`.
    pub(in crate::agent::builtin::condition) fn value_first(&self, at: usize) -> Parsed {
        if !(self.free)(at) {
            return None;
        }
        let led = usize::from(self.sentence.is(at, &["only", "with", "having", "just", "where"]));
        let text = Column { kind: ColumnKind::Text, ..Column::default() };
        let the = |at: usize| usize::from(self.sentence.is(at, &["the", "its", "their", "a", "an"]));
        let mut start = at + led;
        start += the(start);
        if led == 1 && self.sentence.is(start, &["word", "text", "string", "letters", "term", "phrase"]) {
            let token = self.sentence.get(start + 1)?;
            let link = self.sentence.is(start + 2, &["in", "inside", "within"]);
            let here = start + 3 + the(start + 3);
            let (to, named) = link.then(|| self.columns.mention(self.sentence, here, self.free)).flatten()?;
            let pattern = format!("%{}%", super::edge::escaped(&token.text));
            let column = named.names.first()?.clone();
            return Some((Expression::Like { column, pattern, insensitive: false, negated: false }, to, Vec::new()));
        }
        let worded = self.worded(at + led, false, &text);
        let (comparison, used) = match worded {
            Some(found) => found,
            None if led == 1 => (Comparison::Is("="), 0),
            None => return None,
        };
        let value = at + led + used;
        // `at least priority 3`
        if let (Comparison::Is(operator), Some((to, named))) =
            (comparison, self.columns.mention(self.sentence, value + the(value), self.free).filter(|_| used > 0))
        {
            let column = self.columns.get(named.names.first()?).filter(|column| column.kind == ColumnKind::Number)?;
            let of = usize::from(self.sentence.is(to, &["of"]));
            let (literal, more) = self.number(to + of)?;
            let expression = Expression::Compare { column: column.name.clone(), operator, value: literal };
            return Some((expression, to + of + more, Vec::new()));
        }
        // `more than 10 seats`
        if let (Comparison::Is(operator), 1..) = (comparison, used)
            && let Some((literal, more)) = self.number(value)
            && let Some((to, named)) = self.columns.mention(self.sentence, value + more, self.free)
            && let Some(column) = named.names.first().and_then(|name| self.columns.get(name))
            && column.kind == ColumnKind::Number
        {
            let expression = Expression::Compare { column: column.name.clone(), operator, value: literal };
            return Some((expression, to, Vec::new()));
        }
        (value + 1..value + 6).find_map(|link| {
            let bracket = self.sentence.text(link) == "(";
            let linked = bracket || self.sentence.is(link, &["as", "for", "in"]);
            let here = link + 1 + the(link + 1);
            let (to, named) = linked.then(|| self.columns.mention(self.sentence, here, self.free)).flatten()?;
            let column = self.columns.get(named.names.first()?)?;
            let plain = matches!(column.kind, ColumnKind::Text | ColumnKind::Number);
            let (expression, end, assumed) =
                plain.then(|| self.compared(column, comparison, value, Vec::new())).flatten()?;
            let closes = bracket && self.sentence.text(to) == ")";
            // `more than 120 stops (StopCount)`: a noun may stand between.
            let near = end == link || closes && end + 1 == link && self.sentence.kind(end) == Some(Kind::Word);
            (near && bracket == closes).then_some((expression, to + usize::from(closes), assumed))
        })
    }

    /// The value right behind its column: `rows with status defaulted`, `only currency 'CHF'`.
    pub(in crate::agent::builtin::condition) fn beside(&self, at: usize, column: &Column) -> Option<(String, usize)> {
        let token = self.sentence.get(at)?;
        // `with priority high`: right behind `with` and a column nothing but a value stands.
        let sure = (at.saturating_sub(4)..at).rev().take(3).any(|here| {
            self.sentence.is(here, &["with", "whose", "where", "having"])
                && self.columns.mention(self.sentence, here + 1, self.free).is_some_and(|(to, _)| to == at)
        }) && ![
            Class::From,
            Class::To,
            Class::WeakTo,
            Class::And,
            Class::Or,
            Class::Determiner,
            Class::Modal,
            Class::Taken,
            Class::Hash,
            Class::Mask,
            Class::Redact,
            Class::Nullify,
            Class::Partial,
            Class::Select,
            Class::Rename,
            Class::Not,
        ]
        .iter()
        .any(|class| lexicon::word_is(&token.word, *class));
        let bare = token.kind == Kind::Word
            && column.kind == ColumnKind::Text
            && (sure || !lexicon::is_known(&token.word))
            && !participle(&token.word)
            && self.columns.mention(self.sentence, at, self.free).is_none();
        let clause = (0..at).rev().find(|here| matches!(self.sentence.text(*here), "." | ";" | "!" | "?")).unwrap_or(0);
        let led = (at.saturating_sub(4)..at).any(|here| {
            self.sentence.is(here, &["only", "for", "of", "from", "in", "by", "filter", "filtered", "filtering"])
                || self.sentence.text(here) == "("
        }) || (at.saturating_sub(14).max(clause)..at)
            .any(|here| self.sentence.is(here, &["with", "where", "whose", "having", "and"]));
        // `country NL`: a code can be nothing but the value.
        let code = token.kind == Kind::Word
            && column.kind == ColumnKind::Text
            && (2..=6).contains(&token.text.len())
            && token.text.chars().any(|letter| letter.is_ascii_uppercase())
            && token.text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
            && self.columns.mention(self.sentence, at, self.free).is_none()
            && self.sentence.raw.chars().any(char::is_lowercase);
        let counted = token.kind == Kind::Number
            && column.kind == ColumnKind::Number
            && crate::agent::builtin::schedule::unit(self.sentence.word(at + 1)).is_none();
        (code || led && (bare || counted || token.kind == Kind::Quoted && token.quote == Some('\'')))
            .then(|| self.value(at, column))
            .flatten()
    }
}

/// Words that say what is done to a column, and not what its rows hold.
pub(super) fn participle(word: &str) -> bool {
    [Class::Rename, Class::Cast, Class::Hash, Class::Redact, Class::Mask, Class::Except]
        .iter()
        .any(|class| lexicon::word_is(word, *class))
        || matches!(
            word,
            "left"
                | "become"
                | "becomes"
                | "arrive"
                | "come"
                | "appear"
                | "land"
                | "stay"
                | "go"
                | "never"
                | "not"
                | "dropped"
                | "excluded"
                | "removed"
                | "omitted"
                | "skipped"
                | "kept"
                | "converted"
                | "treated"
                | "needed"
                | "ignored"
                | "nulled"
                | "blanked"
                | "partially"
                | "copied"
                | "loaded"
        )
}
