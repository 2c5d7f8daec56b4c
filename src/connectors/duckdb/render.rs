//! Filters in DuckDB's dialect. Constants are brought to the column's own type first, so that DuckDB compares exact
//! values and never rounds one to fit the other.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::catalog::Table;
use super::{literal, quoted, spelling};
use crate::connectors::decimal::Decimal;
use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::connectors::{Column, ConnectorError, ErrorKind, LogicalType, Unit, moment};

/// The filter as a boolean expression.
pub(super) fn render(filter: &Filter, table: &Table) -> Result<String, ConnectorError> {
    Ok(match filter {
        Filter::Compare { left: Operand::Column(left), op, right: Operand::Column(right) } => {
            infix(&expression(table.column(left)?), *op, &expression(table.column(right)?))
        }
        Filter::Compare { left: Operand::Column(column), op, right: Operand::Literal(value) } => {
            compare(table.column(column)?, *op, value)?
        }
        Filter::Compare { left: Operand::Literal(value), op, right: Operand::Column(column) } => {
            compare(table.column(column)?, mirrored(*op), value)?
        }
        Filter::Compare { left: Operand::Literal(left), op, right: Operand::Literal(right) } => {
            infix(&constant(left)?, *op, &constant(right)?)
        }
        Filter::In { column, values, negated } => {
            let column = table.column(column)?;
            let any =
                values.iter().map(|value| compare(column, Comparison::Equal, value)).collect::<Result<Vec<_>, _>>()?;
            negate(joined(&any, " or ", "false"), *negated)
        }
        Filter::Between { column, low, high, negated } => {
            let column = table.column(column)?;
            let low = compare(column, Comparison::GreaterOrEqual, low)?;
            let high = compare(column, Comparison::LessOrEqual, high)?;
            negate(format!("({low} and {high})"), *negated)
        }
        Filter::IsNull { column, negated } => {
            let not = if *negated { "not " } else { "" };
            format!("({} is {not}null)", quoted(&table.column(column)?.name))
        }
        Filter::Like { column, pattern, insensitive, negated } => {
            let like = if *insensitive { "ilike" } else { "like" };
            let column = expression(table.column(column)?);
            negate(format!("({column} {like} {} escape '\\')", literal(pattern)), *negated)
        }
        Filter::And(parts) => {
            let parts = parts.iter().map(|part| render(part, table)).collect::<Result<Vec<_>, _>>()?;
            joined(&parts, " and ", "true")
        }
        Filter::Or(parts) => {
            let parts = parts.iter().map(|part| render(part, table)).collect::<Result<Vec<_>, _>>()?;
            joined(&parts, " or ", "false")
        }
        Filter::Not(part) => format!("(not {})", render(part, table)?),
    })
}

fn joined(parts: &[String], with: &str, nothing: &str) -> String {
    if parts.is_empty() { nothing.to_owned() } else { format!("({})", parts.join(with)) }
}

fn negate(expression: String, negated: bool) -> String {
    if negated { format!("(not {expression})") } else { expression }
}

fn mirrored(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        other => other,
    }
}

fn infix(left: &str, op: Comparison, right: &str) -> String {
    let op = match op {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::DistinctFrom => "is distinct from",
        Comparison::NotDistinctFrom => "is not distinct from",
    };
    format!("({left} {op} {right})")
}

/// The column as it compares: text by bytes, whatever collation it was declared with.
pub(super) fn expression(column: &Column) -> String {
    let asked = spelling::asked(&quoted(&column.name), &column.data_type.spelled, &column.data_type.logical);
    if column.data_type.spelled == "VARCHAR" { format!("({asked} collate c)") } else { asked }
}

fn mismatch(column: &Column) -> ConnectorError {
    let message = format!("The filter compares `{}` with a value of another type.", column.name);
    ConnectorError::new(ErrorKind::Unsupported, message)
}

/// Where a constant lies among the values that a column can have.
enum Place {
    /// It is one of them.
    At(String),
    /// Between this one and the next.
    Above(String),
    BeyondAll,
    BelowAll,
}

pub(super) fn compare(column: &Column, op: Comparison, value: &Literal) -> Result<String, ConnectorError> {
    let left = expression(column);
    let place = place(column, value)?;
    // Unknown of NULL, as every comparison is.
    let never = format!("({left} <> {left})");
    let always = format!("({left} = {left})");
    Ok(match (place, op) {
        (Place::At(right), op) => infix(&left, op, &right),
        (_, Comparison::Equal) => never,
        (_, Comparison::NotEqual) => always,
        (_, Comparison::DistinctFrom) => "true".to_owned(),
        (_, Comparison::NotDistinctFrom) => "false".to_owned(),
        (Place::Above(right), Comparison::Less | Comparison::LessOrEqual) => {
            infix(&left, Comparison::LessOrEqual, &right)
        }
        (Place::Above(right), _) => infix(&left, Comparison::Greater, &right),
        (Place::BeyondAll, Comparison::Less | Comparison::LessOrEqual) => always,
        (Place::BelowAll, Comparison::Greater | Comparison::GreaterOrEqual) => always,
        (Place::BeyondAll | Place::BelowAll, _) => never,
    })
}

fn place(column: &Column, value: &Literal) -> Result<Place, ConnectorError> {
    let logical = &column.data_type.logical;
    match (logical, value) {
        (LogicalType::Boolean, Literal::Boolean(value)) => Ok(Place::At(value.to_string())),
        (LogicalType::Float32 | LogicalType::Float64, Literal::Number(text)) => {
            text.parse::<f64>().map_err(|_| mismatch(column))?;
            Ok(Place::At(format!("cast({} as double)", literal(text))))
        }
        (LogicalType::Decimal { precision: 39.., .. }, Literal::Number(text)) => {
            number(text, 0, "hugeint").ok_or_else(|| mismatch(column))
        }
        (LogicalType::Decimal { scale, .. }, Literal::Number(text)) => {
            number(text, *scale, &format!("decimal(38,{scale})")).ok_or_else(|| mismatch(column))
        }
        (logical, Literal::Number(text)) if logical.is_number() && *logical != LogicalType::Numeric => {
            number(text, 0, "hugeint").ok_or_else(|| mismatch(column))
        }
        (LogicalType::Date | LogicalType::Timestamp { .. }, Literal::Date(_) | Literal::Timestamp(_)) => {
            let nanos = nanoseconds(value).ok_or_else(|| mismatch(column))?;
            Ok(moment_place(nanos, logical))
        }
        (_, Literal::Text(text) | Literal::Date(text) | Literal::Timestamp(text))
            if spelling::carrier(logical) == "VARCHAR" && !logical.is_number() =>
        {
            Ok(Place::At(literal(text)))
        }
        (_, Literal::BeforeNow { .. }) => {
            Err(ConnectorError::new(ErrorKind::Bug, "A relative time reached a source before it was made absolute."))
        }
        _ => Err(mismatch(column)),
    }
}

/// The number at this scale, or the one below it.
fn number(text: &str, scale: i8, spelled: &str) -> Option<Place> {
    let number = Decimal::parse(text)?;
    // Thirty-eight digits and what a 128-bit integer holds: every value of the column lies well within.
    if let Some(unscaled) = number.unscaled(38, scale) {
        return Some(Place::At(spelled_number(&unscaled, scale, spelled)));
    }
    let floor = number.floor(scale);
    Some(match (floor.unscaled(38, scale), text.starts_with('-')) {
        (Some(unscaled), _) => Place::Above(spelled_number(&unscaled, scale, spelled)),
        (None, true) => Place::BelowAll,
        (None, false) => Place::BeyondAll,
    })
}

fn spelled_number(unscaled: &str, scale: i8, spelled: &str) -> String {
    format!("cast({} as {spelled})", literal(&crate::connectors::decimal::spell(unscaled, scale)))
}

fn nanoseconds(value: &Literal) -> Option<i128> {
    let at = match value {
        Literal::Date(text) => text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc(),
        Literal::Timestamp(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(at) => at.to_utc(),
            Err(_) => text.replace(' ', "T").parse::<NaiveDateTime>().ok()?.and_utc(),
        },
        _ => return None,
    };
    Some(i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos()))
}

fn moment_place(nanos: i128, logical: &LogicalType) -> Place {
    let per_tick: i128 = match logical {
        LogicalType::Timestamp { unit, .. } => i128::from(1_000_000_000 / moment::per_second(*unit)),
        _ => 86_400 * 1_000_000_000,
    };
    let text = |ticks: i128| match logical {
        LogicalType::Timestamp { unit, zoned } => moment::timestamp_text(i64::try_from(ticks).ok()?, *unit, *zoned),
        _ => moment::date_text(i32::try_from(ticks).ok()?),
    };
    match text(nanos.div_euclid(per_tick)).map(|text| format!("cast('{text}' as {})", spelling::carrier(logical))) {
        Some(text) if nanos.rem_euclid(per_tick) == 0 => Place::At(text),
        Some(text) => Place::Above(text),
        None if nanos > 0 => Place::BeyondAll,
        None => Place::BelowAll,
    }
}

/// A constant that meets another constant.
fn constant(value: &Literal) -> Result<String, ConnectorError> {
    let wrong = || ConnectorError::new(ErrorKind::Unsupported, "The filter compares constants that do not compare.");
    Ok(match value {
        Literal::Boolean(value) => value.to_string(),
        Literal::Number(text) => {
            let number = Decimal::parse(text).ok_or_else(wrong)?;
            number.unscaled(38, 15).ok_or_else(wrong)?;
            format!("cast({} as decimal(38,15))", literal(text))
        }
        Literal::Text(text) => literal(text),
        Literal::Date(_) | Literal::Timestamp(_) => {
            let nanos = nanoseconds(value).ok_or_else(wrong)?;
            let ticks = LogicalType::Timestamp { unit: Unit::Nanosecond, zoned: false };
            match moment_place(nanos, &ticks) {
                Place::At(text) => text,
                _ => return Err(wrong()),
            }
        }
        Literal::BeforeNow { .. } => return Err(wrong()),
    })
}
