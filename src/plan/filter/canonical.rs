//! One spelling for filters that mean the same: what evaluations and revisions compare.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::parse::turned;
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::connectors::{Column, LogicalType};

/// The filter with its meaning kept, NULLs included, and its spelling made one: NOT pushed inward, IN and BETWEEN taken
/// apart, bounds of dates and whole numbers inclusive, parts in one order and without repeats.
pub fn canonical(filter: &Filter, columns: &[Column]) -> Filter {
    let columns: BTreeMap<&str, &Column> = columns.iter().map(|column| (column.name.as_str(), column)).collect();
    walk(filter, false, &columns)
}

type Columns<'a> = BTreeMap<&'a str, &'a Column>;

fn walk(filter: &Filter, negated: bool, columns: &Columns<'_>) -> Filter {
    match filter {
        Filter::Not(part) => walk(part, !negated, columns),
        Filter::And(parts) => joined(parts.iter().map(|part| walk(part, negated, columns)), !negated),
        Filter::Or(parts) => joined(parts.iter().map(|part| walk(part, negated, columns)), negated),
        Filter::In { column, values, negated: not } => {
            let negated = negated != *not;
            let op = if negated { Comparison::NotEqual } else { Comparison::Equal };
            joined(values.iter().map(|value| against(column, op, value, columns)), negated)
        }
        Filter::Between { column, low, high, negated: not } => {
            let negated = negated != *not;
            let (from, to) = if negated {
                (Comparison::Less, Comparison::Greater)
            } else {
                (Comparison::GreaterOrEqual, Comparison::LessOrEqual)
            };
            let bounds = [against(column, from, low, columns), against(column, to, high, columns)];
            joined(bounds.into_iter(), !negated)
        }
        Filter::IsNull { column, negated: not } => Filter::IsNull { column: column.clone(), negated: negated != *not },
        Filter::Like { column, pattern, insensitive, negated: not } => Filter::Like {
            column: column.clone(),
            pattern: pattern.clone(),
            insensitive: *insensitive,
            negated: negated != *not,
        },
        Filter::Compare { left, op, right } => {
            let op = if negated { opposite(*op) } else { *op };
            match (left, right) {
                (Operand::Column(column), Operand::Literal(value)) => against(column, op, value, columns),
                (Operand::Literal(value), Operand::Column(column)) => against(column, turned(op), value, columns),
                (Operand::Column(a), Operand::Column(b)) => {
                    let certain = [a, b].iter().all(|name| never_null(name, columns));
                    let op = if certain { plain(op) } else { op };
                    let (left, op, right) = if a <= b { (a, op, b) } else { (b, turned(op), a) };
                    Filter::Compare { left: Operand::Column(left.clone()), op, right: Operand::Column(right.clone()) }
                }
                (Operand::Literal(_), Operand::Literal(_)) => {
                    Filter::Compare { left: left.clone(), op, right: right.clone() }
                }
            }
        }
    }
}

/// Parts joined by AND (`all`) or OR, flattened, sorted and without repeats.
fn joined(parts: impl Iterator<Item = Filter>, all: bool) -> Filter {
    let mut flat: BTreeMap<String, Filter> = BTreeMap::new();
    for part in parts {
        let inner = match part {
            Filter::And(inner) if all => inner,
            Filter::Or(inner) if !all => inner,
            other => vec![other],
        };
        for part in inner {
            flat.insert(serde_json::to_string(&part).unwrap_or_default(), part);
        }
    }
    let mut parts: Vec<Filter> = flat.into_values().collect();
    match (parts.len(), all) {
        (1, _) => parts.remove(0),
        (_, true) => Filter::And(parts),
        (_, false) => Filter::Or(parts),
    }
}

fn against(column: &str, op: Comparison, value: &Literal, columns: &Columns<'_>) -> Filter {
    let op = if never_null(column, columns) { plain(op) } else { op };
    let logical = columns.get(column).map(|column| &column.data_type.logical);
    let (op, value) = match (op, value) {
        // Of two truth values, not being one is being the other.
        (Comparison::NotEqual, Literal::Boolean(flag)) => (Comparison::Equal, Literal::Boolean(!flag)),
        (Comparison::Less, value) => match neighbour(value, logical, -1) {
            Some(before) => (Comparison::LessOrEqual, before),
            None => (op, trimmed(value)),
        },
        (Comparison::Greater, value) => match neighbour(value, logical, 1) {
            Some(after) => (Comparison::GreaterOrEqual, after),
            None => (op, trimmed(value)),
        },
        (op, value) => (op, trimmed(value)),
    };
    Filter::Compare { left: Operand::Column(column.to_owned()), op, right: Operand::Literal(value) }
}

fn never_null(column: &str, columns: &Columns<'_>) -> bool {
    columns.get(column).is_some_and(|column| !column.nullable)
}

/// Where nothing can be NULL, being distinct is being unequal.
fn plain(op: Comparison) -> Comparison {
    match op {
        Comparison::DistinctFrom => Comparison::NotEqual,
        Comparison::NotDistinctFrom => Comparison::Equal,
        op => op,
    }
}

fn opposite(op: Comparison) -> Comparison {
    match op {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
        Comparison::DistinctFrom => Comparison::NotDistinctFrom,
        Comparison::NotDistinctFrom => Comparison::DistinctFrom,
    }
}

/// The next value of a type whose values are countable: a day, a whole number.
fn neighbour(value: &Literal, logical: Option<&LogicalType>, step: i8) -> Option<Literal> {
    match value {
        Literal::Date(day) => {
            let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
            let next = if step < 0 { day.checked_sub_days(Days::new(1)) } else { day.checked_add_days(Days::new(1)) };
            Some(Literal::Date(next?.format("%Y-%m-%d").to_string()))
        }
        Literal::Number(number) => {
            let counts = matches!(
                logical?,
                LogicalType::Int8
                    | LogicalType::Int16
                    | LogicalType::Int32
                    | LogicalType::Int64
                    | LogicalType::UInt8
                    | LogicalType::UInt16
                    | LogicalType::UInt32
                    | LogicalType::UInt64
            );
            let number: i128 = short(number).parse().ok()?;
            counts.then(|| number.checked_add(i128::from(step)).map(|next| Literal::Number(next.to_string())))?
        }
        _ => None,
    }
}

fn trimmed(value: &Literal) -> Literal {
    match value {
        Literal::Number(number) => Literal::Number(short(number)),
        other => other.clone(),
    }
}

/// A number without zeros that say nothing.
fn short(number: &str) -> String {
    let (digits, negative) = number.strip_prefix('-').map_or((number, false), |digits| (digits, true));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let text = match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    };
    if negative && text != "0" { format!("-{text}") } else { text }
}
