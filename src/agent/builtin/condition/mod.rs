//! Conditions on rows, as people say them or as SQL has them, read into an expression over the streams' columns.

mod adjective;
mod expression;
mod moment;
mod predicate;
mod value;
mod when;

use chrono::{DateTime, Utc};

use super::knowledge::ColumnKind;
use super::lexicon::{self, Class};
use super::link::column::Columns;
use super::token::{Kind, Sentence};
pub(super) use expression::{Expression, identifier};

/// A condition and the tokens that say it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    pub expression: Expression,
    pub from: usize,
    pub to: usize,
    /// What had to be taken for granted.
    pub assumed: Vec<String>,
}

/// A condition that cannot be read for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unclear {
    pub text: String,
    pub options: Vec<(String, String)>,
    pub from: usize,
    pub to: usize,
}

/// What the reader of conditions is given.
pub(super) struct Reader<'a> {
    pub sentence: &'a Sentence,
    pub columns: &'a Columns,
    pub free: &'a dyn Fn(usize) -> bool,
    /// Tokens that name a stream.
    pub stream: &'a dyn Fn(usize) -> bool,
    pub now: DateTime<Utc>,
    /// The question before was about the filter.
    pub asked: bool,
}

/// Everything of a sentence that restricts rows.
pub(super) fn read(reader: &Reader<'_>) -> (Vec<Condition>, Vec<Unclear>) {
    let (mut conditions, mut unclear): (Vec<Condition>, Vec<Unclear>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < reader.sentence.len() {
        let taken = conditions.iter().any(|condition| (condition.from..condition.to).contains(&at))
            || unclear.iter().any(|unclear| (unclear.from..unclear.to).contains(&at));
        if taken || !((reader.free)(at) || (reader.stream)(at)) {
            at += 1;
            continue;
        }
        match reader.at(at) {
            Some(Ok(condition)) => {
                at = condition.to.max(at + 1);
                conditions.push(condition);
            }
            Some(Err(problem)) => {
                at = problem.to.max(at + 1);
                unclear.push(problem);
            }
            None => at += 1,
        }
    }
    (conditions, unclear)
}

type Read = Option<Result<Condition, Unclear>>;

impl Reader<'_> {
    /// `on ward ICU (ward_code)`: a code, and the column behind it in brackets.
    fn code_of(&self, at: usize) -> Read {
        let token = self.sentence.get(at).filter(|_| (self.free)(at))?;
        let code = token.text.len() > 1
            && token.text.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit())
            && token.text.chars().any(char::is_alphabetic)
            || token.quote == Some('\'');
        if !code || self.sentence.text(at + 1) != "(" {
            return None;
        }
        let (to, named) = self.columns.mention(self.sentence, at + 2, self.free)?;
        let column = self.columns.get(named.names.first()?).filter(|column| column.kind == ColumnKind::Text)?;
        (self.sentence.text(to) == ")").then(|| {
            let value = expression::literal(&token.text);
            Ok(Condition {
                expression: Expression::Compare { column: column.name.clone(), operator: "=", value },
                from: at,
                to: to + 1,
                assumed: Vec::new(),
            })
        })
    }

    /// `and not voided`, `but not blocked`: a flag that is denied.
    fn denied_flag(&self, at: usize) -> Read {
        let led = self.sentence.is(at.wrapping_sub(1), &["and", "but", "are", "is"]) || self.sentence.before(at) == ",";
        if !self.sentence.is(at, &["not"]) || !led {
            return None;
        }
        let word = self.sentence.word(at + 1);
        let column = self.flag(word).filter(|_| (self.free)(at + 1))?;
        Some(Ok(Condition {
            expression: Expression::Flag { column: column.name.clone(), negated: true },
            from: at,
            to: at + 2,
            assumed: Vec::new(),
        }))
    }

    /// The condition that begins here.
    fn at(&self, at: usize) -> Read {
        if !(self.free)(at) {
            return None;
        }
        self.left_out(at)
            .or_else(|| self.cued(at))
            .or_else(|| self.bare(at))
            .or_else(|| {
                let (expression, to, assumed) = self.value_first(at)?;
                Some(Ok(Condition { expression, from: at, to, assumed }))
            })
            .or_else(|| self.about_time(at))
            .or_else(|| self.adjective(at))
            .or_else(|| self.denied_flag(at))
            .or_else(|| self.code_of(at))
    }

    /// `where …`, `whose …`, `with …`, `only those that …`.
    fn cued(&self, at: usize) -> Read {
        let length = lexicon::phrase(self.sentence, at, Class::Where)?;
        if stays_put(self.sentence, at) {
            return None;
        }
        let strong = self.sentence.is(at, &["where", "whose", "wher", "filter", "filtered", "having"]);
        let start = self.skip_lead(at + length);
        if let Some((expression, to, assumed)) = self.value_first(start).or_else(|| self.value_first(at)) {
            return Some(Ok(Condition { expression, from: at, to, assumed }));
        }
        if let Some((expression, to, assumed)) = self.expression(start) {
            return Some(Ok(Condition { expression, from: at, to, assumed }));
        }
        if let Some(found) = self.about_time(start) {
            return Some(found.map(|condition| Condition { from: at, ..condition }));
        }
        if let Some(found) = self.state(start) {
            return Some(found.map(|condition| Condition { from: at, ..condition }));
        }
        if !strong || self.columns.is_empty() {
            return None;
        }
        let to = self.end_of_clause(start);
        (to > start).then(|| Err(self.unreadable(at, start, to)))
    }

    /// Words between a cue and its condition: `where the`, `only rows that have a`, `those which are`.
    fn skip_lead(&self, mut at: usize) -> usize {
        while self.sentence.is(
            at,
            &[
                "the", "their", "its", "those", "rows", "records", "ones", "entries", "there", "they", "it", "only",
                "which", "that", "who", "where", "whose", "by", "on", "for", "to", ":",
            ],
        ) || self.sentence.text(at) == ":"
        {
            // `where the status is` but not over a column called so.
            if self.columns.mention(self.sentence, at, self.free).is_some()
                && !self.sentence.is(at, &["the", "their", "its"])
            {
                break;
            }
            at += 1;
        }
        at
    }

    /// `except those where …`, `excluding cancelled ones`, `without rows that …`.
    fn left_out(&self, at: usize) -> Read {
        let length = lexicon::phrase(self.sentence, at, Class::Except)?;
        // `no more than`, `no later than`: a comparison.
        let compares = self.sentence.is(at, &["no"]) && self.sentence.is(at + 2, &["than"]);
        if compares || lexicon::is(self.sentence, at, Class::NoFilter) {
            return None;
        }
        let mut start = at + length;
        let mut rows = false;
        while self.sentence.is(
            start,
            &[
                "the", "all", "any", "those", "rows", "records", "ones", "entries", "orders", "where", "whose", "that",
                "which", "with", "are", "were", "from", "having", "have", "for", "if", "a",
            ],
        ) || (self.stream)(start)
        {
            rows |= !self.sentence.is(start, &["the", "all", "any", "a", "with", "from", "for"]);
            start += 1;
        }
        // `without the phone`: a column to leave out, unless something is compared with it.
        let plain = self.columns.loose_mention(self.sentence, start, self.free).is_some_and(|(to, _)| {
            // `not the blocked ones` speaks of rows.
            !self.compares(to) && !self.sentence.is(to, &["ones", "rows", "records", "entries"])
        });
        // `without a phone`: rows that have none; `without the phone`: the column.
        let lacking = self.sentence.is(at, &["without"]) && self.sentence.is(at + length, &["a", "an", "any"]);
        if lacking
            && let Some((to, named)) = self.columns.mention(self.sentence, start, self.free)
            && !lexicon::is(self.sentence, to, Class::Column)
        {
            let column = named.names.first()?.clone();
            return Some(Ok(Condition {
                expression: Expression::Null { column, negated: false },
                from: at,
                to,
                assumed: Vec::new(),
            }));
        }
        if plain && !rows {
            return None;
        }
        if let Some((expression, to, assumed)) = self.expression(start).filter(|_| !plain || rows) {
            return Some(Ok(Condition { expression: expression.negated(), from: at, to, assumed }));
        }
        if let Some(found) = self.state(start) {
            return Some(found.map(|condition| Condition {
                expression: condition.expression.negated(),
                from: at,
                to: condition.to,
                assumed: condition.assumed,
            }));
        }
        let time = self.about_time(start).filter(|_| rows)?;
        Some(time.map(|condition| Condition { expression: condition.expression.negated(), from: at, ..condition }))
    }

    /// A comparison without a word before it: `status = 'active'`, `amount over 100`.
    fn bare(&self, at: usize) -> Read {
        let (to, named) = self.columns.mention(self.sentence, at, self.free)?;
        // `call full_name just name`, `by updated_at`: no comparison follows.
        let code = named
            .names
            .first()
            .and_then(|name| self.columns.get(name))
            .is_some_and(|column| self.beside(to, column).is_some());
        let operator = code
            || self.sentence.kind(to) == Some(Kind::Operator)
                && !matches!(self.sentence.text(to), "->" | "→" | "=>" | "-->");
        let temporal = named
            .names
            .first()
            .and_then(|name| self.columns.get(name))
            .filter(|column| matches!(column.kind, ColumnKind::Date | ColumnKind::Timestamp))
            .is_some_and(|column| self.during(column, to).is_some());
        let valued = named
            .names
            .first()
            .and_then(|name| self.columns.get(name))
            .is_some_and(|column| self.beside(to, column).is_some());
        if !operator && !self.compares(to) && !self.asked && !temporal && !valued {
            return None;
        }
        let (expression, to, assumed) = self.expression(at)?;
        Some(Ok(Condition { expression, from: at, to, assumed }))
    }

    /// The first token after a clause that cannot be read.
    fn end_of_clause(&self, at: usize) -> usize {
        (at..self.sentence.len())
            .find(|here| {
                matches!(self.sentence.text(*here), "." | ";" | "!" | "?" | ",")
                    || !(self.free)(*here)
                    || (*here > at
                        && (lexicon::is(self.sentence, *here, Class::To)
                            || lexicon::is(self.sentence, *here, Class::From))
                        && self.sentence.kind(here + 1) != Some(Kind::Number))
            })
            .unwrap_or(self.sentence.len())
    }

    fn unreadable(&self, from: usize, start: usize, to: usize) -> Unclear {
        let text = self.sentence.span(start, to).to_owned();
        let named = (start..to)
            .find(|at| self.sentence.kind(*at) == Some(Kind::Word) && !lexicon::is_known(self.sentence.word(*at)));
        let unknown = named
            .filter(|at| self.columns.loose_mention(self.sentence, *at, &|_| true).is_none())
            .map(|at| self.sentence.text(at));
        let streams: Vec<&str> = self.columns.schemas().iter().map(|schema| schema.stream.as_str()).collect();
        let sentence = match unknown {
            Some(name) => format!(
                "`{}` has no column `{name}`. Which column should the condition `{text}` compare?",
                streams.join("`, `")
            ),
            None => {
                format!("The condition `{text}` cannot be read. Write it as `column = value`; which rows are wanted?")
            }
        };
        let likely = unknown.map(|name| self.like(name)).unwrap_or_default();
        let options = likely
            .into_iter()
            .map(|column| {
                let rest = unknown.map_or_else(String::new, |name| text.replacen(name, &column, 1));
                (column, format!("where {rest}"))
            })
            .chain(std::iter::once(("All rows".to_owned(), "no filter".to_owned())))
            .collect();
        Unclear { text: sentence, options, from, to }
    }

    /// Columns whose names come near.
    fn like(&self, name: &str) -> Vec<String> {
        let folded = super::fold::fold(name);
        let mut scored: Vec<(f64, &str)> = self
            .columns
            .all()
            .map(|column| (super::fold::likeness(&folded, &super::fold::fold(&column.name)), column.name.as_str()))
            .collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        scored.dedup_by(|one, other| one.1 == other.1);
        scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }
}

/// `where they are`, `where it is`: a place and no condition.
pub(super) fn stays_put(sentence: &Sentence, at: usize) -> bool {
    // `where the analysts can find them`
    let found = sentence.is(at, &["where", "wherever"])
        && (at + 2..at + 5).any(|here| sentence.is(here, &["can", "could", "will", "may", "might", "would"]))
        && (at + 3..at + 8).any(|here| sentence.is(here, &["it", "them", "those", "that", "work", "look"]));
    found
        || sentence.is(at, &["where", "wherever"])
            && sentence.is(at + 1, &["they", "it", "that", "those", "these", "she", "he", "we", "everything"])
            && sentence.is(
                at + 2,
                &[
                    "are", "is", "were", "was", "belong", "belongs", "live", "lives", "sit", "sits", "go", "goes",
                    "should", "come", "comes", "end", "ends", "must",
                ],
            )
}

/// The literals of a moment that is said here (its first day, and the first after it where it lasts longer than one), and
/// how many tokens say it.
pub(super) fn moment_text(sentence: &Sentence, at: usize, now: DateTime<Utc>) -> Option<(Vec<String>, usize)> {
    let (moment, used) = moment::read(sentence, at, now)?;
    let timed = used > 1 || sentence.text(at).len() >= 8;
    let (first, next) = predicate::edges(&moment).filter(|_| timed)?;
    let long = matches!(moment, moment::Moment::Range(..));
    first.starts_with('\'').then(|| (std::iter::once(first).chain(next.filter(|_| long)).collect(), used))
}
