//! MySQL's types: what a column's values mean, and how to select them.

use super::sql::quote;
use super::{Config, TimeColumns, TinyInt1};
use crate::connectors::{LogicalType, Unit};

/// The type of a column as the catalog has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MyType {
    /// With everything that belongs to it: `int(10) unsigned`, `enum('a','b')`.
    pub(super) spelled: String,
    /// The bare name: `int`, `enum`.
    pub(super) name: String,
    /// Length, or precision and scale, or digits of a second.
    pub(super) numbers: Vec<u32>,
    pub(super) unsigned: bool,
    /// Of texts.
    pub(super) charset: Option<String>,
    pub(super) collation: Option<String>,
    /// A `longtext` that must hold JSON, as MariaDB has it.
    pub(super) checked_json: bool,
}

const GEOMETRIES: [&str; 9] = [
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
    "geomcollection",
];

impl MyType {
    pub(super) fn parse(spelled: &str) -> Self {
        let lower = spelled.trim().to_ascii_lowercase();
        let name: String =
            lower.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        let listed = matches!(name.as_str(), "enum" | "set");
        let inside = lower.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        let numbers = match inside {
            Some((inside, _)) if !listed => inside.split(',').filter_map(|part| part.trim().parse().ok()).collect(),
            _ => Vec::new(),
        };
        let tail = inside.map_or(lower.as_str(), |(_, tail)| tail);
        let unsigned = !listed && tail.split_ascii_whitespace().any(|word| word == "unsigned" || word == "zerofill");
        let spelled = spelled.trim().to_owned();
        Self { spelled, name, numbers, unsigned, charset: None, collation: None, checked_json: false }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.name.as_str(), "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext")
    }

    pub(super) fn is_binary(&self) -> bool {
        matches!(
            self.name.as_str(),
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector"
        ) || self.is_geometry()
    }

    pub(super) fn is_geometry(&self) -> bool {
        GEOMETRIES.contains(&self.name.as_str())
    }

    /// As its own family spells it. MariaDB keeps JSON as checked text.
    pub(super) fn shown(&self) -> &str {
        if self.checked_json { "json" } else { &self.spelled }
    }

    pub(super) fn first(&self) -> Option<u32> {
        self.numbers.first().copied()
    }

    /// What the values mean.
    pub(super) fn logical(&self, config: &Config) -> LogicalType {
        let sign = |signed, other| if self.unsigned { other } else { signed };
        match self.name.as_str() {
            "tinyint" if self.is_boolean() && config.tinyint1 == TinyInt1::Boolean => LogicalType::Boolean,
            "tinyint" => sign(LogicalType::Int8, LogicalType::UInt8),
            "smallint" => sign(LogicalType::Int16, LogicalType::UInt16),
            "mediumint" | "int" => sign(LogicalType::Int32, LogicalType::UInt32),
            "bigint" => sign(LogicalType::Int64, LogicalType::UInt64),
            "year" => LogicalType::Int16,
            "bit" if self.first().is_none_or(|bits| bits == 1) => LogicalType::Boolean,
            "bit" => LogicalType::UInt64,
            "float" => LogicalType::Float32,
            "double" => LogicalType::Float64,
            "decimal" => self.decimal(),
            "date" => LogicalType::Date,
            "time" if config.time_columns == TimeColumns::Text => LogicalType::Interval,
            "time" => LogicalType::Time,
            "datetime" => LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false },
            "timestamp" => LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true },
            "json" => LogicalType::Json,
            "enum" => LogicalType::Enum,
            "set" => LogicalType::Text,
            "uuid" => LogicalType::Uuid,
            _ if self.checked_json => LogicalType::Json,
            _ if self.is_text() => LogicalType::Text,
            _ if self.is_binary() => LogicalType::Binary,
            _ => LogicalType::Other,
        }
    }

    /// Declared so by `boolean`, too.
    pub(super) fn is_boolean(&self) -> bool {
        self.name == "tinyint" && self.numbers == [1] && !self.unsigned
    }

    fn decimal(&self) -> LogicalType {
        let precision = self.first().and_then(|digits| u8::try_from(digits).ok()).unwrap_or(10);
        let scale = self.numbers.get(1).and_then(|digits| i8::try_from(*digits).ok()).unwrap_or(0);
        LogicalType::Decimal { precision, scale }
    }

    /// How to select a column of this type so that the decoder understands it.
    pub(super) fn projection(&self, column: &str) -> String {
        let name = quote(column);
        match self.name.as_str() {
            // Its own form is bytes.
            "bit" => format!("{name}+0"),
            "uuid" | "inet4" | "inet6" => format!("cast({name} as char)"),
            _ => name,
        }
    }

    /// Longest text in characters; `None` where it is beyond what an index holds.
    pub(super) fn text_length(&self) -> Option<u32> {
        match self.name.as_str() {
            "char" => Some(self.first().unwrap_or(1)),
            "varchar" => self.first(),
            "tinytext" => Some(255),
            "enum" | "set" | "uuid" => Some(255),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        serde_json::from_value(serde_json::json!({"host": "h", "user": "u"})).unwrap()
    }

    #[test]
    fn spellings_are_read_as_servers_write_them() {
        let at = |zoned| LogicalType::Timestamp { unit: Unit::Microsecond, zoned };
        for (spelled, expected) in [
            ("tinyint(1)", LogicalType::Boolean),
            ("tinyint(1) unsigned", LogicalType::UInt8),
            ("tinyint", LogicalType::Int8),
            ("tinyint(4)", LogicalType::Int8),
            ("int(10) unsigned", LogicalType::UInt32),
            ("int(10) unsigned zerofill", LogicalType::UInt32),
            ("mediumint(9)", LogicalType::Int32),
            ("bigint unsigned", LogicalType::UInt64),
            ("bit(1)", LogicalType::Boolean),
            ("bit(64)", LogicalType::UInt64),
            ("decimal(65,30)", LogicalType::Decimal { precision: 65, scale: 30 }),
            ("decimal(10,2) unsigned", LogicalType::Decimal { precision: 10, scale: 2 }),
            ("float", LogicalType::Float32),
            ("double(10,2)", LogicalType::Float64),
            ("enum('unsigned','a(b)')", LogicalType::Enum),
            ("set('a','b')", LogicalType::Text),
            ("timestamp(6)", at(true)),
            ("datetime", at(false)),
            ("year(4)", LogicalType::Int16),
            ("point", LogicalType::Binary),
            ("inet6", LogicalType::Other),
            ("varchar(20)", LogicalType::Text),
        ] {
            assert_eq!(MyType::parse(spelled).logical(&config()), expected, "{spelled}");
        }
    }

    #[test]
    fn settings_choose_what_may_be_read_in_two_ways() {
        let config = Config { tinyint1: TinyInt1::Integer, time_columns: TimeColumns::Text, ..config() };
        assert_eq!(MyType::parse("tinyint(1)").logical(&config), LogicalType::Int8);
        assert_eq!(MyType::parse("time(3)").logical(&config), LogicalType::Interval);
    }
}
