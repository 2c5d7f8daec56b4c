//! Measurements of a stream, bounded: large tables are sampled, and every statement has a time limit.

use tokio_postgres::error::SqlState;

use super::Config;
use super::catalog::{self, Relation};
use super::connect::Session;
use super::cursor::Order;
use super::failure::failure;
use super::sql::{qualified, quote};
use crate::connectors::{CdcReadiness, ConnectorError, CursorProfile, ErrorKind, KeyProfile};

/// Tables with more rows than this are sampled.
const SAMPLE_ABOVE: u64 = 2_000_000;
/// Rows that a sample aims at.
const SAMPLE_ROWS: u64 = 500_000;

/// The table, or a part of it: what to select from, and whether it is a part.
struct Measured {
    table: String,
    sampled: bool,
}

fn measured(relation: &Relation, sampled: bool) -> Measured {
    let table = qualified(relation.summary.namespace.as_deref().unwrap_or_default(), &relation.summary.name);
    let rows = relation.summary.rows.unwrap_or_default();
    if !sampled || !can_sample(relation) || rows <= SAMPLE_ROWS {
        return Measured { table, sampled: false };
    }
    #[expect(clippy::cast_precision_loss, reason = "a percentage of an estimate")]
    let percent = SAMPLE_ROWS as f64 * 100.0 / rows as f64;
    // Repeatable, so that what a person saw in a preview is measured alike when the plan is confirmed.
    Measured { table: format!("{table} tablesample system ({percent:.6}) repeatable (42)"), sampled: true }
}

fn can_sample(relation: &Relation) -> bool {
    matches!(relation.kind, 'r' | 'm' | 'p')
}

fn is_large(relation: &Relation) -> bool {
    relation.summary.rows.is_some_and(|rows| rows > SAMPLE_ABOVE)
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

pub(super) async fn cursor(
    session: &Session,
    config: &Config,
    stream: &str,
    column: &str,
) -> Result<CursorProfile, ConnectorError> {
    let relation = catalog::readable(session, stream).await?;
    let columns = catalog::columns(session, &relation).await?;
    let Some(pg) = columns.iter().find(|found| found.name == column) else {
        return Err(ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{column}`.")));
    };
    let order = Order::of(pg, &pg.column(config.numeric_columns).data_type.logical).ok_or_else(|| {
        let message = format!("`{column}` cannot be a cursor: `{}` has no order to go by.", pg.data_type.spelled);
        ConnectorError::new(ErrorKind::Unsupported, message)
    })?;
    let doing = || format!("Measuring `{column}` of `{stream}` failed");
    let name = quote(column);
    let measure = async |part: &Measured| {
        let query = format!("select count(*), count(*) - count({name}), count(distinct {name}) from {}", part.table);
        session.query_one(&query, &[]).await
    };
    let mut part = measured(&relation, is_large(&relation));
    let mut row = measure(&part).await;
    if !part.sampled && took_too_long(&row) && can_sample(&relation) {
        part = measured(&relation, true);
        row = measure(&part).await;
    }
    let row = row.map_err(|error| failure(doing(), error))?;
    // An index finds the extremes of the whole table at once.
    let whole = measured(&relation, false);
    let extremes_of = if pg.indexed { &whole } else { &part };
    let expression = &order.expression;
    let mut extremes = Vec::new();
    for direction in ["asc", "desc"] {
        let query = format!(
            "select ({expression})::text as _towpath_value from {} where {name} is not null order by {expression} {direction} limit 1",
            extremes_of.table
        );
        let found = session.query_opt(&query, &[]).await.map_err(|error| failure(doing(), error))?;
        extremes.push(found.and_then(|row| row.get::<_, Option<String>>(0)));
    }
    let maximum = extremes.pop().flatten();
    Ok(CursorProfile {
        column: column.to_owned(),
        rows: count(row.get(0)),
        sampled: part.sampled,
        nulls: count(row.get(1)),
        distinct: Some(count(row.get(2))),
        indexed: pg.indexed,
        minimum: extremes.pop().flatten(),
        maximum,
    })
}

fn took_too_long<T>(outcome: &Result<T, tokio_postgres::Error>) -> bool {
    matches!(outcome, Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED))
}

pub(super) async fn key(session: &Session, stream: &str, names: &[String]) -> Result<KeyProfile, ConnectorError> {
    let relation = catalog::readable(session, stream).await?;
    let columns = catalog::columns(session, &relation).await?;
    let mut not_null = true;
    for name in names {
        let Some(column) = columns.iter().find(|column| column.name == *name) else {
            return Err(ConnectorError::new(ErrorKind::NotFound, format!("`{stream}` has no column `{name}`.")));
        };
        not_null &= column.not_null;
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
    if not_null && unique.iter().any(|key| key.columns.iter().all(|column| names.contains(column))) {
        profile.enforced = true;
        return Ok(profile);
    }
    if names.is_empty() {
        return Err(ConnectorError::new(ErrorKind::Bug, "A key without columns was to be measured."));
    }
    let doing = || format!("Measuring a key of `{stream}` failed");
    let list = super::sql::quoted_list(names.iter().map(String::as_str));
    let null = names.iter().map(|name| format!("{} is null", quote(name))).collect::<Vec<_>>().join(" or ");
    let measure = async |part: &Measured| {
        let query = format!(
            "select coalesce(sum(n), 0)::int8, coalesce(sum(n) filter (where missing), 0)::int8, \
             coalesce(sum(n - 1) filter (where not missing), 0)::int8 \
             from (select count(*) as n, ({null}) as missing from {} group by {list}) g",
            part.table
        );
        session.query_one(&query, &[]).await
    };
    let mut part = measured(&relation, is_large(&relation));
    let mut row = measure(&part).await;
    if !part.sampled && took_too_long(&row) && can_sample(&relation) {
        part = measured(&relation, true);
        row = measure(&part).await;
    }
    let row = row.map_err(|error| failure(doing(), error))?;
    profile.rows = count(row.get(0));
    profile.nulls = count(row.get(1));
    profile.duplicates = count(row.get(2));
    profile.sampled = part.sampled;
    Ok(profile)
}

/// What stands in the way of reading the log. The server's own part is told, so that it can be prepared.
pub(super) async fn cdc(session: &Session, stream: &str) -> Result<CdcReadiness, ConnectorError> {
    let relation = catalog::readable(session, stream).await?;
    let row = session
        .query_one(
            "select current_setting('wal_level') = 'logical', \
             (select r.rolreplication or r.rolsuper from pg_roles r where r.rolname = current_user), \
             c.relkind in ('r', 'p') and c.relpersistence = 'p', c.relreplident::text, \
             exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary), \
             (select count(*) from pg_replication_slots) < current_setting('max_replication_slots')::int8 \
             from pg_class c where c.oid = $1",
            &[&relation.oid],
        )
        .await
        .map_err(|error| failure(format!("Asking how `{stream}` is logged failed"), error))?;
    let identity: String = row.get(3);
    let identified = match identity.as_str() {
        "d" => row.get::<_, bool>(4),
        "f" | "i" => true,
        _ => false,
    };
    let obstacles = [
        (row.get::<_, bool>(0), "`wal_level` is not `logical`"),
        (row.get::<_, Option<bool>>(1).unwrap_or(false), "the user lacks the `replication` attribute"),
        (row.get::<_, bool>(2), "only permanent tables are logged"),
        (identified, "the table has no replica identity (a primary key serves)"),
        (row.get::<_, bool>(5), "no replication slot is free"),
        (false, "this version does not read PostgreSQL's log yet"),
    ];
    let reasons: Vec<&str> = obstacles.iter().filter(|(met, _)| !met).map(|(_, reason)| *reason).collect();
    Ok(CdcReadiness { ready: reasons.is_empty(), reason: Some(format!("{}.", reasons.join("; "))), retained_log: None })
}
