//! Conditions on time without a column: `orders from the last week`, `placed after May`, `older than a year`.

use super::expression::Expression;
use super::moment::{self, Moment};
use super::predicate::{ago, on};
use super::{Condition, Read, Reader, Unclear};
use crate::agent::builtin::fold::{fold, parts};
use crate::agent::builtin::knowledge::{Column, ColumnKind};
use crate::agent::builtin::lexicon;
use crate::agent::builtin::token::Kind;

impl Reader<'_> {
    /// `placed after 2026-01-01`, `from the last 30 days`, `since March`, `older than a year`.
    pub(super) fn about_time(&self, at: usize) -> Read {
        let (verb, mut here) = self.event_verb(at);
        let not = usize::from(
            self.sentence.is(here, &["not", "no"])
                && self.sentence.is(here + 1, &["older", "newer", "later", "earlier"]),
        );
        here += not;
        let comparison = match self.sentence.word(here) {
            "older" | "earlier" if not == 1 && self.sentence.is(here + 1, &["than"]) => Some((">=", 2)),
            "newer" | "later" if not == 1 && self.sentence.is(here + 1, &["than"]) => Some(("<=", 2)),
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
        if let Some((Moment::Open(one, other), used)) = (here..here + 2)
            .find_map(|from| moment::read(self.sentence, from, self.now).filter(|_| stretch || comparison.is_some()))
        {
            return Some(Err(self.which_date(at, here + used, one, other)));
        }
        let age = moment::span(self.sentence, here)
            .filter(|_| not == 1 || comparison.is_some_and(|(operator, _)| matches!(operator, "<" | ">")));
        let read = moment::read(self.sentence, here, self.now);
        if comparison.is_some() && age.is_none() && read.is_none() {
            return None;
        }
        if comparison.is_none() && self.during(&probe, here).is_none() {
            return None;
        }
        let window = moment::window(self.sentence, here + 1).is_some();
        if comparison.is_none() && verb.is_none() && !window && self.names_something_else(at) {
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
    pub(super) fn time_column(&self, verb: Option<&str>) -> Result<&Column, Vec<String>> {
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
}
