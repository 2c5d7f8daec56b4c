//! Where a condition on time begins and ends.

use crate::agent::builtin::condition::Reader;
use crate::agent::builtin::condition::expression::{Expression, literal};
use crate::agent::builtin::condition::moment::Moment;
use crate::agent::builtin::knowledge::{Column, ColumnKind};

/// `now() - interval '30 days'` and `current_date`, as SQL has them.
pub(in crate::agent::builtin::condition) fn sql_moment(reader: &Reader<'_>, at: usize) -> Option<(String, usize)> {
    let sentence = reader.sentence;
    if !sentence.is(at, &["now", "current_date", "current_timestamp"]) {
        return None;
    }
    let brackets = if sentence.text(at + 1) == "(" && sentence.text(at + 2) == ")" { 2 } else { 0 };
    if sentence.is(at, &["now"]) && brackets == 0 {
        return None;
    }
    let mut to = at + 1 + brackets;
    if sentence.text(to) == "-" {
        to += if sentence.is(to + 1, &["interval"]) { 3 } else { 2 };
    }
    Some((sentence.span(at, to).to_owned(), to - at))
}

pub(in crate::agent::builtin::condition) fn in_values(
    column: String,
    mut values: Vec<String>,
    negated: bool,
) -> Expression {
    if values.len() == 1 {
        return Expression::Compare { column, operator: if negated { "<>" } else { "=" }, value: values.remove(0) };
    }
    Expression::In { column, values, negated }
}

/// So long before the run begins, as the column counts time.
pub(in crate::agent::builtin::condition) fn ago(column: &Column, span: &str) -> String {
    let base = if column.kind == ColumnKind::Date
        && !span.contains("hour")
        && !span.contains("minute")
        && !span.contains("second")
    {
        "current_date"
    } else {
        "now()"
    };
    if span.is_empty() { base.to_owned() } else { format!("{base} - interval '{span}'") }
}

pub(in crate::agent::builtin::condition) fn day(day: chrono::NaiveDate) -> String {
    literal(&day.format("%Y-%m-%d").to_string())
}

pub(in crate::agent::builtin::condition) fn days_ago(days: u64) -> String {
    if days == 0 {
        "current_date".to_owned()
    } else {
        format!("current_date - interval '{days} day{}'", if days == 1 { "" } else { "s" })
    }
}

/// The first instant of a moment, and the first one after it.
pub(in crate::agent::builtin::condition) fn edges(moment: &Moment) -> Option<(String, Option<String>)> {
    Some(match moment {
        Moment::Day(date) => (day(*date), date.succ_opt().map(day)),
        Moment::Instant(text) => (literal(text), None),
        Moment::Range(first, next) => (day(*first), Some(day(*next))),
        Moment::Ago(span) => {
            (if span.is_empty() { "now()".to_owned() } else { format!("now() - interval '{span}'") }, None)
        }
        Moment::DaysAgo(days) => (days_ago(*days), days.checked_sub(1).map(days_ago)),
        Moment::Open(..) => return None,
    })
}

/// The comparison of a column with a moment; words mean whole days, operators what they say.
pub(in crate::agent::builtin::condition) fn on(
    column: &Column,
    operator: &'static str,
    moment: &Moment,
    exactly: bool,
) -> Option<Expression> {
    let compare =
        |operator: &'static str, value: String| Expression::Compare { column: column.name.clone(), operator, value };
    if let Moment::Ago(span) = moment {
        return Some(compare(operator, ago(column, span)));
    }
    let (first, next) = edges(moment)?;
    let long = matches!(moment, Moment::Range(..));
    let dated = column.kind == ColumnKind::Date && !long;
    Some(match operator {
        "=" if dated || next.is_none() && !matches!(moment, Moment::DaysAgo(0)) || exactly => compare("=", first),
        "=" => match next {
            Some(next) => Expression::And(vec![compare(">=", first), compare("<", next)]),
            None => compare(">=", first),
        },
        ">" if long => compare(">=", next?),
        "<=" if !dated && !exactly => match next {
            Some(next) => compare("<", next),
            None => compare("<=", first),
        },
        operator => compare(operator, first),
    })
}

/// A text that is looked for as it is.
pub(in crate::agent::builtin::condition) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
