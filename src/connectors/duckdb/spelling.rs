//! DuckDB's type names: what they mean, how logical types land, and how values pass between columns and Arrow.

use super::FAMILY;
use crate::connectors::{ColumnType, ConnectorError, Fidelity, Landing, LogicalType, Unit};

/// Whether this program's DuckDB has the JSON type; a library that was built in from source has not.
const HAS_JSON: bool = !cfg!(feature = "duckdb-bundled");

/// What a column of this type holds.
pub(super) fn meaning(spelled: &str) -> LogicalType {
    let timestamp = |unit, zoned| LogicalType::Timestamp { unit, zoned };
    match spelled {
        "BOOLEAN" => LogicalType::Boolean,
        "TINYINT" => LogicalType::Int8,
        "SMALLINT" => LogicalType::Int16,
        "INTEGER" => LogicalType::Int32,
        "BIGINT" => LogicalType::Int64,
        "UTINYINT" => LogicalType::UInt8,
        "USMALLINT" => LogicalType::UInt16,
        "UINTEGER" => LogicalType::UInt32,
        "UBIGINT" => LogicalType::UInt64,
        "HUGEINT" | "UHUGEINT" => LogicalType::Decimal { precision: 39, scale: 0 },
        "BIGNUM" | "VARINT" => LogicalType::Numeric,
        "FLOAT" => LogicalType::Float32,
        "DOUBLE" => LogicalType::Float64,
        "VARCHAR" => LogicalType::Text,
        "BLOB" => LogicalType::Binary,
        "UUID" => LogicalType::Uuid,
        "JSON" => LogicalType::Json,
        "DATE" => LogicalType::Date,
        "TIME" => LogicalType::Time,
        "TIMESTAMP_S" => timestamp(Unit::Second, false),
        "TIMESTAMP_MS" => timestamp(Unit::Millisecond, false),
        "TIMESTAMP" => timestamp(Unit::Microsecond, false),
        "TIMESTAMP_NS" => timestamp(Unit::Nanosecond, false),
        "TIMESTAMP WITH TIME ZONE" => timestamp(Unit::Microsecond, true),
        "INTERVAL" => LogicalType::Interval,
        _ if decimal(spelled).is_some() => {
            let (precision, scale) = decimal(spelled).unwrap_or_default();
            LogicalType::Decimal { precision, scale }
        }
        _ if is_nested(spelled) && is_json_safe(spelled) => LogicalType::Json,
        _ if spelled.ends_with(']') => LogicalType::Array,
        _ if spelled.starts_with("ENUM(") => LogicalType::Enum,
        _ => LogicalType::Other,
    }
}

/// `DECIMAL(12,2)` as numbers.
pub(super) fn decimal(spelled: &str) -> Option<(u8, i8)> {
    let inside = spelled.strip_prefix("DECIMAL(")?.strip_suffix(')')?;
    let (precision, scale) = inside.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

pub(super) fn is_nested(spelled: &str) -> bool {
    spelled.ends_with(']') || spelled.starts_with("STRUCT(") || spelled.starts_with("MAP(")
}

/// Whether JSON says every value of a nested type exactly, so that it can be read back.
fn is_json_safe(spelled: &str) -> bool {
    const LOST: [&str; 9] =
        ["FLOAT", "DOUBLE", "BLOB", "BIT", "INTERVAL", "UNION(", "JSON", "TIME WITH TIME ZONE", "VARIANT"];
    let bare = outside_quotes(spelled).replace("TIMESTAMP WITH TIME ZONE", "");
    let maps = bare.matches("MAP(").count();
    HAS_JSON && maps == bare.matches("MAP(VARCHAR,").count() && !LOST.iter().any(|lost| bare.contains(lost))
}

fn outside_quotes(spelled: &str) -> String {
    let mut quote = None;
    spelled
        .chars()
        .filter(|&c| match quote {
            Some(open) => {
                if c == open {
                    quote = None;
                }
                false
            }
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                false
            }
            None => true,
        })
        .collect()
}

/// How a column of this type lands.
#[expect(clippy::unnecessary_wraps, reason = "the contract lets a destination refuse types; this one takes them all")]
pub(super) fn land(column: &ColumnType) -> Result<Landing, ConnectorError> {
    if column.family == FAMILY && is_known(&column.spelled) && meaning(&column.spelled) == column.logical {
        return Ok(Landing { target_type: column.spelled.clone(), fidelity: Fidelity::Exact, note: None });
    }
    let exact = |spelled: &str| (spelled.to_owned(), Fidelity::Exact, None);
    let lossless = |spelled: &str, note: &str| (spelled.to_owned(), Fidelity::Lossless, Some(note.to_owned()));
    let (target_type, fidelity, note) = match &column.logical {
        LogicalType::Decimal { .. } if column.logical == meaning(&carrier(&column.logical)) => {
            exact(&carrier(&column.logical))
        }
        LogicalType::Decimal { .. } => {
            lossless("VARCHAR", "stored as decimal text: DuckDB's decimals end at 38 digits")
        }
        LogicalType::Numeric => lossless("VARCHAR", "stored as decimal text: DuckDB has no number without bounds"),
        LogicalType::Uuid => exact("UUID"),
        LogicalType::Json if HAS_JSON => exact("JSON"),
        LogicalType::Json => lossless("VARCHAR", "stored as text"),
        LogicalType::Interval | LogicalType::Enum | LogicalType::Array | LogicalType::Other => {
            lossless("VARCHAR", "stored as the source's own text")
        }
        LogicalType::Timestamp { unit: Unit::Nanosecond, zoned: true } => {
            lossless("TIMESTAMP_NS", "stored as UTC without a zone: DuckDB's zoned timestamps end at microseconds")
        }
        LogicalType::Timestamp { unit: Unit::Second | Unit::Millisecond, zoned: true } => {
            lossless("TIMESTAMP WITH TIME ZONE", "stored with microseconds")
        }
        other => exact(&carrier(other)),
    };
    Ok(Landing { target_type, fidelity, note })
}

/// The type in which values of a logical type wait in a staging table.
pub(super) fn carrier(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Boolean => "BOOLEAN",
        LogicalType::Int8 => "TINYINT",
        LogicalType::Int16 => "SMALLINT",
        LogicalType::Int32 => "INTEGER",
        LogicalType::Int64 => "BIGINT",
        LogicalType::UInt8 => "UTINYINT",
        LogicalType::UInt16 => "USMALLINT",
        LogicalType::UInt32 => "UINTEGER",
        LogicalType::UInt64 => "UBIGINT",
        LogicalType::Float32 => "FLOAT",
        LogicalType::Float64 => "DOUBLE",
        LogicalType::Binary => "BLOB",
        LogicalType::Date => "DATE",
        LogicalType::Time => "TIME",
        LogicalType::Timestamp { unit: Unit::Second, zoned: false } => "TIMESTAMP_S",
        LogicalType::Timestamp { unit: Unit::Millisecond, zoned: false } => "TIMESTAMP_MS",
        LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false } => "TIMESTAMP",
        LogicalType::Timestamp { unit: Unit::Nanosecond, .. } => "TIMESTAMP_NS",
        LogicalType::Timestamp { .. } => "TIMESTAMP WITH TIME ZONE",
        LogicalType::Decimal { precision, scale }
            if *precision <= 38 && u8::try_from(*scale).is_ok_and(|scale| scale <= *precision) =>
        {
            return format!("DECIMAL({precision},{scale})");
        }
        _ => "VARCHAR",
    }
    .to_owned()
}

/// What a column is asked for, so that Arrow carries its logical type: a nested value as JSON, odd types as text.
pub(super) fn asked(column: &str, spelled: &str, logical: &LogicalType) -> String {
    match logical {
        LogicalType::Json if is_nested(spelled) => {
            format!("case when {column} is null then null else cast(to_json({column}) as varchar) end")
        }
        _ if spelled == "VARCHAR" => column.to_owned(),
        _ if carrier(logical) == "VARCHAR" => format!("cast({column} as varchar)"),
        _ => column.to_owned(),
    }
}

/// What is stored of a staged value in a column of this type; `None` when it goes in as it is. `attempt`: NULL instead of
/// an error when it does not fit.
pub(super) fn stored(staged: &str, spelled: &str, logical: &LogicalType, attempt: bool) -> Option<String> {
    if same_type(&carrier(logical), spelled) {
        return None;
    }
    let cast = if attempt { "try_cast" } else { "cast" };
    Some(if *logical == LogicalType::Json && is_nested(spelled) {
        format!("{cast}({cast}({staged} as JSON) as {spelled})")
    } else {
        format!("{cast}({staged} as {spelled})")
    })
}

fn same_type(left: &str, right: &str) -> bool {
    left == right || (decimal(left).is_some() && decimal(left) == decimal(right))
}

const WORDS: [&str; 36] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "BIGNUM",
    "VARINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "VARCHAR",
    "BLOB",
    "BIT",
    "UUID",
    "JSON",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "WITH",
    "ZONE",
    "INTERVAL",
    "ENUM",
    "STRUCT",
    "MAP",
    "UNION",
    "TIME_NS",
    "TIMETZ",
];

/// Whether a type's spelling can stand in a statement: one of DuckDB's own types, nested types of these included.
pub(super) fn is_known(spelled: &str) -> bool {
    let mut quote = None;
    let mut depth = 0_i32;
    for c in spelled.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None => match c {
                '\'' | '"' => quote = Some(c),
                '(' | '[' => depth += 1,
                ')' | ']' => depth -= 1,
                ',' if depth == 0 => return false,
                c if c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | ',') => {}
                _ => return false,
            },
        }
        if depth < 0 {
            return false;
        }
    }
    let bare = outside_quotes(spelled);
    let head = bare.split(['(', '[']).next().unwrap_or_default();
    // Inside a STRUCT or UNION stand field names too; they are words of the user's.
    quote.is_none()
        && depth == 0
        && !head.trim().is_empty()
        && head.split_ascii_whitespace().all(|word| WORDS.contains(&word))
        && (head == bare || matches!(head, "DECIMAL" | "ENUM" | "STRUCT" | "MAP" | "UNION") || bare.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_types_that_json_says_exactly_are_json() {
        assert_eq!(meaning("INTEGER[]"), LogicalType::Json);
        assert_eq!(meaning("STRUCT(\"DOUBLE\" INTEGER, b VARCHAR[])"), LogicalType::Json);
        assert_eq!(meaning("MAP(VARCHAR, INTEGER)"), LogicalType::Json);
        assert_eq!(meaning("MAP(INTEGER, INTEGER)"), LogicalType::Other);
        assert_eq!(meaning("DOUBLE[]"), LogicalType::Array);
        assert_eq!(meaning("STRUCT(a FLOAT)"), LogicalType::Other);
        assert_eq!(meaning("DECIMAL(12,2)"), LogicalType::Decimal { precision: 12, scale: 2 });
        assert_eq!(meaning("ENUM('a', 'DOUBLE')"), LogicalType::Enum);
    }

    #[test]
    fn only_types_enter_a_statement() {
        for known in [
            "INTEGER",
            "DECIMAL(12,2)",
            "TIMESTAMP WITH TIME ZONE",
            "STRUCT(a INTEGER, \"b;) c\" VARCHAR)[]",
            "ENUM('it''s', ';')",
            "MAP(VARCHAR, INTEGER[3])",
        ] {
            assert!(is_known(known), "{known}");
        }
        for other in [
            "",
            "mood",
            "INTEGER; drop table t",
            "INTEGER DEFAULT 1",
            "INTEGER) --",
            "INTEGER, b INTEGER",
            "ENUM('a'",
            "INTEGER PRIMARY KEY",
            "INTEGER)(",
        ] {
            assert!(!is_known(other), "{other}");
        }
    }
}
