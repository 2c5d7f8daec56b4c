//! How columns of any family land in PostgreSQL. Pure: asks no server.

use super::FAMILY;
use crate::connectors::{ColumnType, Fidelity, Landing, LogicalType, Unit};

/// Types that every server has, so that a copy can be spelled as the original is.
const BUILT_IN: &[&str] = &[
    "\"bit\"",
    "\"char\"",
    "bigint",
    "bit",
    "bit varying",
    "boolean",
    "box",
    "bpchar",
    "bytea",
    "character",
    "character varying",
    "cidr",
    "circle",
    "date",
    "datemultirange",
    "daterange",
    "double precision",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "integer",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "numeric",
    "nummultirange",
    "numrange",
    "oid",
    "path",
    "pg_lsn",
    "point",
    "polygon",
    "real",
    "smallint",
    "text",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "uuid",
    "xml",
];

pub(super) fn land(column: &ColumnType) -> Landing {
    if column.family == FAMILY && is_built_in(&column.spelled) {
        return exact(&column.spelled);
    }
    match &column.logical {
        LogicalType::Boolean => exact("boolean"),
        LogicalType::Int8 | LogicalType::UInt8 => lossless("smallint", "held as a 16 bit integer"),
        LogicalType::Int16 => exact("smallint"),
        LogicalType::Int32 => exact("integer"),
        LogicalType::Int64 => exact("bigint"),
        LogicalType::UInt16 => lossless("integer", "held as a 32 bit integer"),
        LogicalType::UInt32 => lossless("bigint", "held as a 64 bit integer"),
        LogicalType::UInt64 => {
            lossless("numeric(20,0)", "held as an exact number, as 64 unsigned bits exceed `bigint`")
        }
        LogicalType::Float32 => exact("real"),
        LogicalType::Float64 => exact("double precision"),
        LogicalType::Decimal { precision, scale } if *scale >= 0 => exact(&format!("numeric({precision},{scale})")),
        LogicalType::Decimal { precision, scale } => {
            let digits = i32::from(*precision) - i32::from(*scale);
            lossless(&format!("numeric({digits},0)"), "held with its trailing zeros")
        }
        LogicalType::Numeric => exact("numeric"),
        LogicalType::Text if column.family == FAMILY => lossless("text", "held as `text`, whose comparison can differ"),
        LogicalType::Text => exact("text"),
        LogicalType::Binary => exact("bytea"),
        LogicalType::Uuid => exact("uuid"),
        LogicalType::Json => exact("json"),
        LogicalType::Date => exact("date"),
        LogicalType::Time => exact("time without time zone"),
        LogicalType::Timestamp { unit, zoned } => timestamp(*unit, *zoned),
        LogicalType::Interval | LogicalType::Enum | LogicalType::Array | LogicalType::Other => {
            lossless("text", &format!("held as the text form of `{}`", column.spelled))
        }
    }
}

fn timestamp(unit: Unit, zoned: bool) -> Landing {
    let spelled = if zoned { "timestamp with time zone" } else { "timestamp without time zone" };
    match unit {
        Unit::Nanosecond => Landing {
            target_type: spelled.to_owned(),
            fidelity: Fidelity::Lossy,
            note: Some("cut to microseconds".to_owned()),
        },
        Unit::Second | Unit::Millisecond | Unit::Microsecond => exact(spelled),
    }
}

fn exact(target_type: &str) -> Landing {
    Landing { target_type: target_type.to_owned(), fidelity: Fidelity::Exact, note: None }
}

fn lossless(target_type: &str, note: &str) -> Landing {
    Landing { target_type: target_type.to_owned(), fidelity: Fidelity::Lossless, note: Some(note.to_owned()) }
}

/// Whether a spelling is of a type that every server has, with or without modifier and array brackets.
pub(super) fn is_built_in(spelled: &str) -> bool {
    let element = spelled.trim_end_matches("[]");
    let name = match (element.find('('), element.find(')')) {
        (Some(open), Some(close)) if open < close => {
            let (before, after) = (element.get(..open), element.get(close + 1..));
            format!("{}{}", before.unwrap_or_default(), after.unwrap_or_default())
        }
        _ => element.to_owned(),
    };
    BUILT_IN.binary_search(&name.as_str()).is_ok() || name == "interval" || name.starts_with("interval ")
}

/// Whether a target type may stand in a statement: a name with modifier and brackets, nothing that could end it. The server
/// has the last word on whether it is a type at all.
pub(super) fn is_type_spelling(spelled: &str) -> bool {
    let mut quoted = false;
    let plain = spelled.chars().all(|letter| {
        if letter == '"' {
            quoted = !quoted;
            return true;
        }
        quoted || letter.is_alphanumeric() || matches!(letter, '_' | ' ' | '.' | ',' | '(' | ')' | '[' | ']' | '-')
    });
    plain && !quoted && !spelled.trim().is_empty() && !spelled.contains('\0') && !spelled.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_types_are_known_with_modifiers_and_brackets() {
        assert!(BUILT_IN.is_sorted());
        for spelled in [
            "timestamp(3) without time zone",
            "numeric(12,2)",
            "integer[]",
            "character varying(5)[]",
            "interval day to second(3)",
            "interval(2)",
            "\"char\"",
        ] {
            assert!(is_built_in(spelled), "{spelled}");
        }
        for spelled in ["public.mood", "public.hstore", "mood", "public.\"A(b)\""] {
            assert!(!is_built_in(spelled), "{spelled}");
        }
    }

    #[test]
    fn a_type_spelling_cannot_end_its_statement() {
        for spelled in ["decimal(18,4)", "numeric(3,-2)", "public.\"My;Type\"", "timestamp(3) with time zone", "int[]"]
        {
            assert!(is_type_spelling(spelled), "{spelled}");
        }
        for spelled in ["int; drop table x", "int -- x", "int'", "", "\"a", "int /* x */"] {
            assert!(!is_type_spelling(spelled), "{spelled}");
        }
    }

    #[test]
    fn types_of_other_families_land_by_meaning() {
        let land = |logical| land(&ColumnType::new(logical, "sqlite", "whatever"));
        assert_eq!(land(LogicalType::UInt64).target_type, "numeric(20,0)");
        assert_eq!(land(LogicalType::Json).target_type, "json");
        assert_eq!(land(LogicalType::Decimal { precision: 5, scale: -3 }).target_type, "numeric(8,0)");
        assert_eq!(land(LogicalType::Array).fidelity, Fidelity::Lossless);
    }
}
