//! Moments relative to now: read from a filter, and made absolute when a run begins.

use chrono::{DateTime, Months, NaiveTime, TimeDelta, Utc};
use sqlparser::ast::{BinaryOperator, Expr, FunctionArguments, Interval, Value};

use super::literal::{Class, Raw, written};
use crate::connectors::Column;
use crate::connectors::filter::{Filter, Literal, Operand};
use crate::plan::span::Span;

/// Reads `now()`, `current_date - 7`, `current_timestamp - interval '1 month'`. `None` when the expression is no
/// moment at all, an error when it is one that cannot be told exactly.
pub(super) fn read(expr: &Expr) -> Option<Result<Raw, String>> {
    match expr {
        Expr::Nested(inner) => read(inner),
        Expr::Function(_) => Some(Ok(Raw::Moment { months: 0, seconds: 0, date_only: base(expr)? })),
        Expr::BinaryOp { left, op, right } => {
            let date_only = base(left)?;
            if *op != BinaryOperator::Minus {
                let message = "A moment relative to now lies in the past: it is written with `-`.";
                return Some(Err(message.to_owned()));
            }
            Some(match back(right, date_only) {
                Some(span) => Ok(Raw::Moment { months: span.months, seconds: span.seconds, date_only }),
                None => Err("The time before now is not an interval that can be read.".to_owned()),
            })
        }
        _ => None,
    }
}

/// Whether the expression is today (`true`) or now (`false`).
fn base(expr: &Expr) -> Option<bool> {
    let Expr::Function(function) = expr else { return None };
    let empty = match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty() && list.clauses.is_empty(),
        FunctionArguments::Subquery(_) => false,
    };
    let plain = empty && function.over.is_none() && function.filter.is_none() && !function.uses_odbc_syntax;
    match function.name.to_string().to_ascii_lowercase().as_str() {
        "now" | "current_timestamp" | "localtimestamp" if plain => Some(false),
        "current_date" if plain => Some(true),
        _ => None,
    }
}

fn back(expr: &Expr, days: bool) -> Option<Span> {
    match expr {
        Expr::Nested(inner) => back(inner, days),
        Expr::Interval(Interval {
            value,
            leading_field,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        }) => {
            let Expr::Value(value) = value.as_ref() else { return None };
            let text = match &value.value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => text.trim().to_owned(),
                _ => return None,
            };
            match leading_field {
                Some(unit) => interval(&format!("{text} {unit}")),
                None => interval(&text),
            }
        }
        // `current_date - 7` counts days.
        Expr::Value(value) if days => match &value.value {
            Value::Number(text, _) => Some(Span::seconds(text.parse::<u64>().ok()?.checked_mul(86_400)?)),
            _ => None,
        },
        _ => None,
    }
}

/// Reads `30 days`, `1 year 2 months`, `PT12H`.
fn interval(text: &str) -> Option<Span> {
    if let Some(span) = Span::parse(text) {
        return Some(span);
    }
    let mut span = Span::default();
    let mut words = text.split_whitespace().peekable();
    words.peek()?;
    while let Some(number) = words.next() {
        let number: u64 = number.parse().ok()?;
        let unit = words.next()?.trim_end_matches(',').to_ascii_lowercase();
        let (seconds, months) = match unit.trim_end_matches('s') {
            "second" | "sec" => (1, 0),
            "minute" | "min" => (60, 0),
            "hour" | "hr" => (3_600, 0),
            "day" => (86_400, 0),
            "week" => (604_800, 0),
            "month" | "mon" => (0, 1),
            "year" | "yr" => (0, 12),
            _ => return None,
        };
        span.seconds = span.seconds.checked_add(number.checked_mul(seconds)?)?;
        span.months = span.months.checked_add(u32::try_from(number.checked_mul(months)?).ok()?)?;
    }
    // What lies further back than the calendar reaches is no moment.
    (span.months <= 12 * 2_000 && span.seconds <= 86_400 * 366 * 2_000).then_some(span)
}

/// The filter with every relative moment made absolute, for a run that begins at `now`. A day is a day in UTC; on a
/// timestamp column it is that day's midnight.
pub fn at_time(filter: &Filter, now: DateTime<Utc>, columns: &[Column]) -> Filter {
    let class = |name: &str| {
        columns.iter().find(|column| column.name == name).map_or(Class::Instant, |c| Class::of(&c.data_type.logical))
    };
    let fix = |literal: &Literal, column: &str| match literal {
        Literal::BeforeNow { months, seconds, date_only } => {
            absolute(now, (*months, *seconds), *date_only, class(column))
        }
        other => other.clone(),
    };
    match filter {
        Filter::Compare { left, op, right } => {
            let column = [left, right].into_iter().find_map(|side| match side {
                Operand::Column(name) => Some(name.as_str()),
                Operand::Literal(_) => None,
            });
            let side = |operand: &Operand| match operand {
                Operand::Literal(literal) => Operand::Literal(fix(literal, column.unwrap_or_default())),
                Operand::Column(_) => operand.clone(),
            };
            Filter::Compare { left: side(left), op: *op, right: side(right) }
        }
        Filter::In { column, values, negated } => Filter::In {
            column: column.clone(),
            values: values.iter().map(|value| fix(value, column)).collect(),
            negated: *negated,
        },
        Filter::Between { column, low, high, negated } => Filter::Between {
            column: column.clone(),
            low: fix(low, column),
            high: fix(high, column),
            negated: *negated,
        },
        Filter::And(parts) => Filter::And(parts.iter().map(|part| at_time(part, now, columns)).collect()),
        Filter::Or(parts) => Filter::Or(parts.iter().map(|part| at_time(part, now, columns)).collect()),
        Filter::Not(part) => Filter::Not(Box::new(at_time(part, now, columns))),
        Filter::IsNull { .. } | Filter::Like { .. } => filter.clone(),
    }
}

fn absolute(now: DateTime<Utc>, (months, seconds): (u32, u64), date_only: bool, class: Class) -> Literal {
    let earliest = DateTime::<Utc>::UNIX_EPOCH;
    let at = if date_only { now.date_naive().and_time(NaiveTime::MIN).and_utc() } else { now };
    let at = at
        .checked_sub_months(Months::new(months))
        .and_then(|at| at.checked_sub_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?))
        .unwrap_or(earliest);
    let at = if date_only { at.date_naive().and_time(NaiveTime::MIN) } else { at.naive_utc() };
    match class {
        Class::Date => Literal::Date(at.date().format("%Y-%m-%d").to_string()),
        Class::WallClock => Literal::Timestamp(written(at)),
        _ => Literal::Timestamp(format!("{}Z", written(at))),
    }
}
