//! Column types as many systems spell them, read generously: what a file does not say exactly is taken for the usual.

use crate::connectors::{LogicalType, Unit};

/// What values of this type mean in a system of this connector. A word that nobody knows is [`LogicalType::Other`].
pub(super) fn logical(connector: &str, spelled: &str) -> LogicalType {
    let text = spelled.trim().to_lowercase();
    if text.ends_with("[]") || text.starts_with("array") || text.starts_with("list") {
        return LogicalType::Array;
    }
    for wrapper in ["nullable(", "lowcardinality("] {
        if let Some(inner) = text.strip_prefix(wrapper).and_then(|rest| rest.strip_suffix(')')) {
            return logical(connector, inner);
        }
    }
    let (head, rest) = text.split_once('(').unwrap_or((text.as_str(), ""));
    let (inside, tail) = rest.rsplit_once(')').unwrap_or(("", rest));
    let arguments: Vec<u8> = inside.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    let words = format!("{head} {tail}");
    let words: Vec<&str> = words.split_whitespace().collect();
    let unsigned = words.contains(&"unsigned");
    let name = words.iter().copied().filter(|word| *word != "unsigned").collect::<Vec<_>>().join(" ");
    whole(connector, &name, &arguments, unsigned)
        .or_else(|| fraction(connector, &name, &arguments))
        .or_else(|| moment(connector, &name))
        .unwrap_or_else(|| words_and_bytes(connector, &name))
}

fn whole(connector: &str, name: &str, arguments: &[u8], unsigned: bool) -> Option<LogicalType> {
    use LogicalType::{Boolean, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    let sign = |signed: LogicalType, other: LogicalType| if unsigned { other } else { signed };
    // "int8" counts bytes in PostgreSQL and its kin, bits in ClickHouse.
    let bits = connector == "clickhouse";
    Some(match name {
        "bool" | "boolean" | "checkbox" => Boolean,
        "bit" if arguments.first().is_none_or(|length| *length <= 1) => Boolean,
        "tinyint" if arguments == [1] => Boolean,
        "tinyint" if connector == "mssql" => UInt8,
        "tinyint" | "byteint" => sign(Int8, UInt8),
        "int8" if bits => Int8,
        "uint8" | "utinyint" => UInt8,
        "smallint" | "int2" | "int16" | "smallserial" | "short" | "year" => sign(Int16, UInt16),
        "uint16" | "usmallint" => UInt16,
        "int" | "integer" | "int4" | "int32" | "mediumint" | "serial" => sign(Int32, UInt32),
        "uint32" | "uinteger" => UInt32,
        "bigint" | "int8" | "int64" | "bigserial" | "long" => sign(Int64, UInt64),
        "uint64" | "ubigint" => UInt64,
        "hugeint" | "int128" | "uint128" => LogicalType::Decimal { precision: 39, scale: 0 },
        _ => return None,
    })
}

fn fraction(connector: &str, name: &str, arguments: &[u8]) -> Option<LogicalType> {
    use LogicalType::{Decimal, Float32, Float64, Numeric};
    let scale = arguments.get(1).map_or(0, |scale| i8::try_from(*scale).unwrap_or(i8::MAX));
    Some(match name {
        "decimal" | "numeric" | "dec" | "number" | "fixed" => match (arguments.first(), connector) {
            (Some(precision), _) => Decimal { precision: (*precision).clamp(1, 76), scale },
            (None, "mysql" | "mariadb") => Decimal { precision: 10, scale: 0 },
            (None, "mssql" | "redshift") => Decimal { precision: 18, scale: 0 },
            (None, "snowflake") => Decimal { precision: 38, scale: 0 },
            (None, "bigquery") => Decimal { precision: 38, scale: 9 },
            (None, "duckdb") => Decimal { precision: 18, scale: 3 },
            (None, _) => Numeric,
        },
        "bignumeric" | "bigdecimal" => Decimal { precision: 76, scale: 38 },
        "decimal128" => Numeric,
        "money" | "currency" => Decimal { precision: 19, scale: 4 },
        "smallmoney" => Decimal { precision: 10, scale: 4 },
        "real" | "float4" | "float32" if connector != "sqlite" => Float32,
        "float" if arguments.first().is_some_and(|bits| *bits <= 24) => Float32,
        "real" | "float" | "float8" | "float64" | "double" | "double precision" | "binary_double" | "percent" => {
            Float64
        }
        _ => return None,
    })
}

fn moment(connector: &str, name: &str) -> Option<LogicalType> {
    let at = |zoned| LogicalType::Timestamp { unit: Unit::Microsecond, zoned };
    // Systems whose plain `timestamp` is an instant.
    let instant = matches!(connector, "bigquery" | "mysql" | "mariadb" | "databricks" | "iceberg" | "mongodb");
    Some(match name {
        // Oracle's and MongoDB's dates carry a time of day.
        "date" if connector == "oracle" => at(false),
        "date" if connector == "mongodb" => at(true),
        "date" | "date32" => LogicalType::Date,
        "time" | "time without time zone" | "timetz" | "time with time zone" => LogicalType::Time,
        "timestamptz"
        | "timestamp with time zone"
        | "timestamp with local time zone"
        | "timestamp_tz"
        | "timestamp_ltz"
        | "datetimeoffset"
        | "isodate" => at(true),
        "timestamp" if instant => at(true),
        "timestamp" | "timestamp without time zone" | "timestamp_ntz" | "datetime2" | "smalldatetime" => at(false),
        "datetime" | "datetime64" => at(super::connector::is_service(connector)),
        "interval" => LogicalType::Interval,
        _ => return None,
    })
}

fn words_and_bytes(connector: &str, name: &str) -> LogicalType {
    match name {
        "char" | "character" | "bpchar" | "varchar" | "character varying" | "text" | "string" | "nvarchar"
        | "nchar" | "ntext" | "tinytext" | "mediumtext" | "longtext" | "citext" | "name" | "clob" | "nclob"
        | "varchar2" | "nvarchar2" | "fixedstring" | "sysname" | "xml" | "objectid" | "set" | "bit" | "bit varying"
        | "varbit" => LogicalType::Text,
        "bytea" | "blob" | "binary" | "varbinary" | "tinyblob" | "mediumblob" | "longblob" | "bytes" | "image"
        | "raw" | "bindata" | "rowversion" => LogicalType::Binary,
        "uuid" | "uniqueidentifier" | "guid" => LogicalType::Uuid,
        "json" | "jsonb" | "variant" | "object" | "super" | "struct" | "record" | "map" | "document" => {
            LogicalType::Json
        }
        "enum" => LogicalType::Enum,
        // Fields of services: `email`, `picklist`, `reference`, `url` are all text to whoever reads them.
        _ if super::connector::is_service(connector) => LogicalType::Text,
        _ => LogicalType::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_their_systems_mean_them() {
        let at = |zoned| LogicalType::Timestamp { unit: Unit::Microsecond, zoned };
        let decimal = |precision, scale| LogicalType::Decimal { precision, scale };
        for (connector, spelled, expected) in [
            ("postgres", "bigint", LogicalType::Int64),
            ("postgres", "int8", LogicalType::Int64),
            ("clickhouse", "Int8", LogicalType::Int8),
            ("clickhouse", "Nullable(UInt32)", LogicalType::UInt32),
            ("mysql", "int unsigned", LogicalType::UInt32),
            ("mysql", "int(10) unsigned", LogicalType::UInt32),
            ("mysql", "bigint(20) unsigned", LogicalType::UInt64),
            ("mysql", "tinyint(1)", LogicalType::Boolean),
            ("mysql", "tinyint", LogicalType::Int8),
            ("mssql", "bit", LogicalType::Boolean),
            ("postgres", "character(2)", LogicalType::Text),
            ("postgres", "character varying(120)", LogicalType::Text),
            ("mssql", "nvarchar(max)", LogicalType::Text),
            ("postgres", "numeric(12,2)", decimal(12, 2)),
            ("postgres", "numeric", LogicalType::Numeric),
            ("snowflake", "NUMBER(38,0)", decimal(38, 0)),
            ("snowflake", "VARIANT", LogicalType::Json),
            ("bigquery", "FLOAT64", LogicalType::Float64),
            ("bigquery", "STRING", LogicalType::Text),
            ("bigquery", "TIMESTAMP", at(true)),
            ("bigquery", "DATETIME", at(false)),
            ("postgres", "timestamp without time zone", at(false)),
            ("postgres", "timestamp(6) with time zone", at(true)),
            ("postgres", "timestamptz", at(true)),
            ("mysql", "datetime", at(false)),
            ("mssql", "money", decimal(19, 4)),
            ("postgres", "text[]", LogicalType::Array),
            ("postgres", "bytea", LogicalType::Binary),
            ("postgres", "jsonb", LogicalType::Json),
            ("postgres", "uuid", LogicalType::Uuid),
            ("sqlite", "real", LogicalType::Float64),
            ("postgres", "inet", LogicalType::Other),
            ("salesforce", "picklist", LogicalType::Text),
            ("mysql", "enum('a','b')", LogicalType::Enum),
        ] {
            assert_eq!(logical(connector, spelled), expected, "{connector} {spelled}");
        }
    }

    proptest::proptest! {
        #[test]
        fn foreign_words_never_panic(text in "\\PC{0,24}") {
            let _ = logical("postgres", &text);
        }
    }
}
