//! The types of text columns, from what they hold. A guess is never laxer than it was seen to be true: a later value that
//! does not fit is a rejected row with its line, not a changed value.

use crate::connectors::{ColumnType, ConnectorError, ErrorKind, LogicalType, Unit};

use super::scalar::{self, Moment};

/// Digits that a decimal may have.
const DIGITS: u8 = 38;
/// Digits behind the point that are allowed beyond those seen, when only a part of the data was seen.
const HEADROOM: usize = 4;

/// What a column's values have been so far.
#[derive(Clone, Debug)]
pub(super) struct Guess {
    seen: u64,
    boolean: bool,
    whole: bool,
    /// Digits before and behind the point, the most of each.
    decimal: Option<(usize, usize)>,
    float: bool,
    date: bool,
    wall: bool,
    instant: bool,
    /// Objects, arrays, or kinds of JSON values that do not go together.
    json: bool,
    /// A JSON text, as opposed to a bare number or boolean.
    text: bool,
    bare: bool,
}

impl Default for Guess {
    fn default() -> Self {
        Self {
            seen: 0,
            boolean: true,
            whole: true,
            decimal: Some((0, 0)),
            float: true,
            date: true,
            wall: true,
            instant: true,
            json: false,
            text: false,
            bare: false,
        }
    }
}

impl Guess {
    /// A value of a CSV field.
    pub(super) fn field(&mut self, text: &str) {
        self.seen += 1;
        self.boolean &= text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
        self.number(text);
        self.moment(text);
    }

    /// A value of a JSON member, raw. `null` says nothing of the type.
    pub(super) fn member(&mut self, raw: &str) {
        match raw.as_bytes().first() {
            Some(b'n') | None => {}
            Some(b'{' | b'[') => self.json = true,
            Some(b'"') => {
                self.seen += 1;
                self.text = true;
                (self.boolean, self.whole, self.decimal, self.float) = (false, false, None, false);
                self.moment(raw.trim_matches('"'));
            }
            Some(b't' | b'f') => {
                self.seen += 1;
                self.bare = true;
                (self.whole, self.decimal, self.float, self.date, self.wall, self.instant) =
                    (false, None, false, false, false, false);
            }
            Some(_) => {
                self.seen += 1;
                self.bare = true;
                (self.boolean, self.date, self.wall, self.instant) = (false, false, false, false);
                self.number(raw);
            }
        }
    }

    fn number(&mut self, text: &str) {
        if !(self.whole || self.decimal.is_some() || self.float) {
            return;
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = !whole.is_empty()
            && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
            && !digits.ends_with('.');
        // `00123` is a code, not a number: reading it as one would lose the zeros.
        let coded = whole.len() > 1 && whole.starts_with('0');
        self.whole &= plain && !coded && fraction.is_empty() && text.parse::<i64>().is_ok();
        self.decimal = self
            .decimal
            .filter(|_| plain && !coded)
            .map(|(most, scale)| (most.max(whole.len()), scale.max(fraction.len())));
        self.float &= !coded
            && digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
            && text.parse::<f64>().is_ok_and(f64::is_finite);
    }

    fn moment(&mut self, text: &str) {
        self.date &= scalar::date(text).is_some();
        if self.wall || self.instant {
            let moment = scalar::moment(text);
            self.wall &= matches!(moment, Some(Moment::Wall(_)));
            self.instant &= matches!(moment, Some(Moment::Instant(_)));
        }
    }

    /// The narrowest type that holds everything seen. `whole`: nothing is left unseen.
    pub(super) fn logical(&self, everything: bool) -> LogicalType {
        if self.json || self.text && self.bare {
            return LogicalType::Json;
        }
        if self.seen == 0 {
            return LogicalType::Text;
        }
        if self.boolean {
            return LogicalType::Boolean;
        }
        if self.whole {
            return LogicalType::Int64;
        }
        if let Some((whole, scale)) = self.decimal {
            let scale = if everything || scale == 0 { scale } else { scale + HEADROOM };
            if let (Ok(scale), true) = (i8::try_from(scale), whole + scale <= usize::from(DIGITS)) {
                return LogicalType::Decimal { precision: DIGITS, scale };
            }
        }
        if self.float {
            return LogicalType::Float64;
        }
        match (self.date, self.wall, self.instant) {
            (true, ..) => LogicalType::Date,
            (_, true, _) => LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false },
            (.., true) => LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true },
            _ => LogicalType::Text,
        }
    }
}

/// A type as this connector spells it.
pub(super) fn spell(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Boolean => "boolean".to_owned(),
        LogicalType::Int8 => "tinyint".to_owned(),
        LogicalType::Int16 => "smallint".to_owned(),
        LogicalType::Int32 => "int".to_owned(),
        LogicalType::Int64 => "bigint".to_owned(),
        LogicalType::UInt8 => "utinyint".to_owned(),
        LogicalType::UInt16 => "usmallint".to_owned(),
        LogicalType::UInt32 => "uint".to_owned(),
        LogicalType::UInt64 => "ubigint".to_owned(),
        LogicalType::Float32 => "float".to_owned(),
        LogicalType::Float64 => "double".to_owned(),
        LogicalType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        LogicalType::Numeric => "numeric".to_owned(),
        LogicalType::Text => "text".to_owned(),
        LogicalType::Binary => "binary".to_owned(),
        LogicalType::Uuid => "uuid".to_owned(),
        LogicalType::Json => "json".to_owned(),
        LogicalType::Date => "date".to_owned(),
        LogicalType::Time => "time".to_owned(),
        LogicalType::Timestamp { unit, zoned } => {
            let zone = if *zoned { "timestamptz" } else { "timestamp" };
            let digits = match unit {
                Unit::Second => 0,
                Unit::Millisecond => 3,
                Unit::Microsecond => 6,
                Unit::Nanosecond => 9,
            };
            format!("{zone}({digits})")
        }
        LogicalType::Interval => "interval".to_owned(),
        LogicalType::Enum => "enum".to_owned(),
        LogicalType::Array => "array".to_owned(),
        LogicalType::Other => "other".to_owned(),
    }
}

/// A type as a person gives it for a column.
pub(super) fn given(column: &str, text: &str) -> Result<ColumnType, ConnectorError> {
    let lower = text.trim().to_lowercase();
    let (name, arguments) =
        lower.split_once('(').map_or((lower.as_str(), ""), |(name, rest)| (name.trim(), rest.trim_end_matches(')')));
    let numbers: Vec<u8> = arguments.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let unit = match numbers.first() {
        Some(0) => Unit::Second,
        Some(3) => Unit::Millisecond,
        Some(9) => Unit::Nanosecond,
        _ => Unit::Microsecond,
    };
    let logical = match name {
        "boolean" | "bool" => LogicalType::Boolean,
        "tinyint" => LogicalType::Int8,
        "smallint" => LogicalType::Int16,
        "int" | "integer" => LogicalType::Int32,
        "bigint" => LogicalType::Int64,
        "utinyint" => LogicalType::UInt8,
        "usmallint" => LogicalType::UInt16,
        "uint" => LogicalType::UInt32,
        "ubigint" => LogicalType::UInt64,
        "float" | "real" => LogicalType::Float32,
        "double" => LogicalType::Float64,
        "numeric" | "decimal" => match numbers.as_slice() {
            [precision @ 1..=76, rest @ ..] => {
                let scale = rest.first().copied().unwrap_or(0).min(*precision);
                LogicalType::Decimal { precision: *precision, scale: i8::try_from(scale).unwrap_or(0) }
            }
            _ => LogicalType::Numeric,
        },
        "text" | "string" | "varchar" => LogicalType::Text,
        "binary" | "bytea" | "blob" => LogicalType::Binary,
        "uuid" => LogicalType::Uuid,
        "json" => LogicalType::Json,
        "date" => LogicalType::Date,
        "time" => LogicalType::Time,
        "timestamp" => LogicalType::Timestamp { unit, zoned: false },
        "timestamptz" => LogicalType::Timestamp { unit, zoned: true },
        _ => {
            return Err(ConnectorError::new(ErrorKind::Config, format!("`{text}` is not a type for column `{column}`."))
                .advise("Use text, bigint, int, double, boolean, decimal(p,s), date, time, timestamp, timestamptz, uuid, json or binary."));
        }
    };
    Ok(ColumnType::new(logical, "files", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(values: &[&str], everything: bool) -> LogicalType {
        let mut guess = Guess::default();
        for value in values {
            guess.field(value);
        }
        guess.logical(everything)
    }

    #[test]
    fn the_narrowest_type_that_holds_all_is_taken() {
        assert_eq!(guess(&["1", "-20"], true), LogicalType::Int64);
        assert_eq!(guess(&["1", "2.50"], true), LogicalType::Decimal { precision: 38, scale: 2 });
        assert_eq!(guess(&["1", "2.50"], false), LogicalType::Decimal { precision: 38, scale: 6 });
        assert_eq!(guess(&["1e3", "2.5"], true), LogicalType::Float64);
        assert_eq!(guess(&["00123", "7"], true), LogicalType::Text);
        assert_eq!(guess(&["9223372036854775808"], true), LogicalType::Decimal { precision: 38, scale: 0 });
        assert_eq!(guess(&["true", "FALSE"], true), LogicalType::Boolean);
        assert_eq!(guess(&["2026-01-31"], true), LogicalType::Date);
        assert_eq!(
            guess(&["2026-01-31 10:00:00"], true),
            LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false }
        );
        assert_eq!(
            guess(&["2026-01-31T10:00:00Z"], true),
            LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true }
        );
        assert_eq!(guess(&["2026-01-31T10:00:00Z", "2026-01-31 10:00:00"], true), LogicalType::Text);
        assert_eq!(guess(&["nan"], true), LogicalType::Text);
        assert_eq!(guess(&[], true), LogicalType::Text);
    }

    #[test]
    fn what_is_spelled_is_understood() {
        for logical in [
            LogicalType::Int8,
            LogicalType::UInt64,
            LogicalType::Decimal { precision: 12, scale: 2 },
            LogicalType::Timestamp { unit: Unit::Nanosecond, zoned: true },
        ] {
            assert_eq!(given("c", &spell(&logical)).unwrap().logical, logical);
        }
        assert_eq!(given("c", "colour").unwrap_err().kind, ErrorKind::Config);
    }
}
