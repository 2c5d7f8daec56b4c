//! Measurements of a stream, bounded: of large tables a part is looked at, and every statement has a time limit.

use super::Config;
use super::catalog::{self, MyColumn, Relation};
use super::connect::Session;
use super::cursor::Order;
use super::failure::{code, failure};
use super::incremental::unordered;
use super::sql::as_bytes;
use crate::connectors::{CdcReadiness, ConnectorError, CursorProfile, ErrorKind, KeyProfile, LogicalType};

/// Of tables with more rows than this, a part is measured.
const SAMPLE_ABOVE: u64 = 2_000_000;
/// Rows of that part.
const SAMPLE_ROWS: u64 = 500_000;

/// What to select from, and whether it is a part of the table.
struct Measured {
    from: String,
    sampled: bool,
}

fn measured(relation: &Relation, list: &str, sampled: bool) -> Measured {
    let table = relation.quoted();
    let from = if sampled {
        format!("(select {list} from {table} limit {SAMPLE_ROWS}) s")
    } else {
        format!("(select {list} from {table}) s")
    };
    Measured { from, sampled }
}

fn is_large(relation: &Relation) -> bool {
    relation.summary.rows.is_some_and(|rows| rows > SAMPLE_ABOVE)
}

/// Whether the server stopped a question for its time.
fn took_too_long<T>(outcome: &Result<T, mysql_async::Error>) -> bool {
    matches!(outcome, Err(error) if matches!(code(error), Some(1317 | 1969 | 3024)))
}

/// Texts are told apart by their bytes.
fn told_apart(column: &MyColumn, config: &Config) -> String {
    let name = column.data_type.projection(&column.name);
    match column.data_type.logical(config) {
        LogicalType::Text | LogicalType::Enum | LogicalType::Uuid | LogicalType::Json => as_bytes(&name),
        _ => name,
    }
}

/// Rows, NULLs among them, distinct values.
type Counts = (u64, u64, u64);

pub(super) async fn cursor(
    session: &mut Session,
    config: &Config,
    stream: &str,
    column: &str,
) -> Result<CursorProfile, ConnectorError> {
    let relation = catalog::readable(session, stream).await?;
    let columns = catalog::columns(session, &relation).await?;
    let Some(found) = columns.iter().find(|found| found.name == column) else {
        return Err(ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{column}`.")));
    };
    let order = Order::of(found, &found.data_type.logical(config)).ok_or_else(|| unordered(found))?;
    let doing = |error| failure(format!("Measuring `{column}` of `{stream}` failed"), error);
    let expression = &order.expression;
    let list = format!("{expression} as v");
    let mut part = measured(&relation, &list, is_large(&relation));
    let question =
        |part: &Measured| format!("select count(*), count(*) - count(v), count(distinct v) from {}", part.from);
    let mut row = session.first::<Counts, _>(&question(&part), ()).await;
    if !part.sampled && took_too_long(&row) {
        part = measured(&relation, &list, true);
        row = session.first(&question(&part), ()).await;
    }
    let (rows, nulls, distinct) = row.map_err(doing)?.unwrap_or_default();
    // An index finds the extremes of the whole table at once.
    let whole = measured(&relation, &list, false);
    let extremes_of = if found.indexed && !found.data_type.is_text() { &whole } else { &part };
    let mut extremes = Vec::new();
    for direction in ["asc", "desc"] {
        let query = format!(
            "select cast(v as char) from {} where not (v <=> null) order by v {direction} limit 1",
            extremes_of.from
        );
        extremes.push(session.first::<Option<String>, _>(&query, ()).await.map_err(doing)?.flatten());
    }
    let maximum = extremes.pop().flatten();
    Ok(CursorProfile {
        column: column.to_owned(),
        rows,
        sampled: part.sampled,
        nulls,
        distinct: Some(distinct),
        indexed: found.indexed,
        minimum: extremes.pop().flatten(),
        maximum,
    })
}

pub(super) async fn key(
    session: &mut Session,
    config: &Config,
    stream: &str,
    names: &[String],
) -> Result<KeyProfile, ConnectorError> {
    let relation = catalog::readable(session, stream).await?;
    let columns = catalog::columns(session, &relation).await?;
    let mut of_key = Vec::new();
    for name in names {
        let found = columns.iter().find(|column| column.name == *name);
        of_key.push(
            found.ok_or_else(|| {
                ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{name}`."))
            })?,
        );
    }
    let mut profile = KeyProfile {
        columns: names.to_vec(),
        rows: relation.summary.rows.unwrap_or_default(),
        sampled: false,
        nulls: 0,
        duplicates: 0,
        enforced: false,
    };
    let unique = catalog::unique_keys(session, &relation).await?;
    let enforced = |key: &catalog::UniqueKey| key.columns.iter().all(|column| names.contains(column));
    if of_key.iter().all(|column| !column.nullable) && unique.iter().any(enforced) {
        profile.enforced = true;
        return Ok(profile);
    }
    if names.is_empty() {
        return Err(ConnectorError::new(ErrorKind::Bug, "A key without columns was to be measured."));
    }
    let list = of_key.iter().enumerate().map(|(place, column)| format!("{} as k{place}", told_apart(column, config)));
    let list = list.collect::<Vec<_>>().join(", ");
    let keys: Vec<String> = (0..of_key.len()).map(|place| format!("k{place}")).collect();
    let null = keys.iter().map(|key| format!("{key} <=> null")).collect::<Vec<_>>().join(" or ");
    let question = |part: &Measured| {
        format!(
            "select cast(coalesce(sum(n), 0) as unsigned), cast(coalesce(sum(if(missing, n, 0)), 0) as unsigned), \
             cast(coalesce(sum(if(missing, 0, n - 1)), 0) as unsigned) \
             from (select count(*) as n, ({null}) as missing from {} group by {}) g",
            part.from,
            keys.join(", ")
        )
    };
    let mut part = measured(&relation, &list, is_large(&relation));
    let mut row = session.first::<(u64, u64, u64), _>(&question(&part), ()).await;
    if !part.sampled && took_too_long(&row) {
        part = measured(&relation, &list, true);
        row = session.first(&question(&part), ()).await;
    }
    let row = row.map_err(|error| failure(format!("Measuring a key of `{stream}` failed"), error))?;
    (profile.rows, profile.nulls, profile.duplicates) = row.unwrap_or_default();
    profile.sampled = part.sampled;
    Ok(profile)
}

/// What stands in the way of reading the log. The server's own part is told, so that it can be prepared.
pub(super) async fn cdc(session: &mut Session, stream: &str) -> Result<CdcReadiness, ConnectorError> {
    catalog::readable(session, stream).await?;
    let question = "select @@log_bin, @@binlog_format = 'ROW', @@binlog_row_image = 'FULL'";
    let told: Option<(u8, u8, u8)> = session
        .first(question, ())
        .await
        .map_err(|error| failure(format!("Asking how `{stream}` is logged failed"), error))?;
    let (logs, by_row, whole) = told.unwrap_or_default();
    let obstacles = [
        (logs != 0, "the server keeps no binary log"),
        (by_row != 0, "`binlog_format` is not `ROW`"),
        (whole != 0, "`binlog_row_image` is not `FULL`"),
        (false, "this version does not read MySQL's log yet"),
    ];
    let reasons: Vec<&str> = obstacles.iter().filter(|(met, _)| !met).map(|(_, reason)| *reason).collect();
    Ok(CdcReadiness { ready: reasons.is_empty(), reason: Some(format!("{}.", reasons.join("; "))), retained_log: None })
}
