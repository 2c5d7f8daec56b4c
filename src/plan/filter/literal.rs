//! Constants of a filter, held against the type of the column that they meet.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::connectors::filter::Literal;
use crate::connectors::{Column, LogicalType};

/// A constant as it was written, before a column gives it a type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    Number(String),
    Text(String),
    Boolean(bool),
    Date(String),
    Timestamp(String),
    Moment { months: u32, seconds: u64, date_only: bool },
    Null,
}

impl Raw {
    fn word(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Boolean(_) => "true or false",
            Self::Date(_) => "a date",
            Self::Timestamp(_) => "a timestamp",
            Self::Moment { date_only: true, .. } => "a day relative to today",
            Self::Moment { .. } => "a moment relative to now",
            Self::Null => "NULL",
        }
    }
}

/// Why a constant does not go with a column, and what to write instead.
pub(super) struct Misfit {
    pub message: String,
    pub suggestion: Option<String>,
}

/// What can be compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Number,
    Text,
    Boolean,
    Date,
    Time,
    Instant,
    WallClock,
    Uuid,
    /// Only NULL or not.
    Opaque,
}

impl Class {
    pub(super) fn of(logical: &LogicalType) -> Self {
        match logical {
            logical if logical.is_number() => Self::Number,
            LogicalType::Text | LogicalType::Enum => Self::Text,
            LogicalType::Boolean => Self::Boolean,
            LogicalType::Date => Self::Date,
            LogicalType::Time => Self::Time,
            LogicalType::Timestamp { zoned: true, .. } => Self::Instant,
            LogicalType::Timestamp { zoned: false, .. } => Self::WallClock,
            LogicalType::Uuid => Self::Uuid,
            _ => Self::Opaque,
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Number => "a number such as `10.5`",
            Self::Text => "text such as `'active'`",
            Self::Boolean => "`true` or `false`",
            Self::Date => "a date such as `'2026-01-31'`",
            Self::Time => "a time such as `'14:30:00'`",
            Self::Instant => "a timestamp such as `'2026-01-31T14:30:00Z'`",
            Self::WallClock => "a timestamp such as `'2026-01-31 14:30:00'`",
            Self::Uuid => "a UUID in quotes",
            Self::Opaque => "nothing; only `IS NULL` and `IS NOT NULL` work on it",
        }
    }
}

/// The constant as a value of the column's type.
pub(super) fn fit(raw: &Raw, column: &Column) -> Result<Literal, Misfit> {
    let class = Class::of(&column.data_type.logical);
    let misfit = |suggestion: Option<String>| Misfit {
        message: format!(
            "`{}` ({}) is compared with {}; it goes with {}.",
            column.name,
            column.data_type.spelled,
            raw.word(),
            class.example()
        ),
        suggestion,
    };
    let literal = match (class, raw) {
        (Class::Number, Raw::Number(number)) => Some(Literal::Number(number.clone())),
        (Class::Number, Raw::Text(text)) => return Err(misfit(super::tokens::exact_number(text.trim()))),
        (Class::Text, Raw::Text(text)) if !text.contains('\0') => Some(Literal::Text(text.clone())),
        (Class::Text, Raw::Number(number)) => return Err(misfit(Some(format!("'{number}'")))),
        (Class::Text, Raw::Boolean(flag)) => return Err(misfit(Some(format!("'{flag}'")))),
        (Class::Boolean, Raw::Boolean(flag)) => Some(Literal::Boolean(*flag)),
        (Class::Boolean, Raw::Number(text) | Raw::Text(text)) => {
            let meant = match text.trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "t" | "yes" | "y" | "on" => Some("true".to_owned()),
                "0" | "false" | "f" | "no" | "n" | "off" => Some("false".to_owned()),
                _ => None,
            };
            return Err(misfit(meant));
        }
        (Class::Date, Raw::Text(text) | Raw::Date(text) | Raw::Timestamp(text)) => match day(text) {
            Some(day) => Some(Literal::Date(day)),
            None => return Err(misfit(wall_clock(text).map(|(at, _)| format!("'{}'", at.date())))),
        },
        (Class::Time, Raw::Text(text)) => time(text).map(Literal::Text),
        (Class::Instant, Raw::Text(text) | Raw::Date(text) | Raw::Timestamp(text)) => {
            instant(text).map(Literal::Timestamp)
        }
        (Class::WallClock, Raw::Text(text) | Raw::Date(text) | Raw::Timestamp(text)) => match wall_clock(text) {
            Some((at, false)) => Some(Literal::Timestamp(written(at))),
            Some((at, true)) => return Err(misfit(Some(format!("'{}'", written(at))))),
            None => None,
        },
        (Class::Date, Raw::Moment { months, seconds, .. }) => {
            Some(Literal::BeforeNow { months: *months, seconds: *seconds, date_only: true })
        }
        (Class::Instant | Class::WallClock, Raw::Moment { months, seconds, date_only }) => {
            Some(Literal::BeforeNow { months: *months, seconds: *seconds, date_only: *date_only })
        }
        (Class::Uuid, Raw::Text(text)) => {
            uuid::Uuid::parse_str(text.trim()).ok().map(|id| Literal::Text(id.hyphenated().to_string()))
        }
        _ => None,
    };
    literal.ok_or_else(|| misfit(None))
}

const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

fn date(text: &str) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok().filter(|day| YEARS.contains(&day.year()))
}

/// A date, also written as its midnight.
fn day(text: &str) -> Option<String> {
    let day = date(text).or_else(|| {
        let (at, offset) = wall_clock(text)?;
        (at.time() == NaiveTime::MIN && !offset).then(|| at.date())
    })?;
    Some(day.format("%Y-%m-%d").to_string())
}

fn time(text: &str) -> Option<String> {
    let read = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text.trim(), form).ok())?;
    Some(read.format("%H:%M:%S%.f").to_string())
}

/// A timestamp and whether an offset was written, which is taken off.
fn wall_clock(text: &str) -> Option<(NaiveDateTime, bool)> {
    use chrono::Datelike as _;
    let text = text.trim();
    let zoned = [
        "%Y-%m-%dT%H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f%#z",
        "%Y-%m-%d %H:%M:%S%.f %#z",
        "%Y-%m-%dT%H:%M%#z",
        "%Y-%m-%d %H:%M%#z",
    ];
    let plain = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    // `%#z` reads `+02`, `+0200` and `+02:00`; `Z` is written out for it.
    let spelled =
        text.strip_suffix(['Z', 'z']).map_or_else(|| text.to_owned(), |rest| format!("{}+00:00", rest.trim_end()));
    let by_offset = || zoned.iter().find_map(|form| DateTime::parse_from_str(&spelled, form).ok());
    let read = plain
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|at| (at, false))
        .or_else(|| date(text).map(|day| (day.and_time(NaiveTime::MIN), false)))
        .or_else(|| by_offset().map(|at| (at.naive_utc(), true)))?;
    YEARS.contains(&read.0.year()).then_some(read)
}

/// An instant; without an offset it is taken as UTC.
fn instant(text: &str) -> Option<String> {
    wall_clock(text).map(|(at, _)| format!("{}Z", written(at)))
}

pub(super) fn written(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
}
