//! Conditions without a column: `active users`, `orders from the last week`, `orders over 100 euros`.

use super::expression::Comparison;
use super::expression::{Expression, literal};
use super::moment::{self, Moment};
use super::predicate::{ago, on};
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

    /// `placed after 2026-01-01`, `from the last 30 days`, `since March`, `older than a year`.
    pub(super) fn about_time(&self, at: usize) -> Read {
        let (verb, mut here) = self.event_verb(at);
        let comparison = match self.sentence.word(here) {
            "since" => Some((">=", 1)),
            "after" => Some((">", 1)),
            "before" => Some(("<", 1)),
            "until" | "till" => Some(("<=", 1)),
            "up" if self.sentence.is(here + 1, &["to"]) => Some(("<=", 2)),
            "prior" if self.sentence.is(here + 1, &["to"]) => Some(("<", 2)),
            "newer" | "later" if self.sentence.is(here + 1, &["than"]) => Some((">", 2)),
            "older" | "earlier" if self.sentence.is(here + 1, &["than"]) => Some(("<", 2)),
            "on" if self.sentence.is(here + 1, &["or"]) && self.sentence.is(here + 2, &["after"]) => Some((">=", 3)),
            "on" if self.sentence.is(here + 1, &["or"]) && self.sentence.is(here + 2, &["before"]) => Some(("<=", 3)),
            "more" if verb.is_some() && self.sentence.is(here + 1, &["than"]) => Some(("<", 2)),
            "less" if verb.is_some() && self.sentence.is(here + 1, &["than"]) => Some((">", 2)),
            "between" => Some(("between", 1)),
            _ => None,
        };
        let stretch =
            self.sentence.is(here, &["from", "in", "of", "during", "within", "for", "over"]) || verb.is_some();
        if comparison.is_none() && !stretch {
            return None;
        }
        let probe = Column { kind: ColumnKind::Timestamp, ..Column::default() };
        if let Some((_, used)) = comparison {
            here += used;
        }
        let age = moment::span(self.sentence, here)
            .filter(|_| comparison.is_some_and(|(operator, _)| matches!(operator, "<" | ">")));
        let read = moment::read(self.sentence, here, self.now);
        if comparison.is_some() && age.is_none() && read.is_none() {
            return None;
        }
        if comparison.is_none() && self.during(&probe, here).is_none() {
            return None;
        }
        if comparison.is_none() && verb.is_none() && self.names_something_else(at) {
            return None;
        }
        if let Some((Moment::Open(one, other), used)) = read {
            return Some(Err(self.which_date(at, here + used, one, other)));
        }
        let end = here + read.as_ref().map_or(1, |(_, used)| *used);
        let column = match self.time_column(verb.as_deref()) {
            Ok(column) => column,
            Err(names) if names.is_empty() => return None,
            Err(names) => return Some(Err(self.which_column(at, end, &names))),
        };
        let (expression, to) = match (comparison, age, read) {
            (Some(("between", _)), _, Some((first, used))) => self.span_between(column, &first, here + used)?,
            (Some((operator, _)), Some((span, used)), None) => {
                (Expression::Compare { column: column.name.clone(), operator, value: ago(column, &span) }, here + used)
            }
            (Some((operator, _)), _, Some((moment, used))) => (on(column, operator, &moment, false)?, here + used),
            (Some(_), _, None) => return None,
            (None, _, _) => self.during(column, here)?,
        };
        let text = format!("The time in the filter is read as that of `{}`.", column.name);
        // A verb that names the column leaves nothing to assume.
        let assumed = if verb.as_deref().is_some_and(|verb| parts(&column.name).contains(&verb.to_owned())) {
            Vec::new()
        } else {
            vec![text]
        };
        Some(Ok(Condition { expression, from: at, to, assumed }))
    }

    fn span_between(&self, column: &Column, first: &Moment, middle: usize) -> Option<(Expression, usize)> {
        if !self.sentence.is(middle, &["and", "to", "&"]) {
            return None;
        }
        let (last, used) = moment::read(self.sentence, middle + 1, self.now)?;
        let expression = Expression::and(vec![on(column, ">=", first, false)?, on(column, "<=", &last, false)?]);
        Some((expression, middle + 1 + used))
    }

    /// A bare number or month after `of` or `for` need not be a time of rows.
    fn names_something_else(&self, at: usize) -> bool {
        let noun = at.checked_sub(1).is_some_and(|before| {
            (self.stream)(before)
                || self.sentence.is(
                    before,
                    &["rows", "records", "ones", "data", "only", "just", "entries", "those", "history", "everything"],
                )
                || self.sentence.text(before) == ","
        });
        !(noun || self.asked || at == 0)
    }

    /// A verb that says what happened: `placed`, `created`, `logged in`.
    fn event_verb(&self, at: usize) -> (Option<String>, usize) {
        let mut here = at;
        while self
            .sentence
            .is(here, &["were", "was", "have", "has", "been", "got", "are", "is", "that", "which", "who"])
        {
            here += 1;
        }
        let word = self.sentence.word(here);
        let known = lexicon::values().event_verbs.values().any(|verbs| verbs.iter().any(|verb| verb == word))
            || (word.ends_with("ed") && self.columns.all().any(|column| parts(&column.name).contains(&fold(word))));
        if !known || !(self.free)(here) {
            return (None, at);
        }
        let particle = usize::from(
            self.sentence.is(here + 1, &["in", "up", "at", "out"])
                && !self.sentence.is(here + 2, &["the", "last", "past", "this"])
                && self.sentence.kind(here + 2) != Some(Kind::Number)
                && !lexicon::values().months.contains_key(self.sentence.word(here + 2)),
        );
        (Some(fold(word)), here + 1 + particle)
    }

    /// The column that a time without a column means, or those that it may mean.
    fn time_column(&self, verb: Option<&str>) -> Result<&Column, Vec<String>> {
        let times: Vec<&Column> = self
            .columns
            .all()
            .filter(|column| matches!(column.kind, ColumnKind::Timestamp | ColumnKind::Date))
            .collect();
        let is_update = |column: &Column| {
            let folded = fold(&column.name);
            lexicon::values().update_columns.iter().any(|word| folded.contains(word.as_str()))
        };
        if let Some(verb) = verb {
            let group: Vec<&str> = lexicon::values()
                .event_verbs
                .iter()
                .filter(|(_, verbs)| verbs.iter().any(|known| known == verb))
                .map(|(group, _)| group.as_str())
                .collect();
            let exact = times.iter().find(|column| parts(&column.name).contains(&verb.to_owned()));
            let stem = verb.trim_end_matches("ed").trim_end_matches('d');
            let near = times
                .iter()
                .find(|column| stem.len() >= 3 && parts(&column.name).iter().any(|part| part.starts_with(stem)));
            let grouped = times.iter().find(|column| {
                parts(&column.name).iter().any(|part| {
                    group.contains(&part.as_str())
                        || lexicon::values()
                            .event_verbs
                            .iter()
                            .any(|(name, verbs)| group.contains(&name.as_str()) && verbs.contains(part))
                })
            });
            let update = (group.contains(&"updated")).then(|| times.iter().find(|column| is_update(column))).flatten();
            if let Some(column) = exact.or(near).or(grouped).or(update) {
                return Ok(column);
            }
        }
        let mut names: Vec<&str> = times.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if let [name] = names.as_slice() {
            return times.iter().find(|column| column.name == *name).copied().ok_or_else(Vec::new);
        }
        // When something happened, rather than when its row was touched.
        let events: Vec<&&Column> = times.iter().filter(|column| !is_update(column) && !column.nullable).collect();
        let events =
            if events.is_empty() { times.iter().filter(|column| !is_update(column)).collect() } else { events };
        let mut event_names: Vec<&str> = events.iter().map(|column| column.name.as_str()).collect();
        event_names.sort_unstable();
        event_names.dedup();
        match event_names.as_slice() {
            [_] => events.first().map(|column| **column).ok_or_else(Vec::new),
            _ => Err(names.into_iter().map(str::to_owned).collect()),
        }
    }

    fn which_column(&self, from: usize, to: usize, names: &[String]) -> Unclear {
        let phrase = self.sentence.span(from, to);
        Unclear {
            text: format!("Which time does `{phrase}` speak of?"),
            options: names
                .iter()
                .map(|name| (name.clone(), format!("where {name} {}", self.sentence.span(from, to))))
                .collect(),
            from,
            to,
        }
    }

    fn which_date(&self, from: usize, to: usize, one: chrono::NaiveDate, other: chrono::NaiveDate) -> Unclear {
        let lead = self.sentence.span(from, to.saturating_sub(1));
        let option = |day: chrono::NaiveDate| {
            (day.format("%-d %B %Y").to_string(), format!("{lead} {}", day.format("%Y-%m-%d")))
        };
        Unclear {
            text: format!("Which day is `{}`?", self.sentence.text(to.saturating_sub(1))),
            options: vec![option(one), option(other)],
            from,
            to,
        }
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
