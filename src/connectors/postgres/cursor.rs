//! Positions of an incremental read: a value of the cursor column in the server's own text form, with every digit.

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use chrono::{DateTime, Datelike as _, NaiveDate, Timelike as _};
use serde::{Deserialize, Serialize};

use super::catalog::PgColumn;
use super::data_type::Wire;
use super::sql::{quote, text_literal};
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
            ConnectorError::new(ErrorKind::BadData, "The stored cursor is not one of PostgreSQL's.").because(error)
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
    /// The type that values are compared as.
    cast: String,
    temporal: Option<Temporal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temporal {
    Date,
    Timestamp,
}

impl Order {
    /// `None` when the type has no order that every system shares.
    pub(super) fn of(column: &PgColumn, logical: &LogicalType) -> Option<Self> {
        let name = quote(&column.name);
        let plain = |temporal| Self { expression: name.clone(), cast: column.data_type.bare.clone(), temporal };
        Some(match logical {
            LogicalType::Date => plain(Some(Temporal::Date)),
            LogicalType::Timestamp { .. } => plain(Some(Temporal::Timestamp)),
            LogicalType::Text if matches!(column.data_type.wire(), Some(Wire::Text(_))) => {
                Self { expression: format!("({name} collate \"C\")"), ..plain(None) }
            }
            LogicalType::Text => {
                Self { expression: format!("({name}::text collate \"C\")"), cast: "text".to_owned(), temporal: None }
            }
            // A numeric that is read as text orders well in the server all the same.
            LogicalType::Numeric => plain(None),
            logical if logical.is_orderable() => plain(None),
            _ => return None,
        })
    }

    /// A value as the server compares it.
    pub(super) fn literal(&self, value: &str) -> String {
        format!("{}::{}", text_literal(value), self.cast)
    }

    /// A value, less this many seconds. `None` when the type is not temporal.
    pub(super) fn literal_before(&self, value: &str, seconds: u64) -> Option<String> {
        let value = self.literal(value);
        match self.temporal? {
            Temporal::Date => Some(format!("({value} - {}::integer)", seconds.div_ceil(86_400).min(10_000_000))),
            Temporal::Timestamp => Some(format!("({value} - interval '{} seconds')", seconds.min(100_000_000_000))),
        }
    }

    /// True for values that a position may stand at. An infinity would end the stream for good.
    pub(super) fn finite(&self) -> String {
        match self.temporal {
            Some(_) => format!("isfinite({})", self.expression),
            None => format!("{} is not null", self.expression),
        }
    }
}

/// The value at a row in the server's text form; `None` for NULL, for infinity, and for what this program cannot spell.
pub(super) fn value_at(array: &ArrayRef, row: usize, logical: &LogicalType) -> Option<String> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    match logical {
        LogicalType::Int16 => Some(array.as_primitive_opt::<Int16Type>()?.value(row).to_string()),
        LogicalType::Int32 => Some(array.as_primitive_opt::<Int32Type>()?.value(row).to_string()),
        LogicalType::Int64 => Some(array.as_primitive_opt::<Int64Type>()?.value(row).to_string()),
        LogicalType::Decimal { precision, .. } if *precision <= 38 => {
            Some(array.as_primitive_opt::<Decimal128Type>()?.value_as_string(row))
        }
        LogicalType::Decimal { .. } => Some(array.as_primitive_opt::<Decimal256Type>()?.value_as_string(row)),
        LogicalType::Date => date(array.as_primitive_opt::<Date32Type>()?.value(row)),
        LogicalType::Timestamp { zoned, .. } => {
            timestamp(array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row), *zoned)
        }
        LogicalType::Numeric => {
            let text = array.as_string_opt::<i32>()?.value(row);
            (text != "NaN" && text != "Infinity").then(|| text.to_owned())
        }
        LogicalType::Text | LogicalType::Uuid => Some(array.as_string_opt::<i32>()?.value(row).to_owned()),
        _ => None,
    }
}

fn date(days: i32) -> Option<String> {
    match days {
        i32::MAX => None,
        i32::MIN => Some("-infinity".to_owned()),
        days => Some(with_era(NaiveDate::from_epoch_days(days)?, "")),
    }
}

fn timestamp(microseconds: i64, zoned: bool) -> Option<String> {
    match microseconds {
        i64::MAX => None,
        i64::MIN => Some("-infinity".to_owned()),
        value => {
            let at = DateTime::from_timestamp_micros(value)?.naive_utc();
            let time = at.time();
            let clock = format!(
                " {:02}:{:02}:{:02}.{:06}{}",
                time.hour(),
                time.minute(),
                time.second(),
                time.nanosecond() / 1_000,
                if zoned { "+00" } else { "" }
            );
            Some(with_era(at.date(), &clock))
        }
    }
}

/// The year before 1 is 1 BC.
fn with_era(date: NaiveDate, clock: &str) -> String {
    let (month, day) = (date.month(), date.day());
    match date.year() {
        year @ 1.. => format!("{year:04}-{month:02}-{day:02}{clock}"),
        year => format!("{:04}-{month:02}-{day:02}{clock} BC", 1 - year),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_every_digit_and_infinity_is_no_position() {
        assert_eq!(timestamp(1, true).as_deref(), Some("1970-01-01 00:00:00.000001+00"));
        assert_eq!(timestamp(-1, false).as_deref(), Some("1969-12-31 23:59:59.999999"));
        assert_eq!(timestamp(i64::MAX, true), None);
        assert_eq!(date(-719_162).as_deref(), Some("0001-01-01"));
        assert_eq!(date(-719_163).as_deref(), Some("0001-12-31 BC"));
        assert_eq!(date(i32::MIN).as_deref(), Some("-infinity"));
    }

    #[test]
    fn a_position_of_another_column_is_refused() {
        let position = Position { column: "id".to_owned(), value: Some("7".to_owned()), within: false };
        assert_eq!(Position::parse(&position.cursor(), "id").unwrap(), position);
        assert_eq!(Position::parse(&position.cursor(), "at").unwrap_err().kind, ErrorKind::BadData);
        assert_eq!(Position::parse(&Cursor(serde_json::json!(7)), "id").unwrap_err().kind, ErrorKind::BadData);
    }
}
