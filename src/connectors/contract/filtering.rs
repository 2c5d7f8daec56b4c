//! Filters, evaluated here a second way: what a source delivers must be what this says.

use std::cmp::Ordering;

use super::row::{Row, Seed, Value, scaled};
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};

/// Filters of every variant over the standard seed. `zoned`: how the source describes `at`.
pub(super) fn every_filter(zoned: bool) -> Vec<Filter> {
    let mut filters = Vec::new();
    let columns: [(&str, Literal); 8] = [
        ("id", number("17")),
        ("name", text("Zoë")),
        ("amount", number("9.50")),
        ("amount", number("9999999999.989")),
        ("score", number("0.1")),
        ("active", Literal::Boolean(true)),
        ("day", Literal::Date("2024-02-29".to_owned())),
        ("at", timestamp("2024-02-28T23:59:55.000005", zoned)),
    ];
    for (column, literal) in columns {
        for op in [
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
            Comparison::DistinctFrom,
            Comparison::NotDistinctFrom,
        ] {
            filters.push(compare(Operand::Column(column.to_owned()), op, Operand::Literal(literal.clone())));
        }
    }
    filters.push(compare(Operand::Literal(number("40")), Comparison::Less, Operand::Column("id".to_owned())));
    for op in [Comparison::Greater, Comparison::DistinctFrom, Comparison::NotDistinctFrom] {
        filters.push(compare(Operand::Column("id".to_owned()), op, Operand::Column("rank".to_owned())));
        filters.push(compare(Operand::Column("rank".to_owned()), op, Operand::Column("rank".to_owned())));
    }
    filters.push(compare(Operand::Literal(number("1")), Comparison::Equal, Operand::Literal(number("2"))));
    for negated in [false, true] {
        filters.extend(either_way(negated, zoned));
    }
    let unknown = compare(Operand::Column("rank".to_owned()), Comparison::Greater, Operand::Literal(number("8")));
    let known = compare(Operand::Column("id".to_owned()), Comparison::Less, Operand::Literal(number("60")));
    let null = Filter::IsNull { column: "name".to_owned(), negated: false };
    filters.push(Filter::Not(Box::new(unknown.clone())));
    filters.push(Filter::And(vec![unknown.clone(), known.clone()]));
    filters.push(Filter::Or(vec![unknown.clone(), known.clone()]));
    filters.push(Filter::Not(Box::new(Filter::And(vec![unknown.clone(), known.clone()]))));
    filters.push(Filter::Not(Box::new(Filter::Or(vec![unknown.clone(), Filter::Not(Box::new(known.clone()))]))));
    filters.push(Filter::And(vec![Filter::Or(vec![unknown, null.clone()]), known, Filter::Not(Box::new(null))]));
    filters
}

fn either_way(negated: bool, zoned: bool) -> Vec<Filter> {
    let mut filters = Vec::new();
    for column in ["name", "amount", "active", "at"] {
        filters.push(Filter::IsNull { column: column.to_owned(), negated });
    }
    let within = |column: &str, values: Vec<Literal>| Filter::In { column: column.to_owned(), values, negated };
    filters.push(within("id", vec![number("3"), number("5"), number("500")]));
    filters.push(within("name", vec![text("Ada"), text("O'Brien; drop table"), text("李雷"), text("back\\slash")]));
    filters.push(within("amount", vec![number("10.00"), number("-0.01"), number("9999999999.99")]));
    filters.push(within("day", vec![Literal::Date("1970-01-01".to_owned()), Literal::Date("2024-03-01".to_owned())]));
    let between = |column: &str, low, high| Filter::Between { column: column.to_owned(), low, high, negated };
    filters.push(between("rank", number("-3"), number("50")));
    filters.push(between("name", text("Z"), text("é")));
    filters.push(between("amount", number("9.5"), number("10.01")));
    filters.push(between(
        "at",
        timestamp("2024-02-28T23:59:52", zoned),
        timestamp("2024-02-29T00:00:02.000012", zoned),
    ));
    for insensitive in [false, true] {
        for pattern in
            ["ada", "ADA%", "%a", "100\\% done", "100_ done", "snake\\_%", "_é%", "_____", "%\\\\%", "%", "", "*a*"]
        {
            filters.push(Filter::Like { column: "name".to_owned(), pattern: pattern.to_owned(), insensitive, negated });
        }
    }
    filters
}

fn number(text: &str) -> Literal {
    Literal::Number(text.to_owned())
}

fn text(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

fn timestamp(text: &str, zoned: bool) -> Literal {
    Literal::Timestamp(if zoned { format!("{text}Z") } else { text.to_owned() })
}

fn compare(left: Operand, op: Comparison, right: Operand) -> Filter {
    Filter::Compare { left, op, right }
}

/// Whether the filter is true, false or unknown of a row.
pub(super) fn evaluate(filter: &Filter, seed: &Seed, row: &Row) -> Option<bool> {
    let column = |name: &str| seed.column(name).and_then(|index| row.get(index)).cloned().unwrap_or(Value::Null);
    let negate = |negated: bool, outcome: Option<bool>| outcome.map(|outcome| outcome != negated);
    match filter {
        Filter::Compare { left, op, right } => {
            let side = |operand: &Operand| match operand {
                Operand::Column(name) => column(name),
                Operand::Literal(literal) => constant(literal),
            };
            comparison(&side(left), *op, &side(right))
        }
        Filter::In { column: name, values, negated } => {
            let value = column(name);
            let found = values
                .iter()
                .map(|literal| comparison(&value, Comparison::Equal, &constant(literal)))
                .fold(Some(false), or);
            negate(*negated, found)
        }
        Filter::Between { column: name, low, high, negated } => {
            let value = column(name);
            let above = comparison(&value, Comparison::GreaterOrEqual, &constant(low));
            let below = comparison(&value, Comparison::LessOrEqual, &constant(high));
            negate(*negated, and(above, below))
        }
        Filter::IsNull { column: name, negated } => Some((column(name) == Value::Null) != *negated),
        Filter::Like { column: name, pattern, insensitive, negated } => match column(name) {
            Value::Text(text) => Some(like(&text, pattern, *insensitive) != *negated),
            _ => None,
        },
        Filter::And(parts) => parts.iter().map(|part| evaluate(part, seed, row)).fold(Some(true), and),
        Filter::Or(parts) => parts.iter().map(|part| evaluate(part, seed, row)).fold(Some(false), or),
        Filter::Not(part) => evaluate(part, seed, row).map(|outcome| !outcome),
    }
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn comparison(left: &Value, op: Comparison, right: &Value) -> Option<bool> {
    let both_null = *left == Value::Null && *right == Value::Null;
    match op {
        Comparison::DistinctFrom => return Some(!both_null && order(left, right) != Some(Ordering::Equal)),
        Comparison::NotDistinctFrom => return Some(both_null || order(left, right) == Some(Ordering::Equal)),
        _ => {}
    }
    let order = order(left, right)?;
    Some(match op {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::DistinctFrom | Comparison::NotDistinctFrom => return None,
    })
}

/// How two values stand to each other; `None` when one is NULL. Texts compare by bytes.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Float(left), right) => left.partial_cmp(&float(right)?),
        (left, Value::Float(right)) => float(left)?.partial_cmp(right),
        (left, right) => Some(exact(left)?.cmp(&exact(right)?)),
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(value) => value.to_string().parse().ok(),
        Value::Decimal(text) => text.parse().ok(),
        _ => None,
    }
}

fn exact(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(value) => scaled(&value.to_string(), 6),
        Value::Decimal(text) => scaled(text, 6),
        _ => None,
    }
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::Number(text) => Value::Decimal(text.clone()),
        Literal::Text(text) => Value::Text(text.clone()),
        Literal::Date(text) => text.parse::<chrono::NaiveDate>().map_or(Value::Null, |date| {
            let days = date.signed_duration_since(chrono::NaiveDate::default()).num_days();
            i32::try_from(days).map_or(Value::Null, Value::Date)
        }),
        Literal::Timestamp(text) => text
            .trim_end_matches('Z')
            .parse::<chrono::NaiveDateTime>()
            .map_or(Value::Null, |at| Value::Timestamp(at.and_utc().timestamp_micros())),
        Literal::BeforeNow { .. } => Value::Null,
    }
}

fn like(text: &str, pattern: &str, insensitive: bool) -> bool {
    let fold = |text: &str| if insensitive { text.to_lowercase() } else { text.to_owned() };
    let text: Vec<char> = fold(text).chars().collect();
    let pattern: Vec<char> = fold(pattern).chars().collect();
    matches(&text, &pattern)
}

fn matches(text: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|skip| text.get(skip..).is_some_and(|tail| matches(tail, rest))),
        ['_', rest @ ..] => text.split_first().is_some_and(|(_, tail)| matches(tail, rest)),
        ['\\', escaped, rest @ ..] => text.split_first().is_some_and(|(c, tail)| c == escaped && matches(tail, rest)),
        [literal, rest @ ..] => text.split_first().is_some_and(|(c, tail)| c == literal && matches(tail, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_discriminate() {
        // A filter list in which most filters keep all rows or none would prove nothing.
        let seed = Seed::standard("s", 120, true);
        let kept: Vec<usize> = every_filter(false)
            .iter()
            .map(|filter| seed.rows.iter().filter(|row| evaluate(filter, &seed, row) == Some(true)).count())
            .collect();
        let telling = kept.iter().filter(|kept| **kept > 0 && **kept < 120).count();
        assert!(telling * 10 > kept.len() * 8, "{telling} of {}", kept.len());
    }

    #[test]
    fn patterns() {
        assert!(like("100% done", "100\\% done", false));
        assert!(!like("100x done", "100\\% done", false));
        assert!(like("Zoë", "_o_", false));
        assert!(!like("Ada", "ada", false));
        assert!(like("Ada", "ada", true));
    }
}
