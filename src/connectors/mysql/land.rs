//! How columns of any family land in MySQL. Pure: asks no server.

use super::FAMILY;
use super::data_type::MyType;
use crate::connectors::{ColumnType, Fidelity, Landing, LogicalType, Unit};

/// Types that a server of either family has, so that a copy can be spelled as the original is.
const SHARED: [&str; 35] = [
    "bigint",
    "binary",
    "bit",
    "blob",
    "char",
    "date",
    "datetime",
    "decimal",
    "double",
    "enum",
    "float",
    "geometry",
    "geometrycollection",
    "int",
    "json",
    "linestring",
    "longblob",
    "longtext",
    "mediumblob",
    "mediumint",
    "mediumtext",
    "multilinestring",
    "multipoint",
    "multipolygon",
    "point",
    "polygon",
    "set",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyblob",
    "tinyint",
    "tinytext",
    "varbinary",
];

/// Most characters of a `varchar` whose characters take four bytes.
const LONGEST_VARCHAR: u32 = 16_383;
/// Digits of a decimal, in all and after the point, that every server holds.
const DECIMAL: (u8, i8) = (65, 30);

/// What becomes of numbers that MySQL has no form for.
const FLOATS: &str = "a negative zero loses its sign; a row with NaN or infinity is put aside";

pub(super) fn land(column: &ColumnType) -> Landing {
    if column.family == FAMILY
        && let Some(spelled) = kept(&column.spelled)
    {
        return exact(&spelled);
    }
    match &column.logical {
        LogicalType::Boolean => exact("tinyint(1)"),
        LogicalType::Int8 => exact("tinyint"),
        LogicalType::Int16 => exact("smallint"),
        LogicalType::Int32 => exact("int"),
        LogicalType::Int64 => exact("bigint"),
        LogicalType::UInt8 => exact("tinyint unsigned"),
        LogicalType::UInt16 => exact("smallint unsigned"),
        LogicalType::UInt32 => exact("int unsigned"),
        LogicalType::UInt64 => exact("bigint unsigned"),
        LogicalType::Float32 => lossless("float", FLOATS),
        LogicalType::Float64 => lossless("double", FLOATS),
        LogicalType::Decimal { precision, scale } => decimal(*precision, *scale),
        LogicalType::Numeric => lossless("longtext", "held as exact decimal text"),
        LogicalType::Text => exact("longtext"),
        LogicalType::Binary => exact("longblob"),
        LogicalType::Uuid => lossless("char(36)", "held as hyphenated text"),
        LogicalType::Json => {
            lossless("longtext", "held as its text, since MySQL's `json` reorders members and rounds numbers")
        }
        LogicalType::Date => exact("date"),
        LogicalType::Time => exact("time(6)"),
        LogicalType::Timestamp { unit: Unit::Nanosecond, .. } => Landing {
            target_type: "datetime(6)".to_owned(),
            fidelity: Fidelity::Lossy,
            note: Some("cut to microseconds".to_owned()),
        },
        LogicalType::Timestamp { zoned: false, .. } => exact("datetime(6)"),
        LogicalType::Timestamp { zoned: true, .. } => {
            lossless("datetime(6)", "held in UTC as `datetime`, since MySQL's `timestamp` ends in 2038")
        }
        LogicalType::Interval | LogicalType::Enum | LogicalType::Array | LogicalType::Other => {
            lossless("longtext", &format!("held as the text form of `{}`", column.spelled))
        }
    }
}

fn decimal(precision: u8, scale: i8) -> Landing {
    if scale < 0 {
        let digits = i32::from(precision) - i32::from(scale);
        return if digits <= i32::from(DECIMAL.0) {
            lossless(&format!("decimal({digits},0)"), "held with its trailing zeros")
        } else {
            lossless("longtext", "held as exact decimal text")
        };
    }
    if precision <= DECIMAL.0 && scale <= DECIMAL.1 {
        exact(&format!("decimal({precision},{scale})"))
    } else {
        lossless("longtext", "held as exact decimal text, as MySQL's decimals end at 65 digits, 30 after the point")
    }
}

/// The spelling of a column of this family, if a new table can have it.
fn kept(spelled: &str) -> Option<String> {
    let parsed = MyType::parse(spelled);
    let shared = SHARED.binary_search(&parsed.name.as_str()).is_ok() && is_type_spelling(spelled);
    if parsed.name == "year" {
        return Some("year".to_owned());
    }
    let fits = match parsed.name.as_str() {
        "varchar" => return parsed.first().filter(|length| *length <= LONGEST_VARCHAR).map(|_| spelled.to_owned()),
        "decimal" => parsed.numbers.get(1).is_none_or(|scale| *scale <= u32::from(DECIMAL.1.unsigned_abs())),
        _ => true,
    };
    (shared && fits).then(|| spelled.to_owned())
}

fn exact(target_type: &str) -> Landing {
    Landing { target_type: target_type.to_owned(), fidelity: Fidelity::Exact, note: None }
}

fn lossless(target_type: &str, note: &str) -> Landing {
    Landing { target_type: target_type.to_owned(), fidelity: Fidelity::Lossless, note: Some(note.to_owned()) }
}

/// Whether a target type may stand in a statement: words, numbers in brackets and texts in single quotes, nothing that could end
/// it. The server has the last word on whether it is a type at all.
pub(super) fn is_type_spelling(spelled: &str) -> bool {
    let mut quoted = false;
    let plain = spelled.chars().all(|letter| {
        if letter == '\'' {
            quoted = !quoted;
            return true;
        }
        if quoted {
            return letter != '\0' && letter != '\\';
        }
        letter.is_ascii_alphanumeric() || matches!(letter, '_' | ' ' | ',' | '(' | ')')
    });
    plain && !quoted && spelled.starts_with(|letter: char| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_the_family_keep_their_spelling() {
        assert!(SHARED.is_sorted());
        for spelled in
            ["int(10) unsigned", "enum('a','it''s')", "timestamp(3)", "varchar(20)", "bit(5)", "json", "point"]
        {
            let landing = land(&ColumnType::new(LogicalType::Other, FAMILY, spelled));
            assert_eq!((landing.target_type.as_str(), landing.fidelity), (spelled, Fidelity::Exact));
        }
        for spelled in ["varchar(20000)", "enum('a\\\\b')", "inet6", "decimal(65,38)", "int; drop table t"] {
            assert_eq!(
                land(&ColumnType::new(LogicalType::Other, FAMILY, spelled)).target_type,
                "longtext",
                "{spelled}"
            );
        }
    }

    #[test]
    fn types_of_other_families_land_by_meaning() {
        let land = |logical| land(&ColumnType::new(logical, "postgres", "whatever"));
        assert_eq!(land(LogicalType::UInt64).target_type, "bigint unsigned");
        assert_eq!(land(LogicalType::Decimal { precision: 38, scale: 10 }).target_type, "decimal(38,10)");
        assert_eq!(land(LogicalType::Decimal { precision: 76, scale: 38 }).target_type, "longtext");
        assert_eq!(land(LogicalType::Decimal { precision: 5, scale: -3 }).target_type, "decimal(8,0)");
        let nanos = LogicalType::Timestamp { unit: Unit::Nanosecond, zoned: true };
        assert_eq!(land(nanos).fidelity, Fidelity::Lossy);
    }

    #[test]
    fn a_type_spelling_cannot_end_its_statement() {
        for spelled in ["decimal(18,4)", "enum('a;b','c''d')", "int unsigned", "double"] {
            assert!(is_type_spelling(spelled), "{spelled}");
        }
        for spelled in
            ["int; drop table x", "int -- x", "int'", "", "enum('a\\'')", "int /* x */", "`x`", "int default 1+1"]
        {
            assert!(!is_type_spelling(spelled), "{spelled}");
        }
    }
}
