//! Conditions without a column: `active users`, `orders from the last week`, `orders over 100 euros`.

use super::expression::Comparison;
use super::expression::{Expression, literal};
use super::{Condition, Read, Reader, Unclear};
use crate::agent::builtin::fold::{fold, parts, same_but_number};
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
        self.comparative(at)
            .or_else(|| self.amount_alone(at))
            .or_else(|| self.window_of(at))
            .or_else(|| self.states_alone(at))
    }

    /// `the last 7 days of readings`: the stretch stands before the stream.
    fn window_of(&self, at: usize) -> Read {
        let (_, used) = super::moment::window(self.sentence, at)?;
        let the = usize::from(self.sentence.is(at, &["the"]));
        let mut noun = at + used + usize::from(self.sentence.is(at + used, &["of", "from", "worth", "in"]));
        while self.sentence.is(noun, &["of", "the", "our", "all"]) {
            noun += 1;
        }
        if noun == at + used
            || !(self.stream)(noun)
            || self.sentence.is(at.wrapping_sub(1), &["in", "from", "of", "over", "within", "re-read", "reread"])
        {
            return None;
        }
        let column = self.time_column(None).ok()?;
        let (expression, _) = self.during(column, at)?;
        let text = format!("The time in the filter is read as that of `{}`.", column.name);
        Some(Ok(Condition { expression, from: at + the, to: at + used, assumed: vec![text] }))
    }

    /// `only the actives`: a state in the plural, and no noun.
    fn states_alone(&self, at: usize) -> Read {
        let led = self.sentence.is(at, &["the"]) && self.sentence.is(at.wrapping_sub(1), &["only", "just"]);
        let word = self.sentence.word(at + 1).strip_suffix('s').filter(|word| is_state(word) && led)?.to_owned();
        let found = self.state_value(&word, at + 1)?;
        Some(found.map(|(expression, assumed)| {
            let expression = match expression {
                Expression::Compare { column, operator, .. } => {
                    Expression::Compare { column, operator, value: literal(&word) }
                }
                other => other,
            };
            Condition { expression, from: at, to: at + 2, assumed }
        }))
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
        let operator = if LESS.contains(&word) { "<" } else { ">" };
        let open =
            usize::from(self.sentence.text(at + 2 + used) == "(" || self.sentence.is(at + 2 + used, &["in", "of"]));
        let Some((to, named)) = self.columns.mention(self.sentence, at + 2 + used + open, self.free) else {
            // `heavier than 20000 kg`: the unit is in the column's name.
            let unit = fold(self.sentence.text(at + 2 + used));
            let measures = |column: &&Column| {
                column.kind == ColumnKind::Number && unit.len() <= 6 && parts(&column.name).contains(&unit)
            };
            let mut measured = self.columns.all().filter(measures);
            let column = measured.next().filter(|_| !unit.is_empty() && measured.next().is_none())?;
            return Some(Ok(Condition {
                expression: Expression::Compare { column: column.name.clone(), operator, value },
                from: at,
                to: at + 3 + used,
                assumed: vec![format!("`{word}` is read of `{}`.", column.name)],
            }));
        };
        let column = self.columns.get(named.names.first()?).filter(|column| column.kind == ColumnKind::Number)?;
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
        let state = is_state(word) || word.starts_with("non-") || word.starts_with("un") || self.flag(word).is_some();
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
        // `which live in the shop`
        if word == "live" && self.sentence.is(here + 1, &["in", "on", "at", "inside", "within", "under"]) {
            return None;
        }
        let flag = self.columns.all().any(|column| {
            column.kind == ColumnKind::Boolean
                && parts(&column.name).last().is_some_and(|last| same_but_number(last, &fold(word)))
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
        let opposite = |prefix: &str| {
            word.strip_prefix(prefix)
                .filter(|rest| (is_state(rest) || self.flag(rest).is_some()) && !self.has_word(word) && rest.len() > 2)
        };
        let flagged =
            |prefix: &str| word.strip_prefix(prefix).filter(|rest| self.flag(rest).is_some() && !self.has_word(word));
        let (word, negated) = match word
            .strip_prefix("non-")
            .or_else(|| opposite("un"))
            .or_else(|| flagged("in"))
            .or_else(|| flagged("dis"))
        {
            Some(rest) => (rest.to_owned(), true),
            None => (word.to_owned(), false),
        };
        let says = |column: &Column| {
            let rest: Vec<String> =
                parts(&column.name).into_iter().filter(|part| !FLAGS.contains(&part.as_str())).collect();
            same_but_number(&rest.concat(), &fold(&word))
                || (column.kind == ColumnKind::Boolean && rest.contains(&fold(&word)))
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

    /// The boolean column that is called so: `reefer`, `is_active`.
    pub(super) fn flag(&self, word: &str) -> Option<&Column> {
        let word = fold(word);
        self.columns.all().find(|column| {
            let rest: Vec<String> =
                parts(&column.name).into_iter().filter(|part| !FLAGS.contains(&part.as_str())).collect();
            column.kind == ColumnKind::Boolean && same_but_number(&rest.concat(), &word)
        })
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
