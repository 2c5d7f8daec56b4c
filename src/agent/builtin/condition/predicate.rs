//! Predicates and how they are joined.

mod beside;
mod comparison;
mod edge;

use super::Reader;
use super::expression::{Comparison, Expression};
use super::moment::{self, Moment};
use crate::agent::builtin::knowledge::{Column, ColumnKind};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::How;
use crate::agent::builtin::token::Kind;
pub(super) use edge::edges;
pub(super) use edge::{ago, on};
use edge::{day, escaped, in_values, sql_moment};

/// An expression, the token after it, and what was assumed for it.
pub(super) type Parsed = Option<(Expression, usize, Vec<String>)>;

impl Reader<'_> {
    /// `a or b`, where `and` binds closer.
    pub(super) fn expression(&self, at: usize) -> Parsed {
        let (first, mut to, mut assumed) = self.conjunction(at)?;
        let mut parts = vec![first];
        while lexicon::is(self.sentence, to, Class::Or) {
            let again = usize::from(self.sentence.is(to + 1, &["where", "if", "whose", "with", "the", "when"]));
            let Some((next, end, more)) = self.conjunction(to + 1 + again) else { break };
            parts.push(next);
            assumed.extend(more);
            to = end;
        }
        Some((Expression::or(parts), to, assumed))
    }

    fn conjunction(&self, at: usize) -> Parsed {
        let (first, mut to, mut assumed) = self.unary(at)?;
        let mut subject = first.columns().first().cloned();
        let mut parts = vec![first];
        loop {
            let comma = usize::from(self.sentence.text(to) == ",");
            let and = lexicon::phrase(self.sentence, to + comma, Class::And).unwrap_or(0);
            if comma + and == 0 {
                break;
            }
            let mut start = to + comma + and;
            while self.sentence.is(
                start,
                &["where", "whose", "the", "with", "also", "that", "which", "if", "when", "their", "only", "who"],
            ) && self.columns.mention(self.sentence, start, self.free).is_none()
            {
                start += 1;
            }
            // Behind a comma alone only a clear comparison goes on.
            let next = self.unary(start).filter(|_| {
                and > 0
                    || self.columns.mention(self.sentence, start, self.free).is_some_and(|(end, _)| self.compares(end))
            });
            let next = next.or_else(|| (and > 0).then(|| self.same_subject(subject.as_deref(), start)).flatten());
            let Some((next, end, more)) = next else { break };
            subject = next.columns().first().cloned().or(subject);
            parts.push(next);
            assumed.extend(more);
            to = end;
        }
        Some((Expression::and(parts), to, assumed))
    }

    /// `over 10 and under 20`: the column is not said again.
    fn same_subject(&self, subject: Option<&str>, at: usize) -> Parsed {
        let column = self.columns.get(subject?)?;
        let (comparison, used) = self.comparison(at, column)?;
        self.compared(column, comparison, at + used, Vec::new())
    }

    fn unary(&self, at: usize) -> Parsed {
        if self.sentence.text(at) == "(" {
            let (inner, to, assumed) = self.expression(at + 1)?;
            return (self.sentence.text(to) == ")").then_some((inner, to + 1, assumed));
        }
        if self.sentence.is(at, &["not"]) {
            let (inner, to, assumed) = self.unary(at + 1)?;
            return Some((inner.negated(), to, assumed));
        }
        // `who are not from country CH`
        let copula =
            usize::from(self.sentence.is(at, &["are", "is", "were", "was", "come", "comes", "aren't", "isn't"]));
        let not = usize::from(self.sentence.is(at + copula, &["not"]));
        let from = at + copula + not;
        if self.sentence.is(from, &["from", "in", "of"])
            && let Some((to, named)) = self.columns.mention(self.sentence, from + 1, self.free)
            && let Some(column) =
                self.columns.get(named.names.first()?).filter(|column| self.beside(to, column).is_some())
        {
            let negated = not == 1 || self.sentence.is(at, &["aren't", "isn't"]);
            return self.plain(column, if negated { "<>" } else { "=" }, to, Vec::new());
        }
        self.absent(at).or_else(|| self.predicate(at))
    }

    fn predicate(&self, at: usize) -> Parsed {
        let (to, named) = match self.columns.mention(self.sentence, at, self.free) {
            Some(found) => found,
            None if self.sentence.is(at, &["a", "an", "the"]) => return self.predicate(at + 1),
            None => self.columns.loose_mention(self.sentence, at, self.free).filter(|(to, _)| self.compares(*to))?,
        };
        let column = self.columns.get(named.names.first()?)?;
        let assumed = match named.how {
            How::Name => Vec::new(),
            How::Part | How::Slip => {
                vec![format!("`{}` in the filter is read as the column `{}`.", self.sentence.span(at, to), column.name)]
            }
        };
        // `deleted_at in the last 30 days`, `sold_on yesterday`
        if matches!(column.kind, ColumnKind::Date | ColumnKind::Timestamp) {
            let copula = usize::from(self.sentence.is(to, &["is", "was", "are", "were", "falls", "fell"]));
            if let Some((expression, end)) = self.during(column, to + copula) {
                return Some((expression, end, assumed));
            }
        }
        if let Some((operator, end)) = self.sign(to, column) {
            let value = "0".to_owned();
            return Some((Expression::Compare { column: column.name.clone(), operator, value }, end, assumed));
        }
        if let Some((comparison, used)) = self.comparison(to, column) {
            return self.compared(column, comparison, to + used, assumed);
        }
        if self.beside(to, column).is_some() {
            return self.plain(column, "=", to, assumed);
        }
        (column.kind == ColumnKind::Boolean)
            .then(|| (Expression::Flag { column: column.name.clone(), negated: false }, to, assumed))
    }

    /// The right side of a comparison.
    pub(super) fn compared(&self, column: &Column, comparison: Comparison, at: usize, assumed: Vec<String>) -> Parsed {
        let name = column.name.clone();
        let temporal = matches!(column.kind, ColumnKind::Date | ColumnKind::Timestamp);
        let (expression, to) = match comparison {
            Comparison::Null { negated } => (Expression::Null { column: name, negated }, at),
            Comparison::In { negated } => {
                let (values, to) = self.values(at, column)?;
                (in_values(name, values, negated), to)
            }
            Comparison::Between { negated } => self.between(column, at, negated)?,
            Comparison::Like { negated } => {
                let token = self.sentence.get(at)?;
                let insensitive = self.sentence.before(at) == "ilike";
                (Expression::Like { column: name, pattern: token.text.clone(), insensitive, negated }, at + 1)
            }
            Comparison::Contains { negated }
            | Comparison::StartsWith { negated }
            | Comparison::EndsWith { negated } => {
                let skip = usize::from(self.sentence.is(at, &["the", "a", "an"]));
                let skip =
                    skip + usize::from(self.sentence.is(at + skip, &["word", "text", "letter", "string", "letters"]));
                let token = self.sentence.get(at + skip)?;
                let text = escaped(&token.text);
                let pattern = match comparison {
                    Comparison::StartsWith { .. } => format!("{text}%"),
                    Comparison::EndsWith { .. } => format!("%{text}"),
                    _ => format!("%{text}%"),
                };
                (Expression::Like { column: name, pattern, insensitive: false, negated }, at + skip + 1)
            }
            Comparison::Age(operator) if temporal => {
                let (span, used) = moment::span(self.sentence, at)?;
                (Expression::Compare { column: name, operator, value: ago(column, &span) }, at + used)
            }
            Comparison::Age(operator) => {
                let (value, used) = self.value(at, column)?;
                (
                    Expression::Compare { column: name, operator: if operator == "<" { ">" } else { "<" }, value },
                    at + used,
                )
            }
            Comparison::Is(operator) if temporal => self.at_moment(column, operator, at)?,
            Comparison::Is(operator) => return self.plain(column, operator, at, assumed),
        };
        Some((expression, to, assumed))
    }

    fn plain(&self, column: &Column, operator: &'static str, at: usize, assumed: Vec<String>) -> Parsed {
        let name = column.name.clone();
        let skip = usize::from(self.sentence.is(at, &["the", "a", "an"]) && column.kind != ColumnKind::Text);
        if self.sentence.is(at, &["null"]) {
            return Some((Expression::Null { column: name, negated: operator == "<>" }, at + 1, assumed));
        }
        if matches!(operator, "=" | "<>") && self.range(at + skip, column) {
            let (expression, to) = self.between(column, at + skip, operator == "<>")?;
            return Some((expression, to, assumed));
        }
        let (value, used) = self.value(at + skip, column)?;
        let mut to = at + skip + used;
        if column.kind == ColumnKind::Boolean {
            let negated = (value == "false") != (operator == "<>");
            return Some((Expression::Flag { column: name, negated }, to, assumed));
        }
        // `100 or more`, `50 and below`
        if operator == "=" && self.sentence.is(to, &["or", "and"]) {
            let suffix = match self.sentence.word(to + 1) {
                "more" | "higher" | "above" | "greater" | "up" | "over" | "later" | "bigger" => Some(">="),
                "less" | "lower" | "below" | "fewer" | "smaller" | "under" | "earlier" => Some("<="),
                _ => None,
            };
            if let Some(operator) = suffix {
                return Some((Expression::Compare { column: name, operator, value }, to + 2, assumed));
            }
        }
        if matches!(operator, "=" | "<>")
            && let Some((more, end)) = self.more_values(to, column)
        {
            to = end;
            let values = std::iter::once(value).chain(more).collect();
            return Some((Expression::In { column: name, values, negated: operator == "<>" }, to, assumed));
        }
        Some((Expression::Compare { column: name, operator, value }, to, assumed))
    }

    /// `, b or c` after a first value.
    fn more_values(&self, at: usize, column: &Column) -> Option<(Vec<String>, usize)> {
        let mut values = Vec::new();
        let mut to = at;
        let mut closed = false;
        // `DE / AT`: strokes take no `or`.
        let mut strokes = false;
        while !closed {
            strokes |= self.sentence.text(to) == "/";
            let comma = usize::from(self.sentence.text(to) == "," || self.sentence.text(to) == "/");
            let or = usize::from(self.sentence.is(to + comma, &["or", "nor"]));
            if comma + or == 0 {
                break;
            }
            let again = usize::from(
                self.sentence.kind(to + comma + or) == Some(Kind::Operator)
                    || self.sentence.is(to + comma + or, &["is"]),
            );
            let here = to + comma + or + again;
            // A new comparison begins here rather than another value.
            if self
                .columns
                .mention(self.sentence, here, self.free)
                .is_some_and(|(end, _)| self.compares(end) || column.kind == ColumnKind::Number)
            {
                break;
            }
            let Some((value, used)) = self.value(here, column) else { break };
            values.push(value);
            to = here + used;
            closed = or > 0;
        }
        // A list that never comes to its `or` was no list.
        (closed || strokes && !values.is_empty()).then_some((values, to))
    }

    /// `(a, b)`, `a, b and c`.
    fn values(&self, at: usize, column: &Column) -> Option<(Vec<String>, usize)> {
        let bracket = matches!(self.sentence.text(at), "(" | "[");
        let mut here = at + usize::from(bracket);
        let (first, used) = self.value(here, column)?;
        let mut values = vec![first];
        here += used;
        loop {
            let comma = usize::from(matches!(self.sentence.text(here), "," | "/"));
            let word = usize::from(self.sentence.is(here + comma, &["or", "and", "&", "nor"]));
            if comma + word == 0 {
                break;
            }
            let next = here + comma + word;
            let begins = !bracket && self.columns.mention(self.sentence, next, self.free).is_some();
            let Some((value, used)) = (!begins).then(|| self.value(next, column)).flatten() else { break };
            values.push(value);
            here = next + used;
        }
        let closes = bracket && matches!(self.sentence.text(here), ")" | "]");
        (closes || !bracket).then_some((values, here + usize::from(closes)))
    }

    fn between(&self, column: &Column, at: usize, negated: bool) -> Option<(Expression, usize)> {
        let name = column.name.clone();
        let joins = |at: usize| {
            self.sentence.is(at, &["and", "to", "&", "until", "till", "through"])
                || matches!(self.sentence.text(at), "-" | "–")
        };
        if matches!(column.kind, ColumnKind::Date | ColumnKind::Timestamp) {
            let (low, used) = moment::read(self.sentence, at, self.now)?;
            let middle = at + used;
            let (high, more) = joins(middle).then(|| moment::read(self.sentence, middle + 1, self.now)).flatten()?;
            let (low, _) = edges(&low)?;
            let end = middle + 1 + more;
            let expression = match high {
                Moment::Range(_, next) => Expression::And(vec![
                    Expression::Compare { column: name.clone(), operator: ">=", value: low },
                    Expression::Compare { column: name, operator: "<", value: day(next) },
                ]),
                other => Expression::Between { column: name, low, high: edges(&other)?.0, negated },
            };
            return Some((expression, end));
        }
        let (low, used) = self.value(at, column)?;
        let middle = at + used;
        let (high, more) = joins(middle).then(|| self.value(middle + 1, column)).flatten()?;
        Some((Expression::Between { column: name, low, high, negated }, middle + 1 + more))
    }

    /// A comparison of a date or a timestamp with a moment.
    pub(super) fn at_moment(&self, column: &Column, operator: &'static str, at: usize) -> Option<(Expression, usize)> {
        let name = column.name.clone();
        if let Some((value, used)) = sql_moment(self, at) {
            return Some((Expression::Compare { column: name, operator, value }, at + used));
        }
        // `more than 30 days ago` is earlier than that.
        let (moment, used) = moment::read(self.sentence, at, self.now).or_else(|| self.quoted_text(at))?;
        let to = at + used;
        let literal_operator = self.sentence.kind(at.saturating_sub(1)) == Some(Kind::Operator);
        let ago_flips = matches!(moment, Moment::Ago(_))
            && self.sentence.is(at.wrapping_sub(1), &["than"])
            && self.sentence.is(at.wrapping_sub(2), &["more", "less", "longer"]);
        let operator = match (ago_flips, operator) {
            (true, ">") => "<",
            (true, "<") => ">",
            (_, operator) => operator,
        };
        let suffix = self.sentence.is(to, &["or", "and", "onwards", "on", "onward"])
            && (self.sentence.is(to, &["onwards", "onward"])
                || self.sentence.is(to + 1, &["later", "after", "newer", "onwards"]));
        if suffix && operator == "=" {
            let words = if self.sentence.is(to, &["onwards", "onward"]) { 1 } else { 2 };
            return Some((Expression::Compare { column: name, operator: ">=", value: edges(&moment)?.0 }, to + words));
        }
        Some((on(column, operator, &moment, literal_operator)?, to))
    }

    fn quoted_text(&self, at: usize) -> Option<(Moment, usize)> {
        self.sentence
            .get(at)
            .filter(|token| token.kind == Kind::Quoted)
            .map(|token| (Moment::Instant(token.text.clone()), 1))
    }

    /// `in the last 30 days`, `in 2025`, `on 2026-01-05`, `this year`, `yesterday`, `2 weeks ago`.
    pub(super) fn during(&self, column: &Column, at: usize) -> Option<(Expression, usize)> {
        let name = column.name.clone();
        let lead =
            usize::from(self.sentence.is(at, &["in", "within", "during", "on", "from", "of", "for", "over", "at"]));
        if let Some((span, used)) = moment::window(self.sentence, at + lead) {
            return Some((
                Expression::Compare { column: name, operator: ">=", value: ago(column, &span) },
                at + lead + used,
            ));
        }
        let (moment, used) = moment::read(self.sentence, at + lead, self.now)?;
        let onwards = self.sentence.is(at + lead + used, &["onwards", "onward"])
            || (self.sentence.is(at + lead + used, &["on", "and", "or"])
                && self.sentence.is(at + lead + used + 1, &["later", "after", "onwards"]));
        if onwards {
            let words = if self.sentence.is(at + lead + used, &["onwards", "onward"]) { 1 } else { 2 };
            return Some((
                Expression::Compare { column: name, operator: ">=", value: edges(&moment)?.0 },
                at + lead + used + words,
            ));
        }
        // `from January to March 2026`
        if self.sentence.is(at, &["from"])
            && self.sentence.is(at + lead + used, &["to", "until", "till", "through"])
            && let Some((end, more)) = moment::read(self.sentence, at + lead + used + 1, self.now)
        {
            let first = Expression::Compare { column: name, operator: ">=", value: edges(&moment)?.0 };
            return Some((Expression::and(vec![first, on(column, "<=", &end, false)?]), at + lead + used + 1 + more));
        }
        Some((on(column, "=", &moment, false)?, at + lead + used))
    }
}
