//! Text of statements: names and constants that cannot be mistaken for anything else, and filters.

use std::fmt::Write as _;

use crate::connectors::filter::{Comparison, Filter, Literal, Operand};
use crate::connectors::{Column, ConnectorError, ErrorKind, LogicalType};

/// A name in double quotes.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `"schema"."table"`.
pub(super) fn qualified(namespace: &str, name: &str) -> String {
    format!("{}.{}", quote(namespace), quote(name))
}

/// A text constant. Backslashes mean themselves: every session sets `standard_conforming_strings`.
pub(super) fn text_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Names in double quotes, with commas between.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

/// Checks a name against what the server keeps without cutting it.
pub(super) fn check_name(name: &str) -> Result<(), ConnectorError> {
    if name.is_empty() || name.len() > IDENTIFIER_LIMIT || name.contains('\0') {
        return Err(ConnectorError::new(
            ErrorKind::BadData,
            format!("`{name}` cannot be a name in PostgreSQL: 1 to {IDENTIFIER_LIMIT} bytes, none of them NUL."),
        ));
    }
    Ok(())
}

/// Longest identifier in bytes; the server cuts longer ones in silence.
pub(super) const IDENTIFIER_LIMIT: usize = 63;

/// A filter as a condition over these columns.
pub(super) fn condition(filter: &Filter, columns: &[Column]) -> Result<String, ConnectorError> {
    let mut sql = String::new();
    Renderer { columns }.filter(filter, &mut sql)?;
    Ok(sql)
}

struct Renderer<'a> {
    columns: &'a [Column],
}

impl Renderer<'_> {
    fn filter(&self, filter: &Filter, sql: &mut String) -> Result<(), ConnectorError> {
        match filter {
            Filter::Compare { left, op, right } => {
                let meets = |operand: &Operand| match operand {
                    Operand::Column(name) => self.column(name).map(|column| Some(&column.data_type.logical)),
                    Operand::Literal(_) => Ok(None),
                };
                let (left_type, right_type) = (meets(left)?, meets(right)?);
                let ordered = matches!(
                    op,
                    Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual
                );
                let collation =
                    [left_type, right_type].iter().flatten().find_map(|meets| byte_order(meets)).filter(|_| ordered);
                let left = self.operand(left, right_type)?;
                let right = format!("{}{}", self.operand(right, left_type)?, collation.unwrap_or_default());
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
                let _ = write!(sql, "({left} {op} {right})");
            }
            Filter::In { column, values, negated } => {
                let column = self.column(column)?;
                if values.is_empty() {
                    sql.push_str(if *negated { "true" } else { "false" });
                    return Ok(());
                }
                let values = values
                    .iter()
                    .map(|value| literal(value, Some(&column.data_type.logical)))
                    .collect::<Result<Vec<_>, _>>()?
                    .join(", ");
                let not = if *negated { "not " } else { "" };
                let _ = write!(sql, "({} {not}in ({values}))", quote(&column.name));
            }
            Filter::Between { column, low, high, negated } => {
                let column = self.column(column)?;
                let low = literal(low, Some(&column.data_type.logical))?;
                let high = literal(high, Some(&column.data_type.logical))?;
                let not = if *negated { "not " } else { "" };
                let collation = byte_order(&column.data_type.logical).unwrap_or_default();
                let _ = write!(sql, "({}{collation} {not}between {low} and {high})", quote(&column.name));
            }
            Filter::IsNull { column, negated } => {
                // Not `is null`, which asks about the fields of a composite.
                let not = if *negated { "" } else { "not " };
                let _ = write!(sql, "({} is {not}distinct from null)", quote(&self.column(column)?.name));
            }
            Filter::Like { column, pattern, insensitive, negated } => {
                let column = self.column(column)?;
                let not = if *negated { "not " } else { "" };
                let like = if *insensitive { "ilike" } else { "like" };
                let cast = if column.data_type.logical == LogicalType::Text { "" } else { "::text" };
                let pattern = checked_text(pattern)?;
                let _ = write!(sql, "({}{cast} {not}{like} {pattern} escape '\\')", quote(&column.name));
            }
            Filter::And(parts) => self.join(parts, " and ", "true", sql)?,
            Filter::Or(parts) => self.join(parts, " or ", "false", sql)?,
            Filter::Not(part) => {
                sql.push_str("(not ");
                self.filter(part, sql)?;
                sql.push(')');
            }
        }
        Ok(())
    }

    fn join(&self, parts: &[Filter], word: &str, empty: &str, sql: &mut String) -> Result<(), ConnectorError> {
        if parts.is_empty() {
            sql.push_str(empty);
            return Ok(());
        }
        sql.push('(');
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                sql.push_str(word);
            }
            self.filter(part, sql)?;
        }
        sql.push(')');
        Ok(())
    }

    fn column(&self, name: &str) -> Result<&Column, ConnectorError> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            ConnectorError::new(ErrorKind::NotFound, format!("The filter names `{name}`, and there is no such column."))
        })
    }

    fn operand(&self, operand: &Operand, meets: Option<&LogicalType>) -> Result<String, ConnectorError> {
        match operand {
            Operand::Column(name) => Ok(quote(&self.column(name)?.name)),
            Operand::Literal(value) => literal(value, meets),
        }
    }
}

/// Text is ordered by its bytes, as everywhere; a database's own collation would order it as its author chose.
fn byte_order(logical: &LogicalType) -> Option<&'static str> {
    matches!(logical, LogicalType::Text).then_some(" collate \"C\"")
}

/// A constant, typed where the column that it meets would otherwise be compared as another type.
fn literal(value: &Literal, meets: Option<&LogicalType>) -> Result<String, ConnectorError> {
    match value {
        Literal::Boolean(value) => Ok(value.to_string()),
        Literal::Number(text) => {
            if !is_number(text) {
                return Err(unfit("a number"));
            }
            Ok(match meets {
                // A decimal constant would widen the column, and 0.1 is not the same in both widths.
                Some(LogicalType::Float32) => format!("'{text}'::float4"),
                Some(LogicalType::Float64) => format!("'{text}'::float8"),
                _ => format!("({text})"),
            })
        }
        Literal::Text(text) => checked_text(text),
        Literal::Date(text) => Ok(format!("{}::date", checked_text(text)?)),
        Literal::Timestamp(text) => {
            let fraction = text.split('.').nth(1).unwrap_or_default();
            if fraction.bytes().take_while(u8::is_ascii_digit).skip(6).any(|digit| digit != b'0') {
                return Err(ConnectorError::new(
                    ErrorKind::Unsupported,
                    "The filter holds a time finer than a microsecond, which PostgreSQL would round.",
                ));
            }
            let clock = text.split(['T', ' ']).nth(1).unwrap_or_default();
            let zoned = clock.contains(['Z', 'z', '+', '-']);
            Ok(format!("{}::{}", checked_text(text)?, if zoned { "timestamptz" } else { "timestamp" }))
        }
        Literal::BeforeNow { .. } => {
            Err(ConnectorError::new(ErrorKind::Bug, "The filter holds a relative time that was not resolved."))
        }
    }
}

fn checked_text(text: &str) -> Result<String, ConnectorError> {
    if text.contains('\0') { Err(unfit("a text without NUL")) } else { Ok(text_literal(text)) }
}

fn unfit(what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::BadData, format!("The filter holds a constant that is not {what}."))
}

fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let unsigned = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = unsigned(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, "0"));
    digits(whole) && digits(fraction) && digits(&unsigned(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::ColumnType;

    fn render(filter: &Filter) -> Result<String, ConnectorError> {
        let column = |name: &str, logical| Column::new(name, ColumnType::new(logical, "postgres", "x"), true);
        condition(filter, &[column("na\"me", LogicalType::Text), column("n", LogicalType::Float32)])
    }

    #[test]
    fn names_and_constants_stay_what_they_are() {
        let filter = Filter::Compare {
            left: Operand::Column("na\"me".to_owned()),
            op: Comparison::Equal,
            right: Operand::Literal(Literal::Text("x'; drop table t; --\\".to_owned())),
        };
        assert_eq!(render(&filter).unwrap(), "(\"na\"\"me\" = 'x''; drop table t; --\\')");
    }

    #[test]
    fn a_number_that_is_not_one_is_refused() {
        for text in ["1; drop table t", "", "1e", "0x10", "1.", ".5", "--1", "NaN"] {
            let values = vec![Literal::Number(text.to_owned())];
            let filter = Filter::In { column: "n".to_owned(), values, negated: false };
            assert_eq!(render(&filter).unwrap_err().kind, ErrorKind::BadData, "{text}");
        }
        assert!(is_number("-12.50e-3"));
    }

    #[test]
    fn unknown_columns_and_too_fine_times_are_refused() {
        let unknown = Filter::IsNull { column: "other".to_owned(), negated: false };
        assert_eq!(render(&unknown).unwrap_err().kind, ErrorKind::NotFound);
        let compare = |text: &str| Filter::Compare {
            left: Operand::Column("n".to_owned()),
            op: Comparison::Less,
            right: Operand::Literal(Literal::Timestamp(text.to_owned())),
        };
        assert_eq!(render(&compare("2026-01-01T00:00:00.1234567Z")).unwrap_err().kind, ErrorKind::Unsupported);
        assert!(render(&compare("2026-01-01T00:00:00.123456000Z")).unwrap().contains("::timestamptz"));
        assert!(render(&compare("2026-01-01T00:00:00")).unwrap().ends_with("::timestamp)"));
    }

    #[test]
    fn empty_lists_keep_their_logic() {
        let filter = |negated| Filter::In { column: "n".to_owned(), values: vec![], negated };
        assert_eq!(render(&filter(false)).unwrap(), "false");
        assert_eq!(render(&filter(true)).unwrap(), "true");
        assert_eq!(render(&Filter::And(vec![])).unwrap(), "true");
    }
}
