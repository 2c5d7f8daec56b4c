//! The table that is written to: made, widened, and matched with the columns that come.

use super::catalog::{self, MyColumn, Relation};
use super::connect::Session;
use super::data_type::MyType;
use super::encode::Check;
use super::failure::failure;
use super::land::{is_type_spelling, land};
use super::sql::{check_name, quote, quoted_list};
use crate::connectors::{ConnectorError, ErrorKind, Fidelity, LogicalType, TargetColumn, WriteMode, WriteRequest};

/// How one column travels to the table.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// As the table spells it.
    pub(super) name: String,
    pub(super) standing: MyType,
    /// What a value must meet beyond what the server itself refuses.
    pub(super) check: Check,
}

impl Lane {
    /// Whether a file can carry its values: all of a file is bytes, which some types take for something else.
    pub(super) fn suits_file(&self) -> bool {
        let plain_charset = self.standing.charset.as_deref().is_none_or(|charset| charset == "utf8mb4");
        plain_charset && !matches!(self.standing.name.as_str(), "bit" | "json" | "uuid" | "inet4" | "inet6" | "vector")
    }

    /// Its type with its character set, nullable, for a staging table of the session's own.
    pub(super) fn declared(&self) -> String {
        let charset = match (&self.standing.charset, &self.standing.collation) {
            (Some(charset), Some(collation)) => format!(" character set {charset} collate {collation}"),
            _ => String::new(),
        };
        format!("{} {}{charset} null", quote(&self.name), self.standing.spelled)
    }
}

/// Names that the server would refuse, types that could be something else.
pub(super) fn check_names(namespace: &str, request: &WriteRequest) -> Result<(), ConnectorError> {
    check_name(namespace)?;
    check_name(&request.target.name)?;
    for column in &request.columns {
        check_name(&column.column.name)?;
        if !is_type_spelling(&column.target_type) {
            return Err(unknown_type(column));
        }
    }
    if let WriteMode::Merge { key, .. } = &request.mode {
        for name in key {
            if !request.columns.iter().any(|column| column.column.name == *name) {
                let message = format!("The key column `{name}` is not among the columns of `{}`.", request.target);
                return Err(ConnectorError::new(ErrorKind::Bug, message));
            }
        }
        if key.is_empty() {
            return Err(ConnectorError::new(ErrorKind::Bug, "A merge was asked for without a key."));
        }
    }
    Ok(())
}

fn unknown_type(column: &TargetColumn) -> ConnectorError {
    let message = format!(
        "The target type `{}` of column `{}` is not one that this server knows.",
        column.target_type, column.column.name
    );
    ConnectorError::new(ErrorKind::BadData, message).advise("Name a MySQL type, such as `decimal(18,4)`.")
}

/// Whether two names are one to the server.
pub(super) fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Bytes that the key of an index holds.
const KEY_BYTES: u32 = 3072;

/// The statement that makes a table with these columns, and a primary key where rows are merged by one.
pub(super) fn create(
    session: &Session,
    table: &str,
    columns: &[TargetColumn],
    key: &[String],
) -> Result<String, ConnectorError> {
    let is_key = |column: &TargetColumn| key.contains(&column.column.name);
    let texts = u32::try_from(columns.iter().filter(|column| is_key(column) && is_long(column)).count()).unwrap_or(1);
    let fixed: u32 = columns.iter().filter(|column| is_key(column)).map(|column| key_bytes(&column.target_type)).sum();
    let budget = KEY_BYTES.saturating_sub(fixed) / texts.max(1);
    let mut declared = columns
        .iter()
        .map(|column| {
            let name = quote(&column.column.name);
            if !is_key(column) {
                return Ok(format!("{name} {} null", column.target_type));
            }
            Ok(format!("{name} {} not null", key_type(column, budget)?))
        })
        .collect::<Result<Vec<_>, ConnectorError>>()?;
    if !key.is_empty() {
        declared.push(format!("primary key ({})", quoted_list(key.iter().map(String::as_str))));
    }
    Ok(format!(
        "create table {table} ({}) engine = InnoDB default charset utf8mb4 collate {}",
        declared.join(", "),
        session.server.collation()
    ))
}

/// A text or bytes without a length that an index could hold.
fn is_long(column: &TargetColumn) -> bool {
    let parsed = MyType::parse(&column.target_type);
    parsed.name.ends_with("text") || parsed.name.ends_with("blob")
}

/// Bytes of a key column whose length is its type's.
fn key_bytes(target_type: &str) -> u32 {
    let parsed = MyType::parse(target_type);
    match parsed.name.as_str() {
        "char" | "varchar" => parsed.first().unwrap_or(1).saturating_mul(4) + 2,
        "binary" | "varbinary" => parsed.first().unwrap_or(1) + 2,
        "decimal" => 32,
        name if name.ends_with("text") || name.ends_with("blob") => 0,
        _ => 8,
    }
}

/// A key column's type: one that an index holds as a whole. What is longer is refused row by row.
fn key_type(column: &TargetColumn, budget: u32) -> Result<String, ConnectorError> {
    let parsed = MyType::parse(&column.target_type);
    Ok(match parsed.name.as_str() {
        "json" | "geometry" | "point" | "linestring" | "polygon" => {
            let message = format!("Column `{}` is a `{}` and cannot be a key.", column.column.name, parsed.name);
            return Err(ConnectorError::new(ErrorKind::BadData, message).advise("Merge by another key."));
        }
        name if name.ends_with("text") => format!("varchar({})", (budget / 4).saturating_sub(1).clamp(1, 768)),
        name if name.ends_with("blob") => format!("varbinary({})", budget.saturating_sub(2).clamp(1, 3072)),
        _ => column.target_type.clone(),
    })
}

/// Adds the columns that an existing table lacks. Answers its columns as they are then.
pub(super) async fn widen(
    session: &mut Session,
    relation: &Relation,
    columns: &[TargetColumn],
) -> Result<Vec<MyColumn>, ConnectorError> {
    let standing = catalog::all_columns(session, relation).await?;
    let missing: Vec<String> = columns
        .iter()
        .filter(|column| !standing.iter().any(|found| same_name(&found.name, &column.column.name)))
        .map(|column| format!("add column {} {} null", quote(&column.column.name), column.target_type))
        .collect();
    if missing.is_empty() {
        return Ok(standing);
    }
    session
        .run(&format!("alter table {} {}", relation.quoted(), missing.join(", ")))
        .await
        .map_err(|error| failure(format!("Adding columns to `{}` failed", relation.summary.stream), error))?;
    catalog::all_columns(session, relation).await
}

/// Matches the columns that come with those that stand.
pub(super) fn lanes(
    target: &str,
    columns: &[TargetColumn],
    standing: &[MyColumn],
) -> Result<Vec<Lane>, ConnectorError> {
    columns
        .iter()
        .map(|column| {
            let name = &column.column.name;
            let found = standing.iter().find(|found| same_name(&found.name, name)).ok_or_else(|| {
                ConnectorError::new(ErrorKind::NotFound, format!("`{target}` lost its column `{name}`."))
            })?;
            if found.generated {
                let message =
                    format!("Column `{name}` of `{target}` is computed by the database and cannot be written.");
                return Err(ConnectorError::new(ErrorKind::BadData, message)
                    .advise(format!("Exclude `{name}` in the plan, or rename it.")));
            }
            lane(column, found).ok_or_else(|| {
                let message = format!(
                    "Column `{name}` of `{target}` has the type `{}`, which does not hold `{}` without loss.",
                    found.data_type.spelled, column.target_type
                );
                ConnectorError::new(ErrorKind::BadData, message).advise(format!(
                    "Rename `{name}` in the plan, cast it to `{}` there, or alter the table.",
                    found.data_type.spelled
                ))
            })
        })
        .collect()
}

fn lane(column: &TargetColumn, found: &MyColumn) -> Option<Lane> {
    let logical = &column.column.data_type.logical;
    // A type that the plan asked for, and not this connector: whoever wrote it accepts what the cast does.
    let landing = land(&column.column.data_type);
    let asked = MyType::parse(&column.target_type);
    let same_type = is_same(&asked, &found.data_type);
    let cast_by_plan = column.target_type != landing.target_type;
    let may_round = same_type && (cast_by_plan || landing.fidelity == Fidelity::Lossy);
    (same_type || holds(logical, &found.data_type)).then(|| Lane {
        name: found.name.clone(),
        standing: found.data_type.clone(),
        check: Check::new(&found.data_type, found.fills_null, may_round),
    })
}

/// The same type, whatever width a server shows it with.
pub(super) fn is_same(one: &MyType, other: &MyType) -> bool {
    let wide = |kind: &MyType| match kind.name.as_str() {
        "tinyint" if kind.is_boolean() => vec![1],
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "integer" => Vec::new(),
        _ => kind.numbers.clone(),
    };
    let name = |kind: &MyType| match kind.name.as_str() {
        "integer" => "int".to_owned(),
        "numeric" | "dec" => "decimal".to_owned(),
        "bool" | "boolean" => "tinyint".to_owned(),
        "json" => "longtext".to_owned(),
        _ => kind.name.clone(),
    };
    let listed = matches!(one.name.as_str(), "enum" | "set");
    name(one) == name(other)
        && one.unsigned == other.unsigned
        && (wide(one) == wide(other) || one.name.starts_with("bool"))
        && (!listed || one.spelled == other.spelled)
}

/// Whether a type takes values of this meaning as they are, or the server or a [`Check`] refuses them.
fn holds(logical: &LogicalType, standing: &MyType) -> bool {
    let name = standing.name.as_str();
    let whole = matches!(name, "tinyint" | "smallint" | "mediumint" | "int" | "bigint");
    match logical {
        LogicalType::Boolean => whole || name == "bit",
        LogicalType::Int8 | LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64 => whole || name == "decimal",
        LogicalType::UInt8 | LogicalType::UInt16 | LogicalType::UInt32 | LogicalType::UInt64 => {
            whole || name == "decimal" || name == "bit"
        }
        LogicalType::Float32 => matches!(name, "float" | "double"),
        LogicalType::Float64 => name == "double",
        LogicalType::Decimal { scale, .. } => name == "decimal" || standing.is_text() || (whole && *scale <= 0),
        LogicalType::Numeric => name == "decimal" || standing.is_text(),
        LogicalType::Binary => standing.is_binary(),
        LogicalType::Date => name == "date",
        LogicalType::Time => name == "time",
        LogicalType::Timestamp { zoned, .. } => name == "datetime" || (*zoned && name == "timestamp"),
        LogicalType::Interval if name == "time" => true,
        LogicalType::Uuid if name == "uuid" => true,
        LogicalType::Enum if name == "enum" => true,
        LogicalType::Json if name == "json" => true,
        LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Json
        | LogicalType::Interval
        | LogicalType::Enum
        | LogicalType::Array
        | LogicalType::Other => standing.is_text() && !standing.checked_json,
    }
}
