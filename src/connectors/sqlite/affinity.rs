//! What a declared type means, and which declared type holds a logical type's values unchanged. SQLite turns values by a
//! column's affinity as it stores them, so the spelling matters.

use crate::connectors::{ColumnType, ConnectorError, Fidelity, Landing, LogicalType, Unit};

use super::FAMILY;

/// What SQLite does to a value that enters a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

/// SQLite's own five rules, in their order.
pub(super) fn affinity(declared: &str) -> Affinity {
    let upper = declared.to_ascii_uppercase();
    let has = |part: &str| upper.contains(part);
    if has("INT") {
        Affinity::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if has("BLOB") || upper.is_empty() {
        Affinity::Blob
    } else if has("REAL") || has("FLOA") || has("DOUB") {
        Affinity::Real
    } else {
        Affinity::Numeric
    }
}

/// What the values of a column declared so are meant to be; `None` when nothing was declared.
pub(super) fn meaning(declared: &str) -> Option<LogicalType> {
    let upper = declared.to_ascii_uppercase();
    let (name, parameters) = match upper.split_once('(') {
        Some((name, rest)) => (name, rest.split_once(')').unwrap_or((rest, "")).0),
        None => (upper.as_str(), ""),
    };
    let name = name.trim();
    let numbers: Vec<u8> = parameters.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let zoned = upper.contains("TZ") || upper.contains("WITH TIME ZONE");
    Some(match name {
        "" => return None,
        "BOOL" | "BOOLEAN" => LogicalType::Boolean,
        "DECIMAL" | "NUMERIC" | "NUMBER" | "DEC" | "DECIMAL_TEXT" | "NUMERIC_TEXT" => decimal(&numbers),
        "DATE" => LogicalType::Date,
        "TIME" => LogicalType::Time,
        "JSON" | "JSONB" | "JSON_TEXT" => LogicalType::Json,
        "UUID" | "GUID" | "UNIQUEIDENTIFIER" => LogicalType::Uuid,
        "BINARY" | "VARBINARY" | "BYTEA" => LogicalType::Binary,
        "STRING" => LogicalType::Text,
        _ if name.starts_with("DATETIME") || name.starts_with("TIMESTAMP") => {
            let unit = match numbers.first() {
                Some(0) => Unit::Second,
                Some(1..=3) => Unit::Millisecond,
                Some(7..=9) => Unit::Nanosecond,
                _ => Unit::Microsecond,
            };
            LogicalType::Timestamp { unit, zoned }
        }
        _ => match affinity(declared) {
            Affinity::Integer => LogicalType::Int64,
            Affinity::Text => LogicalType::Text,
            Affinity::Blob => LogicalType::Binary,
            Affinity::Real => LogicalType::Float64,
            Affinity::Numeric => LogicalType::Numeric,
        },
    })
}

fn decimal(numbers: &[u8]) -> LogicalType {
    let (precision, scale) = match numbers {
        [precision] => (*precision, 0),
        [precision, scale] => (*precision, *scale),
        _ => return LogicalType::Numeric,
    };
    match i8::try_from(scale) {
        Ok(scale) if (1..=76).contains(&precision) && scale.unsigned_abs() <= precision => {
            LogicalType::Decimal { precision, scale }
        }
        _ => LogicalType::Numeric,
    }
}

/// How a column of this type lands. A column of SQLite itself keeps its declaration.
#[expect(clippy::unnecessary_wraps, reason = "the contract lets a destination refuse types; this one takes them all")]
pub(super) fn land(column: &ColumnType) -> Result<Landing, ConnectorError> {
    if column.family == FAMILY
        && is_plain(&column.spelled)
        && meaning(&column.spelled).as_ref() == Some(&column.logical)
    {
        return Ok(Landing { target_type: column.spelled.clone(), fidelity: Fidelity::Exact, note: None });
    }
    let exact = |spelled: &str| (spelled.to_owned(), Fidelity::Exact, None);
    let lossless = |spelled: String, note: &str| (spelled, Fidelity::Lossless, Some(note.to_owned()));
    let (target_type, fidelity, note) = match &column.logical {
        LogicalType::Boolean => lossless("BOOLEAN".to_owned(), "stored as 0 and 1"),
        LogicalType::Int8
        | LogicalType::Int16
        | LogicalType::Int32
        | LogicalType::Int64
        | LogicalType::UInt8
        | LogicalType::UInt16
        | LogicalType::UInt32 => exact("INTEGER"),
        LogicalType::UInt64 => {
            lossless("DECIMAL_TEXT(20,0)".to_owned(), "stored as decimal text: SQLite's integers end at 2^63")
        }
        LogicalType::Float32 | LogicalType::Float64 => {
            lossless("REAL".to_owned(), "a negative zero loses its sign; NaN is kept as text")
        }
        LogicalType::Decimal { precision, scale } if *scale >= 0 => {
            lossless(format!("DECIMAL_TEXT({precision},{scale})"), "stored as exact decimal text")
        }
        LogicalType::Decimal { .. } | LogicalType::Numeric => {
            lossless("NUMERIC_TEXT".to_owned(), "stored as exact decimal text")
        }
        LogicalType::Text => exact("TEXT"),
        LogicalType::Binary => exact("BLOB"),
        LogicalType::Uuid => lossless("UUID".to_owned(), "stored as text"),
        // Plain `JSON` would turn a document that is one number into a float.
        LogicalType::Json => lossless("JSON_TEXT".to_owned(), "stored as text"),
        LogicalType::Date => lossless("DATE".to_owned(), "stored as ISO 8601 text"),
        LogicalType::Time => lossless("TIME".to_owned(), "stored as ISO 8601 text"),
        LogicalType::Timestamp { unit, zoned } => {
            let digits = match unit {
                Unit::Second => 0,
                Unit::Millisecond => 3,
                Unit::Microsecond => 6,
                Unit::Nanosecond => 9,
            };
            let name = if *zoned { "TIMESTAMPTZ" } else { "TIMESTAMP" };
            lossless(format!("{name}({digits})"), "stored as ISO 8601 text")
        }
        LogicalType::Interval | LogicalType::Enum | LogicalType::Array | LogicalType::Other => {
            lossless("TEXT".to_owned(), "stored as the source's own text")
        }
    };
    Ok(Landing { target_type, fidelity, note })
}

/// Whether a type's spelling can stand in a statement as it is: words and numbers, no constraint.
pub(super) fn is_plain(spelled: &str) -> bool {
    const CONSTRAINTS: [&str; 11] = [
        "PRIMARY",
        "KEY",
        "NOT",
        "NULL",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "REFERENCES",
        "GENERATED",
        "CONSTRAINT",
    ];
    let (name, parameters) = match spelled.split_once('(') {
        Some((name, rest)) => match rest.split_once(')') {
            Some((parameters, after)) => (format!("{name} {after}"), parameters),
            None => return false,
        },
        None => (spelled.to_owned(), ""),
    };
    let mut words = name.split_ascii_whitespace().peekable();
    words.peek().is_some()
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && words.all(|word| {
            word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !CONSTRAINTS.contains(&word.to_ascii_uppercase().as_str())
                && !word.eq_ignore_ascii_case("AS")
        })
        && parameters.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ' ' | '+' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_mean_what_people_mean() {
        let decimal = |precision, scale| LogicalType::Decimal { precision, scale };
        let micros = |zoned| LogicalType::Timestamp { unit: Unit::Microsecond, zoned };
        let table = [
            ("INTEGER", LogicalType::Int64),
            ("unsigned big int", LogicalType::Int64),
            ("varchar(20)", LogicalType::Text),
            ("DECIMAL(12,2)", decimal(12, 2)),
            ("numeric ( 8 )", decimal(8, 0)),
            ("DECIMAL_TEXT(20,0)", decimal(20, 0)),
            ("DECIMAL(200,2)", LogicalType::Numeric),
            ("money", LogicalType::Numeric),
            ("double precision", LogicalType::Float64),
            ("BLOB", LogicalType::Binary),
            ("datetime", micros(false)),
            ("TIMESTAMP WITH TIME ZONE", micros(true)),
            ("TIMESTAMPTZ(9)", LogicalType::Timestamp { unit: Unit::Nanosecond, zoned: true }),
            ("Date", LogicalType::Date),
            ("JSON", LogicalType::Json),
            ("uuid", LogicalType::Uuid),
        ];
        for (declared, logical) in table {
            assert_eq!(meaning(declared), Some(logical), "{declared}");
        }
        assert_eq!(meaning(""), None);
    }

    #[test]
    fn a_landed_type_means_what_it_carries() {
        for logical in [
            LogicalType::Boolean,
            LogicalType::Int64,
            LogicalType::Float64,
            decimal(&[38, 10]),
            LogicalType::Numeric,
            LogicalType::Text,
            LogicalType::Binary,
            LogicalType::Uuid,
            LogicalType::Json,
            LogicalType::Date,
            LogicalType::Time,
            LogicalType::Timestamp { unit: Unit::Nanosecond, zoned: true },
            LogicalType::Timestamp { unit: Unit::Second, zoned: false },
        ] {
            let landing = land(&ColumnType::new(logical.clone(), "test", "")).unwrap();
            assert_eq!(meaning(&landing.target_type), Some(logical.clone()), "{}", landing.target_type);
            if matches!(logical, LogicalType::Decimal { .. } | LogicalType::Numeric | LogicalType::Json) {
                assert_eq!(affinity(&landing.target_type), Affinity::Text, "{}", landing.target_type);
            }
        }
    }

    #[test]
    fn only_plain_spellings_enter_a_statement() {
        for plain in ["INTEGER", "VARCHAR(20)", "DECIMAL(12, 2)", "TIMESTAMP WITH TIME ZONE", "double precision"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "INTEGER PRIMARY KEY",
            "x); drop table t",
            "a, b",
            "TEXT DEFAULT (1)",
            "\"odd\"",
            "TEXT COLLATE NOCASE",
            "T(",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
