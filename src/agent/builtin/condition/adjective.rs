//! Conditions without a column: `active users`, `orders from the last week`, `orders over 100 euros`.

use super::expression::Comparison;
use super::expression::{Expression, literal};
use super::{Condition, Read, Reader, Unclear};
use crate::agent::builtin::fold::{fold, parts};
use crate::agent::builtin::knowledge::{Column, ColumnKind};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::Kind;

/// Endings and beginnings of a boolean column's name around what it says.
const FLAGS: &[&str] = &["is", "has", "was", "flag", "are"];
/// Names of columns that hold how much something is worth.
const AMOUNTS: &[&str] = &[
    "amount", "total", "price", "value", "cost", "sum", "revenue", "fee", "balance", "amt", "salary", "charge",
    "premium", "subtotal",
];

impl Reader<'_> {
    /// `active users`, `only paid ones`, `that are deleted`.
    pub(super) fn adjective(&self, at: usize) -> Read {
        let only = lexicon::phrase(self.sentence, at, Class::Select)
            .filter(|_| self.sentence.is(at, &["only", "just", "solely", "exclusively"]));
        let start = at
            + only.unwrap_or(0)
            + usize::from(only.is_some() && self.sentence.is(at + only.unwrap_or(0), &["the", "our", "all"]));
        if let Some(found) = self.state_with_noun(start, only.is_some()) {
            return Some(found.map(|condition| Condition { from: at, ..condition }));
        }
        self.comparative(at).or_else(|| self.amount_alone(at))
    }

    /// `heavier than 7500 (gross_kg)`, `longer than 30 duration_s`: the column stands behind the number.
    fn comparative(&self, at: usize) -> Read {
        const LESS: &[&str] =
            &["smaller", "lighter", "shorter", "lower", "cheaper", "fewer", "slower", "thinner", "poorer"];
        let word = self.sentence.word(at);
        if !(self.free)(at) || !word.ends_with("er") || !self.sentence.is(at + 1, &["than"]) {
            return None;
        }
        let (value, used) = self.number(at + 2)?;
        let open =
            usize::from(self.sentence.text(at + 2 + used) == "(" || self.sentence.is(at + 2 + used, &["in", "of"]));
        let (to, named) = self.columns.mention(self.sentence, at + 2 + used + open, self.free)?;
        let column = self.columns.get(named.names.first()?).filter(|column| column.kind == ColumnKind::Number)?;
        let operator = if LESS.contains(&word) { "<" } else { ">" };
        let close = usize::from(self.sentence.text(to) == ")");
        Some(Ok(Condition {
            expression: Expression::Compare { column: column.name.clone(), operator, value },
            from: at,
            to: to + close,
            assumed: Vec::new(),
        }))
    }

    /// A state before a stream or a word for rows.
    fn state_with_noun(&self, at: usize, only: bool) -> Read {
        let word = self.sentence.word(at);
        let noun =
            |at: usize| (self.stream)(at) || self.sentence.is(at, &["ones", "rows", "records", "entries", "ones,"]);
        let state = is_state(word) || word.starts_with("non-") || word.starts_with("un");
        if !(self.free)(at)
            || self.sentence.kind(at) != Some(Kind::Word)
            || !noun(at + 1)
            || !(state || (only && !lexicon::is_known(word)))
        {
            return None;
        }
        // `new rows` asks for an incremental read.
        if matches!(word, "new" | "changed" | "updated" | "existing") {
            return None;
        }
        let found = self.state_value(word, at)?;
        let rows = usize::from(!(self.stream)(at + 1));
        Some(match found {
            Ok((expression, assumed)) => Ok(Condition { expression, from: at, to: at + 1 + rows, assumed }),
            Err(unclear) => Err(unclear),
        })
    }

    /// A state after `that are`: `users that are active`, `who are not verified`.
    pub(super) fn state(&self, at: usize) -> Read {
        let mut here = at;
        let mut negated = false;
        while self.sentence.is(
            here,
            &[
                "are",
                "is",
                "was",
                "were",
                "have",
                "has",
                "been",
                "not",
                "aren't",
                "isn't",
                "still",
                "currently",
                "already",
                "never",
                "the",
                "haven't",
                "weren't",
            ],
        ) {
            negated ^= self.sentence.is(here, &["not", "aren't", "isn't", "never", "haven't", "weren't"]);
            here += 1;
        }
        let word = self.sentence.word(here);
        let flag = self.columns.all().any(|column| {
            column.kind == ColumnKind::Boolean && parts(&column.name).last().is_some_and(|last| *last == fold(word))
        });
        let known_state = is_state(word) || flag && here > at;
        if !(self.free)(here)
            || self.sentence.kind(here) != Some(Kind::Word)
            || (!known_state || matches!(word, "new" | "updated" | "changed"))
                && (here <= at || lexicon::is_known(word))
        {
            return None;
        }
        // `that were created after …` is about time.
        if self.about_time(here).is_some() {
            return None;
        }
        let rows =
            usize::from(self.sentence.is(here + 1, &["ones", "rows", "records", "entries"]) || (self.stream)(here + 1));
        let found = self.state_value(word, here)?;
        Some(match found {
            Ok((expression, assumed)) => {
                let expression = if negated { expression.negated() } else { expression };
                Ok(Condition { expression, from: at, to: here + 1 + rows, assumed })
            }
            Err(unclear) => Err(unclear),
        })
    }

    /// What a state says of the columns: a flag, a moment that is set, a value of a status.
    fn state_value(&self, word: &str, at: usize) -> Option<Result<(Expression, Vec<String>), Unclear>> {
        let (word, negated) = match word
            .strip_prefix("non-")
            .or_else(|| word.strip_prefix("un").filter(|rest| is_state(rest) && !self.has_word(word)))
        {
            Some(rest) => (rest.to_owned(), true),
            None => (word.to_owned(), false),
        };
        let says = |column: &Column| {
            let rest: Vec<String> =
                parts(&column.name).into_iter().filter(|part| !FLAGS.contains(&part.as_str())).collect();
            rest.concat() == fold(&word) || (column.kind == ColumnKind::Boolean && rest.contains(&fold(&word)))
        };
        if let Some(flag) = self.columns.all().find(|column| column.kind == ColumnKind::Boolean && says(column)) {
            return Some(Ok((Expression::Flag { column: flag.name.clone(), negated }, Vec::new())));
        }
        let stamp = self.columns.all().find(|column| {
            let parts = parts(&column.name);
            matches!(column.kind, ColumnKind::Timestamp | ColumnKind::Date)
                && column.nullable
                && parts.first().is_some_and(|first| *first == fold(&word))
                && parts.len() <= 2
        });
        if let Some(stamp) = stamp {
            let text = format!("`{word}` is read as `{}` being {}set.", stamp.name, if negated { "not " } else { "" });
            return Some(Ok((Expression::Null { column: stamp.name.clone(), negated: !negated }, vec![text])));
        }
        let holders: Vec<&Column> = self.state_columns();
        let value = self
            .sentence
            .text(at)
            .strip_prefix("non-")
            .unwrap_or(if negated { &word } else { self.sentence.text(at) })
            .to_owned();
        let mut names: Vec<&str> = holders.iter().map(|column| column.name.as_str()).collect();
        names.dedup();
        match names.as_slice() {
            [] => is_state(&word).then(|| {
                Err(Unclear {
                    text: format!("No column says which rows are `{word}`. Which column and value does?"),
                    options: vec![("All rows".to_owned(), "no filter".to_owned())],
                    from: at,
                    to: at + 1,
                })
            }),
            [name] => {
                let operator = if negated { "<>" } else { "=" };
                let text = format!("`{word}` is read as `{name} {operator} '{value}'`.");
                Some(Ok((
                    Expression::Compare { column: (*name).to_owned(), operator, value: literal(&value) },
                    vec![text],
                )))
            }
            names => Some(Err(Unclear {
                text: format!("Which column says that a row is `{word}`?"),
                options: names
                    .iter()
                    .map(|name| {
                        ((*name).to_owned(), format!("where {} = {}", super::identifier(name), literal(&value)))
                    })
                    .collect(),
                from: at,
                to: at + 1,
            })),
        }
    }

    fn has_word(&self, word: &str) -> bool {
        self.columns.all().any(|column| parts(&column.name).contains(&fold(word)))
    }

    /// Columns that hold a state: `status`, `order_state`; the plainest name alone where there is one.
    fn state_columns(&self) -> Vec<&Column> {
        let names = &lexicon::values().state_columns;
        let text =
            |column: &&Column| !matches!(column.kind, ColumnKind::Boolean | ColumnKind::Timestamp | ColumnKind::Date);
        let plain: Vec<&Column> =
            self.columns.all().filter(text).filter(|column| names.contains(&fold(&column.name))).collect();
        let mut found = if plain.is_empty() {
            self.columns
                .all()
                .filter(text)
                .filter(|column| parts(&column.name).last().is_some_and(|last| names.contains(last) && last != "state"))
                .collect()
        } else {
            plain
        };
        // `status` before `state`, which may as well be a part of a country.
        if found.iter().any(|column| fold(&column.name) == "status") {
            found.retain(|column| fold(&column.name) == "status");
        }
        found.dedup_by(|one, other| one.name == other.name);
        found
    }

    /// `over 100 euros`: the one column that holds amounts.
    fn amount_alone(&self, at: usize) -> Read {
        let behind_noun = at.checked_sub(1).is_some_and(|before| {
            (self.stream)(before) || self.sentence.is(before, &["rows", "records", "ones", "those"])
        });
        if !behind_noun {
            return None;
        }
        let lead = usize::from(self.sentence.is(at, &["worth", "of", "with", "costing"]));
        let probe = Column { kind: ColumnKind::Number, ..Column::default() };
        let (comparison, used) = self.comparison(at + lead, &probe)?;
        let Comparison::Is(operator) = comparison else { return None };
        let (value, more) = self.number(at + lead + used)?;
        let to = at + lead + used + more;
        if let Some((end, named)) = self.columns.mention(self.sentence, to, self.free) {
            let column = named.names.first()?.clone();
            return Some(Ok(Condition {
                expression: Expression::Compare { column, operator, value },
                from: at,
                to: end,
                assumed: Vec::new(),
            }));
        }
        if crate::agent::builtin::schedule::unit(self.sentence.word(to)).is_some() {
            return None;
        }
        let mut names: Vec<&str> = self
            .columns
            .all()
            .filter(|column| {
                column.kind == ColumnKind::Number
                    && parts(&column.name).iter().any(|part| AMOUNTS.contains(&part.as_str()))
            })
            .map(|column| column.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        Some(match names.as_slice() {
            [] => return None,
            [name] => {
                let text = format!("`{}` is read as `{name}`.", self.sentence.span(at, to));
                Ok(Condition {
                    expression: Expression::Compare { column: (*name).to_owned(), operator, value },
                    from: at,
                    to,
                    assumed: vec![text],
                })
            }
            names => Err(Unclear {
                text: format!("Which column does `{}` speak of?", self.sentence.span(at, to)),
                options: names
                    .iter()
                    .map(|name| ((*name).to_owned(), format!("where {name} {operator} {value}")))
                    .collect(),
                from: at,
                to,
            }),
        })
    }
}

fn is_state(word: &str) -> bool {
    lexicon::values().states.iter().any(|state| state == word)
}
