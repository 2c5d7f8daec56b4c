//! What columns are compared with.

use super::Reader;
use super::expression::literal;
use crate::agent::builtin::knowledge::{Column, ColumnKind};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::schedule::amount;
use crate::agent::builtin::token::Kind;

impl Reader<'_> {
    /// A value for a column that is no moment: its SQL literal and how many tokens it takes.
    pub(super) fn value(&self, at: usize, column: &Column) -> Option<(String, usize)> {
        let token = self.sentence.get(at)?;
        if token.kind == Kind::Quoted {
            return Some((literal(&token.text), 1));
        }
        // `exposure > collateral`: another column of the same kind.
        let other = self.columns.mention(self.sentence, at, self.free).and_then(|(to, named)| {
            let other = self.columns.get(named.names.first()?).filter(|other| other.kind == column.kind)?;
            (other.name != column.name && !self.compares(to)).then(|| (super::identifier(&other.name), to - at))
        });
        if let Some(other) = other.filter(|_| !matches!(column.kind, ColumnKind::Text | ColumnKind::Boolean)) {
            return Some(other);
        }
        match column.kind {
            ColumnKind::Number => self.number(at),
            ColumnKind::Boolean => match token.word.as_str() {
                "true" | "yes" | "1" | "t" | "on" => Some(("true".to_owned(), 1)),
                "false" | "no" | "0" | "f" | "off" => Some(("false".to_owned(), 1)),
                _ => None,
            },
            _ => self.word(at),
        }
    }

    /// `1,000`, `100k`, `1.5 million`, `€100`, `100 euros`.
    pub(super) fn number(&self, at: usize) -> Option<(String, usize)> {
        let currency = usize::from(
            matches!(self.sentence.text(at), "$" | "€" | "£" | "¥")
                || self.sentence.is(at, &["usd", "eur", "chf", "gbp"]),
        );
        let (number, mut used) = amount(self.sentence, at + currency)?;
        let mut scale = 1.0;
        match self.sentence.word(at + currency + used) {
            "k" | "thousand" => scale = 1e3,
            "m" | "mn" | "mio" | "million" | "millions" => scale = 1e6,
            "bn" | "billion" => scale = 1e9,
            "hundred" => scale = 1e2,
            _ => {}
        }
        used += currency + usize::from(scale > 1.0);
        if self.sentence.is(
            at + used,
            &[
                "usd", "eur", "euro", "euros", "dollars", "dollar", "bucks", "chf", "francs", "pounds", "gbp",
                "percent", "cents", "units", "pieces", "points", "items",
            ],
        ) || matches!(self.sentence.text(at + used), "%" | "$" | "€" | "£")
        {
            used += 1;
        }
        let value = number * scale;
        let text = if value.fract() == 0.0 && value.abs() < 1e15 {
            format!("{value:.0}")
        } else if scale > 1.0 {
            format!("{value}")
        } else {
            // As written: no digit of an exact number is lost.
            self.sentence.text(at + currency).replace([',', '_', '\''], "")
        };
        Some((text, used))
    }

    /// A bare word for a text column: `active`, `New York`, `DE`, `42`.
    fn word(&self, at: usize) -> Option<(String, usize)> {
        let token = self.sentence.get(at)?;
        if !(self.free)(at) {
            return None;
        }
        if token.kind == Kind::Number {
            return Some((literal(&token.text), 1));
        }
        if token.kind != Kind::Word || self.grammar(at) {
            return None;
        }
        let capital = |at: usize| {
            self.sentence
                .get(at)
                .is_some_and(|token| token.kind == Kind::Word && token.text.starts_with(char::is_uppercase))
                && (self.free)(at)
                && !self.grammar(at)
        };
        let mut to = at + 1;
        while capital(at)
            && capital(to)
            && self.columns.mention(self.sentence, to, self.free).is_none()
            && !lexicon::is(self.sentence, to, Class::Transfer)
        {
            to += 1;
        }
        Some((literal(self.sentence.span(at, to)), to - at))
    }

    /// Words that hold a sentence together and are no values.
    fn grammar(&self, at: usize) -> bool {
        let word = self.sentence.word(at);
        lexicon::word_is(word, Class::From)
            || lexicon::word_is(word, Class::To)
            || lexicon::word_is(word, Class::And)
            || lexicon::word_is(word, Class::Determiner)
            || matches!(
                word,
                "or" | "not"
                    | "in"
                    | "is"
                    | "are"
                    | "where"
                    | "with"
                    | "than"
                    | "only"
                    | "every"
                    | "it"
                    | "them"
                    | "be"
                    | "by"
                    | "on"
                    | "at"
                    | "for"
                    | "of"
                    | "please"
                    | "that"
                    | "which"
                    | "set"
                    | "null"
                    | "either"
                    | "between"
                    | "column"
                    | "columns"
            )
    }
}
