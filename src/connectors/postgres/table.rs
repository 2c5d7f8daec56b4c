//! The table that is written to: made, widened, and matched with the columns that come.

use std::collections::HashMap;

use super::catalog::{self, PgColumn, Relation};
use super::codec::encode::{Encoding, encodes};
use super::connect::Session;
use super::data_type::{PgType, Wire};
use super::failure::failure;
use super::land::{is_type_spelling, land};
use super::sql::{check_name, quote, quoted_list};
use super::state::our_name;
use crate::connectors::{
    ColumnType, ConnectorError, ErrorKind, Fidelity, LogicalType, TargetColumn, WriteMode, WriteRequest,
};

/// How one column travels to the table.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) encoding: Encoding,
    /// The type that it has in the table.
    pub(super) standing: PgType,
    /// Its type in the staging area, when it goes through one.
    pub(super) stage_type: String,
    /// What is selected from the staging area.
    pub(super) expression: String,
    /// Whether it can go straight into the table.
    pub(super) direct: bool,
}

/// Names that the server would cut or refuse.
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
    ConnectorError::new(ErrorKind::BadData, message)
        .advise("Name a PostgreSQL type, with its schema if it is your own.")
}

/// The server's number for each target type asked for.
pub(super) async fn resolve_types(
    session: &Session,
    columns: &[TargetColumn],
) -> Result<HashMap<String, u32>, ConnectorError> {
    let mut known = HashMap::new();
    for column in columns {
        if known.contains_key(&column.target_type) {
            continue;
        }
        let oid: u32 = session
            .query_one("select $1::text::regtype::oid", &[&column.target_type])
            .await
            .map_err(|error| match error.code() {
                Some(_) => unknown_type(column).because(error),
                None => failure("Looking up the target's types failed", error),
            })?
            .get(0);
        known.insert(column.target_type.clone(), oid);
    }
    Ok(known)
}

/// The statement that makes a table with these columns.
pub(super) fn create(table: &str, columns: &[TargetColumn]) -> String {
    let columns = columns
        .iter()
        .map(|column| format!("{} {}", quote(&column.column.name), column.target_type))
        .collect::<Vec<_>>()
        .join(", ");
    format!("create table {table} ({columns})")
}

/// The statement that makes the index which a merge goes by.
pub(super) fn create_key(table: &str, target: &str, key: &[String]) -> String {
    let name = our_name("key", &format!("{target}\0{}", key.join("\0")));
    format!("create unique index {} on {table} ({})", quote(&name), quoted_list(key.iter().map(String::as_str)))
}

/// Adds the columns that an existing table lacks. Answers its columns as they are then.
pub(super) async fn widen(
    session: &Session,
    relation: &Relation,
    table: &str,
    columns: &[TargetColumn],
) -> Result<Vec<PgColumn>, ConnectorError> {
    let standing = catalog::all_columns(session, relation).await?;
    let missing: Vec<String> = columns
        .iter()
        .filter(|column| !standing.iter().any(|found| found.name == column.column.name))
        .map(|column| format!("add column {} {}", quote(&column.column.name), column.target_type))
        .collect();
    if missing.is_empty() {
        return Ok(standing);
    }
    session
        .batch_execute(&format!("alter table {table} {}", missing.join(", ")))
        .await
        .map_err(|error| failure(format!("Adding columns to `{}` failed", relation.summary.stream), error))?;
    catalog::all_columns(session, relation).await
}

/// Matches the columns that come with those that stand.
pub(super) fn lanes(
    target: &str,
    columns: &[TargetColumn],
    types: &HashMap<String, u32>,
    standing: &[PgColumn],
) -> Result<Vec<Lane>, ConnectorError> {
    columns
        .iter()
        .map(|column| {
            let name = &column.column.name;
            let found = standing.iter().find(|found| found.name == *name).ok_or_else(|| {
                ConnectorError::new(ErrorKind::NotFound, format!("`{target}` lost its column `{name}`."))
            })?;
            if found.generated {
                let message =
                    format!("Column `{name}` of `{target}` is computed by the database and cannot be written.");
                return Err(ConnectorError::new(ErrorKind::BadData, message)
                    .advise(format!("Exclude `{name}` in the plan, or rename it.")));
            }
            lane(column, found, types.get(&column.target_type).copied()).ok_or_else(|| {
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

fn lane(column: &TargetColumn, standing: &PgColumn, asked: Option<u32>) -> Option<Lane> {
    let logical = &column.column.data_type.logical;
    // A type that the plan asked for, and not this connector: whoever wrote it accepts what the cast does.
    let landing = land(&column.column.data_type);
    let cast_by_plan = column.target_type != landing.target_type;
    let same_type = asked == Some(standing.data_type.oid);
    let may_round = same_type && (cast_by_plan || landing.fidelity == Fidelity::Lossy);
    let name = quote(&standing.name);
    if let Some(wire) = standing.data_type.wire()
        && encodes(logical, wire)
    {
        return Some(Lane {
            name: standing.name.clone(),
            encoding: Encoding { wire, may_round },
            standing: standing.data_type.clone(),
            stage_type: standing.data_type.bare.clone(),
            expression: name,
            direct: true,
        });
    }
    let (stage_type, wire) = stage(logical);
    let as_text = matches!(standing.data_type.wire(), Some(Wire::Text(_))) && standing.data_type.form != 'e';
    if !same_type && !as_text {
        return None;
    }
    // Without its modifier: a cast to `varchar(5)` cuts in silence, where an assignment refuses.
    let cast = if as_text { "text" } else { &standing.data_type.bare };
    Some(Lane {
        name: standing.name.clone(),
        encoding: Encoding { wire, may_round: false },
        standing: standing.data_type.clone(),
        stage_type,
        expression: format!("{name}::{cast}"),
        direct: false,
    })
}

/// The type that holds every value of this meaning on its way to a cast.
fn stage(logical: &LogicalType) -> (String, Wire) {
    let spelled = land(&ColumnType::new(logical.clone(), "", "")).target_type;
    let wire = match logical {
        LogicalType::Boolean => Wire::Bool,
        LogicalType::Int8 | LogicalType::UInt8 | LogicalType::Int16 => Wire::Int2,
        LogicalType::UInt16 | LogicalType::Int32 => Wire::Int4,
        LogicalType::UInt32 | LogicalType::Int64 => Wire::Int8,
        LogicalType::UInt64 => Wire::Numeric(Some((20, 0))),
        LogicalType::Float32 => Wire::Float4,
        LogicalType::Float64 => Wire::Float8,
        LogicalType::Decimal { .. } | LogicalType::Numeric => return ("numeric".to_owned(), Wire::Numeric(None)),
        LogicalType::Binary => Wire::Bytea,
        LogicalType::Date => Wire::Date,
        LogicalType::Time => Wire::Time(6),
        LogicalType::Timestamp { zoned, .. } => Wire::Timestamp { zoned: *zoned, digits: 6 },
        LogicalType::Text
        | LogicalType::Uuid
        | LogicalType::Json
        | LogicalType::Interval
        | LogicalType::Enum
        | LogicalType::Array
        | LogicalType::Other => return ("text".to_owned(), Wire::Text(None)),
    };
    (spelled, wire)
}
