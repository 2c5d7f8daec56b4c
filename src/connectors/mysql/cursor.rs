//! Positions of an incremental read: a value of the cursor column as text, with every digit.

use arrow::array::{Array as _, ArrayRef};
use serde::{Deserialize, Serialize};

use super::catalog::MyColumn;
use super::sql::{as_bytes, bytes_literal, text_literal};
use crate::connectors::spelling::spell;
use crate::connectors::{ConnectorError, Cursor, ErrorKind, LogicalType};

/// Where an incremental read stands, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) column: String,
    /// Absent as long as no row had a value.
    pub(super) value: Option<String>,
    /// The read has not ended: its rows without a value are delivered, and so is its lookback.
    #[serde(default)]
    pub(super) within: bool,
}

impl Position {
    /// Reads a cursor back; one of another column cannot be gone on from.
    pub(super) fn parse(cursor: &Cursor, column: &str) -> Result<Self, ConnectorError> {
        let position: Self = serde_json::from_value(cursor.0.clone()).map_err(|error| {
            ConnectorError::new(ErrorKind::BadData, "The stored cursor is not one of MySQL's.").because(error)
        })?;
        if position.column != column {
            let message = format!("The stored cursor is of column `{}`, not of `{column}`.", position.column);
            return Err(ConnectorError::new(ErrorKind::BadData, message)
                .advise("Start the stream anew, or set the cursor column back."));
        }
        Ok(position)
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor(serde_json::json!(self))
    }
}

/// How a cursor column is compared and ordered.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// What to compare and to order by; text by its bytes.
    pub(super) expression: String,
    kind: Kind,
    /// Bytes that the server must sort by.
    pub(super) sort_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Date,
    Timestamp,
}

/// Longest text that the server sorts by to its end.
const LONGEST: u32 = 16_383;

impl Order {
    /// `None` when the type has no order that every system shares, or texts are too long to sort by.
    pub(super) fn of(column: &MyColumn, logical: &LogicalType) -> Option<Self> {
        let name = column.data_type.projection(&column.name);
        let plain = |kind| Self { expression: name.clone(), kind, sort_bytes: 64 };
        Some(match logical {
            LogicalType::Date => plain(Kind::Date),
            LogicalType::Timestamp { .. } => plain(Kind::Timestamp),
            LogicalType::Text | LogicalType::Uuid => {
                let length = column.data_type.text_length().filter(|length| *length <= LONGEST)?;
                Self { expression: as_bytes(&name), kind: Kind::Text, sort_bytes: length * 4 }
            }
            // Compared as a year, 0 would stand for 2000.
            LogicalType::Int16 if column.data_type.name == "year" => {
                Self { expression: format!("{name}+0"), ..plain(Kind::Number) }
            }
            logical if logical.is_orderable() => plain(Kind::Number),
            _ => return None,
        })
    }

    /// A value as the server compares it. `None` when the text is not one.
    pub(super) fn literal(&self, value: &str) -> Option<String> {
        match self.kind {
            Kind::Number => {
                let digits = value.strip_prefix('-').unwrap_or(value);
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !digits.is_empty();
                plain.then(|| format!("({value})"))
            }
            Kind::Text => Some(bytes_literal(value.as_bytes())),
            Kind::Date => Some(format!("date{}", text_literal(value))),
            Kind::Timestamp => Some(format!("timestamp{}", text_literal(value))),
        }
    }

    /// A value, less this many seconds. `None` when the type is not temporal.
    pub(super) fn literal_before(&self, value: &str, seconds: u64) -> Option<String> {
        let value = self.literal(value)?;
        let (number, unit) = match self.kind {
            Kind::Date => (seconds.div_ceil(86_400).min(1_000_000), "day"),
            Kind::Timestamp => (seconds.min(100_000_000_000), "second"),
            Kind::Number | Kind::Text => return None,
        };
        // NULL before the first year: then everything comes after it.
        let first = if self.kind == Kind::Date { "date'0001-01-01'" } else { "timestamp'0001-01-01 00:00:00'" };
        Some(format!("coalesce({value} - interval {number} {unit}, {first})"))
    }
}

/// The value at a row as a position holds it; `None` for NULL.
pub(super) fn value_at(array: &ArrayRef, row: usize, logical: &LogicalType) -> Option<String> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    let text = spell(array.as_ref(), row)?;
    // An instant is compared in UTC, which is the session's own zone.
    Some(match logical {
        LogicalType::Timestamp { .. } => text.strip_suffix("+00:00").unwrap_or(&text).to_owned(),
        _ => text,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, TimestampMicrosecondArray, UInt64Array};

    use super::super::data_type::MyType;
    use super::*;
    use crate::connectors::Unit;

    #[test]
    fn values_keep_every_digit() {
        let zoned = LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true };
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![-1]).with_timezone("UTC"));
        assert_eq!(value_at(&at, 0, &zoned).as_deref(), Some("1969-12-31 23:59:59.999999"));
        let big: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(value_at(&big, 0, &LogicalType::UInt64).as_deref(), Some("18446744073709551615"));
        let exact = LogicalType::Decimal { precision: 12, scale: 2 };
        let array = Decimal128Array::from(vec![-5]).with_precision_and_scale(12, 2).unwrap();
        assert_eq!(value_at(&(Arc::new(array) as ArrayRef), 0, &exact).as_deref(), Some("-0.05"));
    }

    #[test]
    fn a_position_is_a_constant_and_nothing_more() {
        let order = |spelled: &str, logical: &LogicalType| {
            Order::of(&MyColumn::new("c", MyType::parse(spelled)), logical).unwrap()
        };
        let number = order("bigint", &LogicalType::Int64);
        assert_eq!(number.literal("-7").as_deref(), Some("(-7)"));
        assert_eq!(number.literal("7) or (1=1"), None);
        assert_eq!(order("varchar(10)", &LogicalType::Text).literal("é'").as_deref(), Some("x'c3a927'"));
        assert!(Order::of(&MyColumn::new("c", MyType::parse("longtext")), &LogicalType::Text).is_none());
    }

    #[test]
    fn a_position_of_another_column_is_refused() {
        let position = Position { column: "id".to_owned(), value: Some("7".to_owned()), within: false };
        assert_eq!(Position::parse(&position.cursor(), "id").unwrap(), position);
        assert_eq!(Position::parse(&position.cursor(), "at").unwrap_err().kind, ErrorKind::BadData);
        assert_eq!(Position::parse(&Cursor(serde_json::json!(7)), "id").unwrap_err().kind, ErrorKind::BadData);
    }
}
