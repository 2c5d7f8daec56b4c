//! Types as systems spell them, read into what they mean, and spelled again for another system.

use crate::connectors::{ColumnType, Fidelity, Landing, LogicalType, Unit};

/// What a type means, whoever spells it.
pub(super) fn logical(spelled: &str) -> LogicalType {
    let lower = spelled.trim().to_lowercase();
    let (base, digits) = match lower.split_once('(') {
        Some((base, rest)) => (format!("{}{}", base.trim(), rest.split_once(')').map_or("", |(_, tail)| tail)), rest.split(')').next().map(str::to_owned)),
        None => (lower.clone(), None),
    };
    let base = base.trim().trim_end_matches(" not null").trim();
    let unsigned = base.contains("unsigned");
    let name = base.replace(" unsigned", "").replace(" zerofill", "");
    let numbers: Vec<i16> = digits.iter().flat_map(|digits| digits.split(',')).filter_map(|part| part.trim().parse().ok()).collect();
    if name.ends_with("[]") || name.starts_with("array") {
        return LogicalType::Array;
    }
    match name.as_str() {
        "boolean" | "bool" | "bit" => LogicalType::Boolean,
        "tinyint" if numbers.first() == Some(&1) => LogicalType::Boolean,
        "tinyint" | "int8_t" => if unsigned { LogicalType::UInt8 } else { LogicalType::Int8 },
        "smallint" | "int2" | "smallserial" | "year" | "int16" => if unsigned { LogicalType::UInt16 } else { LogicalType::Int16 },
        "integer" | "int" | "int4" | "serial" | "mediumint" | "int32" => if unsigned { LogicalType::UInt32 } else { LogicalType::Int32 },
        "bigint" | "int8" | "bigserial" | "int64" | "long" => if unsigned { LogicalType::UInt64 } else { LogicalType::Int64 },
        "uint8" => LogicalType::UInt8,
        "uint16" => LogicalType::UInt16,
        "uint32" => LogicalType::UInt32,
        "uint64" => LogicalType::UInt64,
        "real" | "float4" | "float32" => LogicalType::Float32,
        "double precision" | "double" | "float8" | "float" | "float64" => LogicalType::Float64,
        "numeric" | "decimal" | "number" | "dec" => decimal(&numbers),
        "money" | "smallmoney" => LogicalType::Decimal { precision: 19, scale: 4 },
        "bignumeric" => LogicalType::Decimal { precision: 76, scale: 38 },
        "uuid" | "uniqueidentifier" | "guid" => LogicalType::Uuid,
        "json" | "jsonb" | "variant" | "super" | "object" | "struct" | "record" | "map" => LogicalType::Json,
        "date" | "date32" => LogicalType::Date,
        "time" | "time without time zone" => LogicalType::Time,
        "interval" => LogicalType::Interval,
        "bytea" | "blob" | "binary" | "varbinary" | "bytes" | "longblob" | "mediumblob" | "tinyblob" | "image" => LogicalType::Binary,
        "enum" | "set" => LogicalType::Enum,
        "array" => LogicalType::Array,
        name if name.starts_with("timestamptz") || name.contains("with time zone") || name.starts_with("timestamp_tz") || name.starts_with("timestamp_ltz") || name == "datetimeoffset" => stamp(true),
        name if name.starts_with("timestamp") || name.starts_with("datetime") || name == "smalldatetime" || name == "isodate" => stamp(false),
        name if name.contains("char") || name.contains("text") || name.starts_with("string") || matches!(name, "clob" | "citext" | "name" | "objectid" | "inet" | "cidr" | "xml" | "email" | "url") => LogicalType::Text,
        _ => LogicalType::Other,
    }
}

fn decimal(numbers: &[i16]) -> LogicalType {
    match numbers {
        [] => LogicalType::Numeric,
        [precision] => LogicalType::Decimal { precision: u8::try_from(*precision).unwrap_or(38).clamp(1, 76), scale: 0 },
        [precision, scale, ..] => LogicalType::Decimal { precision: u8::try_from(*precision).unwrap_or(38).clamp(1, 76), scale: i8::try_from(*scale).unwrap_or(0) },
    }
}

fn stamp(zoned: bool) -> LogicalType {
    LogicalType::Timestamp { unit: Unit::Microsecond, zoned }
}

/// How a type is stored by a system of this family: exactly within the family, otherwise in a form that keeps every value.
pub(super) fn land(column: &ColumnType, family: &str) -> Landing {
    if column.family == family {
        return Landing { target_type: column.spelled.clone(), fidelity: Fidelity::Exact, note: None };
    }
    let target_type = match &column.logical {
        LogicalType::Boolean => "boolean".to_owned(),
        LogicalType::Int8 | LogicalType::Int16 | LogicalType::Int32 | LogicalType::UInt8 | LogicalType::UInt16 => "integer".to_owned(),
        LogicalType::Int64 | LogicalType::UInt32 => "bigint".to_owned(),
        LogicalType::UInt64 => "decimal(20,0)".to_owned(),
        LogicalType::Float32 | LogicalType::Float64 => "double".to_owned(),
        LogicalType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        LogicalType::Date => "date".to_owned(),
        LogicalType::Time => "time".to_owned(),
        LogicalType::Timestamp { zoned: true, .. } => "timestamp with time zone".to_owned(),
        LogicalType::Timestamp { .. } => "timestamp".to_owned(),
        LogicalType::Binary => "binary".to_owned(),
        LogicalType::Json => "json".to_owned(),
        LogicalType::Numeric | LogicalType::Text | LogicalType::Uuid | LogicalType::Interval | LogicalType::Enum | LogicalType::Array | LogicalType::Other => "text".to_owned(),
    };
    Landing { target_type, fidelity: Fidelity::Lossless, note: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_several_systems_are_read() {
        let cases = [
            ("bigint", LogicalType::Int64),
            ("int unsigned", LogicalType::UInt32),
            ("character(2)", LogicalType::Text),
            ("numeric(12,2)", LogicalType::Decimal { precision: 12, scale: 2 }),
            ("NUMBER(38,0)", LogicalType::Decimal { precision: 38, scale: 0 }),
            ("tinyint(1)", LogicalType::Boolean),
            ("timestamp(6) with time zone", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: true }),
            ("timestamp without time zone", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false }),
            ("datetime2(7)", LogicalType::Timestamp { unit: Unit::Microsecond, zoned: false }),
            ("nvarchar(max)", LogicalType::Text),
            ("text[]", LogicalType::Array),
            ("geography", LogicalType::Other),
        ];
        for (spelled, expected) in cases {
            assert_eq!(logical(spelled), expected, "{spelled}");
        }
    }
}
