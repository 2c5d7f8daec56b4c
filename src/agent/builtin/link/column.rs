//! Columns by name, over the streams that a sentence speaks of.

use std::collections::{BTreeSet, HashSet};

use super::How;
use crate::agent::builtin::fold::{fold, parts, same_but_number, singulars, slips};
use crate::agent::builtin::knowledge::{Column, Schema};
use crate::agent::builtin::lexicon;
use crate::agent::builtin::token::{Kind, Sentence};

/// The columns of some streams, ready to be found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    schemas: Vec<Schema>,
    /// Every folded form that a column can be found by.
    forms: HashSet<String>,
}

/// A column as a person named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// As the streams spell it, each spelling once.
    pub names: Vec<String>,
    pub how: How,
}

impl Columns {
    pub(crate) fn new(schemas: Vec<Schema>) -> Self {
        let forms = schemas
            .iter()
            .flat_map(|schema| &schema.columns)
            .flat_map(|column| singulars(&fold(&column.name)).into_iter().chain(singulars(&in_full(&column.name))))
            .collect();
        Self { schemas, forms }
    }

    pub(crate) fn schemas(&self) -> &[Schema] {
        &self.schemas
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.schemas.iter().all(|schema| schema.columns.is_empty())
    }

    /// The first column of this very name.
    pub(crate) fn get(&self, name: &str) -> Option<&Column> {
        self.schemas.iter().find_map(|schema| schema.column(name))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Column> {
        self.schemas.iter().flat_map(|schema| &schema.columns)
    }

    /// Columns called so.
    pub(crate) fn named(&self, name: &str) -> Option<Named> {
        let written = fold(name);
        if written.is_empty() {
            return None;
        }
        let known = |form: &String| self.forms.contains(form);
        if !name.contains('.') && !singulars(&written).iter().chain(&singulars(&in_full(name))).any(known) {
            return None;
        }
        self.collect(How::Name, |column| column.name == name)
            .or_else(|| self.collect(How::Name, |column| fold(&column.name) == written))
            .or_else(|| self.collect(How::Name, |column| same_but_number(&fold(&column.name), &written)))
            .or_else(|| self.spelled_out(name))
            .or_else(|| self.qualified(name))
    }

    /// `borrower number` for `BorrowerNo`: the words that modellers cut short, said in full or the other way round.
    fn spelled_out(&self, name: &str) -> Option<Named> {
        let written = in_full(name);
        (written != fold(name) || parts(name).len() > 1)
            .then(|| self.collect(How::Part, |column| same_but_number(&in_full(&column.name), &written)))
            .flatten()
    }

    /// `orders.status` where `orders` is one of the streams.
    fn qualified(&self, name: &str) -> Option<Named> {
        let (stream, column) = name.rsplit_once('.')?;
        let of = fold(stream);
        let schema = self.schemas.iter().find(|schema| {
            fold(&schema.stream) == of
                || schema.stream.rsplit('.').next().is_some_and(|last| same_but_number(&fold(last), &of))
        })?;
        let written = fold(column);
        schema
            .columns
            .iter()
            .find(|column| fold(&column.name) == written)
            .map(|column| Named { names: vec![column.name.clone()], how: How::Name })
    }

    /// The one column that holds these words in its name, or that the words are short for.
    pub(crate) fn part(&self, name: &str) -> Option<Named> {
        let words = parts(name);
        if words.is_empty() || fold(name).len() < 3 {
            return None;
        }
        let holds = |column: &Column| {
            let parts = parts(&column.name);
            words.iter().all(|word| parts.iter().any(|part| same_but_number(part, word)))
        };
        self.collect(How::Part, holds).filter(|named| named.names.len() == 1)
    }

    pub(crate) fn slip(&self, name: &str) -> Option<Named> {
        let written = fold(name);
        let distance = |column: &Column| slips(&written, &fold(&column.name));
        let least = self.all().filter_map(distance).min()?;
        self.collect(How::Slip, |column| distance(column) == Some(least)).filter(|named| named.names.len() == 1)
    }

    fn collect(&self, how: How, fits: impl Fn(&Column) -> bool) -> Option<Named> {
        let names: BTreeSet<String> =
            self.all().filter(|column| fits(column)).map(|column| column.name.clone()).collect();
        (!names.is_empty()).then(|| Named { names: names.into_iter().collect(), how })
    }

    /// The longest span from here on that names a column exactly.
    pub(crate) fn mention(
        &self,
        sentence: &Sentence,
        at: usize,
        free: &dyn Fn(usize) -> bool,
    ) -> Option<(usize, Named)> {
        for length in (1..=5).rev() {
            let to = at + length;
            let fits = |here: usize| {
                free(here)
                    && match sentence.kind(here) {
                        Some(Kind::Word | Kind::Number) => true,
                        Some(Kind::Quoted) => {
                            here == at && sentence.get(here).is_some_and(|token| token.quote != Some('\''))
                        }
                        Some(Kind::Mark) => sentence.text(here) == "-" && here > at,
                        _ => false,
                    }
            };
            if to > sentence.len()
                || !(at..to).all(fits)
                || sentence.kind(at) == Some(Kind::Number)
                || (at..to).any(|here| sentence.contracted(here))
                || sentence.kind(to - 1) == Some(Kind::Mark)
            {
                continue;
            }
            if let Some(named) = self.named(&sentence.name(at, to)) {
                return Some((to, named));
            }
        }
        None
    }

    /// The same, also by a part of the name or with a slip; for places where nothing but a column can stand.
    pub(crate) fn loose_mention(
        &self,
        sentence: &Sentence,
        at: usize,
        free: &dyn Fn(usize) -> bool,
    ) -> Option<(usize, Named)> {
        if let Some(found) = self.mention(sentence, at, free) {
            return Some(found);
        }
        for length in (1..=3).rev() {
            let to = at + length;
            let fits =
                |here: usize| free(here) && matches!(sentence.kind(here), Some(Kind::Word)) && !breaks(sentence, here);
            if to > sentence.len() || !(at..to).all(fits) {
                continue;
            }
            let name = sentence.span(at, to);
            if let Some(named) = self.part(name).or_else(|| (length == 1).then(|| self.slip(name)).flatten()) {
                return Some((to, named));
            }
        }
        None
    }
}

/// A folded name with its abbreviations written out.
fn in_full(name: &str) -> String {
    parts(name)
        .into_iter()
        .map(|part| {
            let singular = part.strip_suffix('s').filter(|stem| stem.len() > 2).unwrap_or(&part);
            lexicon::values().shortened.get(singular).cloned().unwrap_or(part)
        })
        .collect()
}

/// Words that no column's name is read from in parts.
fn breaks(sentence: &Sentence, at: usize) -> bool {
    let word = sentence.word(at);
    lexicon::word_is(word, lexicon::Class::Filler)
        || lexicon::word_is(word, lexicon::Class::Table)
        || lexicon::word_is(word, lexicon::Class::Column)
}
