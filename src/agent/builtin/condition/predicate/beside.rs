//! Columns that are only named: there or missing, or with their value right behind them.

use super::Parsed;
use crate::agent::builtin::condition::Reader;
use crate::agent::builtin::condition::expression::Expression;
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
                "no" | "without" | "missing" | "lacking" | "lack" | "empty" => negated = Some(false),
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
        if self.compares(to) || self.sentence.kind(to) == Some(Kind::Operator) {
            return None;
        }
        let column = named.names.first()?.clone();
        // `with status defaulted`
        if negated && self.columns.get(&column).is_some_and(|column| self.beside(to, column).is_some()) {
            return None;
        }
        Some((Expression::Null { column, negated }, to, Vec::new()))
    }

    /// The value right behind its column: `rows with status defaulted`, `only currency 'CHF'`.
    pub(in crate::agent::builtin::condition) fn beside(&self, at: usize, column: &Column) -> Option<(String, usize)> {
        let token = self.sentence.get(at)?;
        let bare = token.kind == Kind::Word
            && column.kind == ColumnKind::Text
            && !lexicon::is_known(&token.word)
            && !participle(&token.word)
            && self.columns.mention(self.sentence, at, self.free).is_none();
        let led = (at.saturating_sub(4)..at)
            .any(|here| self.sentence.is(here, &["with", "where", "whose", "having", "only", "for", "of"]));
        let counted = token.kind == Kind::Number
            && column.kind == ColumnKind::Number
            && crate::agent::builtin::schedule::unit(self.sentence.word(at + 1)).is_none();
        (led && (bare || counted || token.kind == Kind::Quoted && token.quote == Some('\'')))
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
