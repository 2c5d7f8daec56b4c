//! Casts that a plan may ask for, and from what. Beyond the loss that a cast's note states (floats and decimals of fewer
//! places round), values are never bent: one that does not fit the new type goes to quarantine with its row.

use crate::connectors::{Fidelity, LogicalType, Unit};

/// What to write, for suggestions.
pub(super) const ALLOWED: &str = "text, boolean, smallint, int, bigint, float, double, decimal(precision,scale), date, \
                                  timestamp, timestamptz, json, uuid, binary";

/// Reads a type as plans write it; `None` when it is none.
pub fn parse(text: &str) -> Option<LogicalType> {
    let text = text.trim().to_ascii_lowercase();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let logical = match words.as_str() {
        "text" | "string" | "varchar" => LogicalType::Text,
        "boolean" | "bool" => LogicalType::Boolean,
        "smallint" | "int16" => LogicalType::Int16,
        "int" | "integer" | "int32" => LogicalType::Int32,
        "bigint" | "int64" | "long" => LogicalType::Int64,
        "float" | "real" | "float32" => LogicalType::Float32,
        "double" | "double precision" | "float64" => LogicalType::Float64,
        "date" => LogicalType::Date,
        "timestamp" | "timestamp without time zone" | "datetime" => timestamp(false),
        "timestamptz" | "timestamp with time zone" => timestamp(true),
        "json" | "jsonb" => LogicalType::Json,
        "uuid" => LogicalType::Uuid,
        "binary" | "bytea" | "blob" | "bytes" => LogicalType::Binary,
        other => return decimal(other),
    };
    Some(logical)
}

fn timestamp(zoned: bool) -> LogicalType {
    LogicalType::Timestamp { unit: Unit::Microsecond, zoned }
}

fn decimal(text: &str) -> Option<LogicalType> {
    let digits = text.strip_prefix("decimal").or_else(|| text.strip_prefix("numeric"))?;
    let digits = digits.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',').unwrap_or((digits, "0"));
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: i8 = scale.trim().parse().ok()?;
    let fits = (1..=76).contains(&precision) && scale >= 0 && u8::try_from(scale).ok()? <= precision;
    fits.then_some(LogicalType::Decimal { precision, scale })
}

/// What becomes of values under a cast, and how a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub fidelity: Fidelity,
    pub note: Option<&'static str>,
}

/// Values that do not fit are set aside; those that do are the same.
const SET_ASIDE: &str = "values that do not fit go to quarantine";

/// Decimals of fewer places: the one cast besides floats that rounds.
const ROUNDED: &str = "rounded to the places that the type has; values that do not fit go to quarantine";

/// What a cast from one type to another does; `None` when there is no such cast.
pub fn verdict(from: &LogicalType, to: &LogicalType) -> Option<Verdict> {
    use LogicalType as L;
    let says = |fidelity, note| Some(Verdict { fidelity, note });
    if from == to {
        return says(Fidelity::Exact, None);
    }
    match (from, to) {
        (L::Binary, L::Text) => None,
        (_, L::Text) => says(Fidelity::Lossless, Some("written as text")),
        (L::Text | L::Enum | L::Other, L::Binary) => says(Fidelity::Lossless, Some("the text's UTF-8 bytes")),
        (L::Text | L::Enum | L::Other, L::Decimal { .. }) => says(Fidelity::Lossy, Some(ROUNDED)),
        (L::Text | L::Enum | L::Other, _) => says(Fidelity::Lossless, Some(SET_ASIDE)),
        (L::Array | L::Interval, L::Json) => None,
        (L::Boolean, to) if whole(to).is_some() => says(Fidelity::Lossless, Some("false is 0, true is 1")),
        (from, L::Boolean) if whole(from).is_some() => {
            says(Fidelity::Lossy, Some("0 is false, any other number is true"))
        }
        (from, L::Float32 | L::Float64) if from.is_number() => {
            if exact_in_float(from, to) {
                says(Fidelity::Lossless, None)
            } else {
                says(Fidelity::Lossy, Some("rounded to the nearest value that the type can hold"))
            }
        }
        (from, to) if from.is_number() && (whole(to).is_some() || matches!(to, L::Decimal { .. })) => {
            if widens(from, to) {
                says(Fidelity::Lossless, None)
            } else if rounds(from, to) {
                says(Fidelity::Lossy, Some(ROUNDED))
            } else {
                says(Fidelity::Lossless, Some(SET_ASIDE))
            }
        }
        (L::Timestamp { .. }, L::Date) => says(Fidelity::Lossy, Some("the time of day is dropped")),
        (L::Date, L::Timestamp { .. }) => says(Fidelity::Lossless, Some("at midnight")),
        (L::Timestamp { zoned: false, .. }, L::Timestamp { zoned: true, .. }) => {
            says(Fidelity::Lossless, Some("taken as UTC"))
        }
        (L::Timestamp { zoned: true, .. }, L::Timestamp { zoned: false, .. }) => {
            says(Fidelity::Lossless, Some("written as the UTC reading"))
        }
        (L::Timestamp { unit: Unit::Nanosecond, .. }, L::Timestamp { .. }) => {
            says(Fidelity::Lossy, Some("cut to microseconds"))
        }
        (L::Timestamp { .. }, L::Timestamp { .. }) => says(Fidelity::Lossless, None),
        _ => None,
    }
}

/// Least and greatest bits of a whole-number type: signed, and how many.
fn whole(logical: &LogicalType) -> Option<(bool, u32)> {
    Some(match logical {
        LogicalType::Int8 => (true, 8),
        LogicalType::Int16 => (true, 16),
        LogicalType::Int32 => (true, 32),
        LogicalType::Int64 => (true, 64),
        LogicalType::UInt8 => (false, 8),
        LogicalType::UInt16 => (false, 16),
        LogicalType::UInt32 => (false, 32),
        LogicalType::UInt64 => (false, 64),
        _ => return None,
    })
}

fn exact_in_float(from: &LogicalType, to: &LogicalType) -> bool {
    let bits = if *to == LogicalType::Float32 { 24 } else { 53 };
    match (whole(from), from) {
        (Some((_, width)), _) => width <= bits,
        (None, LogicalType::Float32) => true,
        _ => false,
    }
}

/// Whether a number may have more places than the decimal type keeps.
fn rounds(from: &LogicalType, to: &LogicalType) -> bool {
    let LogicalType::Decimal { scale, .. } = to else { return false };
    match from {
        LogicalType::Decimal { scale: from, .. } => from > scale,
        LogicalType::Float32 | LogicalType::Float64 | LogicalType::Numeric => true,
        _ => false,
    }
}

/// Whether every value of a number type is one of another's.
fn widens(from: &LogicalType, to: &LogicalType) -> bool {
    match (whole(from), whole(to), from, to) {
        (Some((from_signed, from)), Some((to_signed, to)), ..) => match (from_signed, to_signed) {
            (a, b) if a == b => from <= to,
            (false, true) => from < to,
            _ => false,
        },
        (Some((_, bits)), None, _, LogicalType::Decimal { precision, scale }) => {
            let digits = match bits {
                8 => 3,
                16 => 5,
                32 => 10,
                _ => 20,
            };
            i16::from(*precision) - i16::from(*scale) >= digits
        }
        (
            None,
            None,
            LogicalType::Decimal { precision: from_precision, scale: from_scale },
            LogicalType::Decimal { precision, scale },
        ) => {
            scale >= from_scale
                && i16::from(*precision) - i16::from(*scale) >= i16::from(*from_precision) - i16::from(*from_scale)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn types_read_as_people_write_them() {
        assert_eq!(parse("decimal(18,4)"), Some(LogicalType::Decimal { precision: 18, scale: 4 }));
        assert_eq!(parse("NUMERIC( 10 , 2 )"), Some(LogicalType::Decimal { precision: 10, scale: 2 }));
        assert_eq!(parse("double precision"), Some(LogicalType::Float64));
        assert_eq!(parse("timestamp  with time zone"), Some(timestamp(true)));
        for wrong in
            ["decimal", "decimal(0)", "decimal(4,5)", "decimal(77,0)", "decimal(10,-1)", "varchar(20)", "money", ""]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn verdicts_state_the_loss() {
        let decimal = |precision, scale| LogicalType::Decimal { precision, scale };
        let fidelity = |from: &LogicalType, to: &LogicalType| verdict(from, to).map(|verdict| verdict.fidelity);
        assert_eq!(verdict(&LogicalType::Int32, &LogicalType::Int64).unwrap().note, None);
        assert_eq!(verdict(&LogicalType::Int64, &LogicalType::Int32).unwrap().note, Some(SET_ASIDE));
        assert_eq!(verdict(&decimal(12, 2), &decimal(18, 4)).unwrap().note, None);
        assert_eq!(verdict(&decimal(12, 2), &decimal(12, 4)).unwrap().note, Some(SET_ASIDE));
        assert_eq!(verdict(&decimal(12, 4), &decimal(12, 2)).unwrap().note, Some(ROUNDED));
        assert_eq!(fidelity(&LogicalType::Float64, &decimal(12, 2)), Some(Fidelity::Lossy));
        assert_eq!(fidelity(&LogicalType::Float64, &LogicalType::Int64), Some(Fidelity::Lossless));
        assert_eq!(fidelity(&LogicalType::Int32, &LogicalType::Boolean), Some(Fidelity::Lossy));
        assert_eq!(fidelity(&LogicalType::Int64, &LogicalType::Float64), Some(Fidelity::Lossy));
        assert_eq!(fidelity(&LogicalType::Int32, &LogicalType::Float64), Some(Fidelity::Lossless));
        assert_eq!(fidelity(&timestamp(true), &LogicalType::Date), Some(Fidelity::Lossy));
        assert_eq!(fidelity(&LogicalType::Binary, &LogicalType::Text), None);
        assert_eq!(fidelity(&LogicalType::Date, &LogicalType::Int64), None);
        assert_eq!(fidelity(&LogicalType::Uuid, &LogicalType::Date), None);
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC{0,24}") {
            let _ = parse(&text);
        }
    }
}
