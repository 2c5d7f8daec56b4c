//! What SQLite's own tables say about tables and views.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::affinity::{Affinity, affinity, meaning};
use super::{FAMILY, failure, quoted};
use crate::connectors::{Column, ColumnType, ConnectorError, ErrorKind, LogicalType, OUR_PREFIX, StreamSummary};

/// A table or view in full.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) view: bool,
    pub(super) columns: Vec<Column>,
    pub(super) primary_key: Vec<String>,
    /// The name under which the row number can be asked for; `None` for views and tables without one.
    pub(super) rowid: Option<&'static str>,
    pub(super) indexes: Vec<Index>,
}

#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Empty where the index holds an expression.
    pub(super) columns: Vec<String>,
    pub(super) unique: bool,
    pub(super) partial: bool,
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Result<&Column, ConnectorError> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("`{}` has no column `{name}`.", self.name)))
    }

    pub(super) fn affinity(&self, name: &str) -> Affinity {
        let column = self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
        column.map_or(Affinity::Blob, |column| affinity(&column.data_type.spelled))
    }
}

/// Rows that a first look at an undeclared column takes.
const SNIFFED: i64 = 1000;

/// Tables and views that are not SQLite's or ours.
pub(super) fn list(connection: &Connection) -> Result<Vec<StreamSummary>, ConnectorError> {
    let told = failure::of("sqlite_schema");
    let mut statement = connection
        .prepare(
            "select name, type, wr from pragma_table_list where schema = 'main' and type in ('table', 'view', 'virtual') \
             order by name",
        )
        .map_err(told)?;
    let found = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?)))
        .map_err(told)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(told)?;
    let mut streams = Vec::new();
    for (name, kind, without_rowid) in found {
        if name.starts_with("sqlite_") || name.to_ascii_lowercase().starts_with(OUR_PREFIX) {
            continue;
        }
        let rows = if kind == "table" && !without_rowid { highest_rowid(connection, &name) } else { None };
        streams.push(StreamSummary {
            stream: name.clone(),
            namespace: None,
            name,
            rows,
            bytes: None,
            comment: None,
            readable: true,
        });
    }
    Ok(streams)
}

/// The highest row number: found at once, and near the number of rows where few were deleted.
fn highest_rowid(connection: &Connection, name: &str) -> Option<u64> {
    let sql = format!("select coalesce(max(rowid), 0) from {}", quoted(name));
    let highest: i64 = connection.query_row(&sql, [], |row| row.get(0)).ok()?;
    u64::try_from(highest).ok()
}

/// `None` when nothing of that name is there.
pub(super) fn find(connection: &Connection, name: &str) -> Result<Option<Table>, ConnectorError> {
    let told = failure::of(name);
    let head = connection
        .query_row("select type, wr from pragma_table_list where schema = 'main' and name = ?1", [name], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
        })
        .optional()
        .map_err(told)?;
    let Some((kind, without_rowid)) = head else { return Ok(None) };
    let mut table = Table {
        name: name.to_owned(),
        view: kind == "view",
        columns: Vec::new(),
        primary_key: Vec::new(),
        rowid: None,
        indexes: indexes(connection, name)?,
    };
    let mut keys: Vec<(i64, String)> = Vec::new();
    let mut statement = connection
        .prepare(
            "select name, type, \"notnull\", pk, hidden from pragma_table_xinfo(?1) where hidden <> 1 order by cid",
        )
        .map_err(told)?;
    let mut rows = statement.query([name]).map_err(told)?;
    while let Some(row) = rows.next().map_err(told)? {
        let column: String = row.get(0).map_err(told)?;
        let declared: String = row.get::<_, Option<String>>(1).map_err(told)?.unwrap_or_default();
        let not_null: bool = row.get(2).map_err(told)?;
        let key: i64 = row.get(3).map_err(told)?;
        let hidden: i64 = row.get(4).map_err(told)?;
        let logical = match meaning(&declared) {
            Some(logical) => logical,
            None => sniff(connection, name, &column)?,
        };
        if key > 0 {
            keys.push((key, column.clone()));
        }
        let mut described = Column::new(column, ColumnType::new(logical, FAMILY, declared), !not_null);
        described.generated = hidden > 1;
        described.indexed = table.indexes.iter().any(|index| index.columns.first() == Some(&described.name));
        table.columns.push(described);
    }
    keys.sort();
    table.primary_key = keys.into_iter().map(|(_, column)| column).collect();
    if kind == "table" && !without_rowid {
        let free = |name: &&str| !table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        table.rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|name| free(name));
        if let [key] = table.primary_key.as_slice()
            && let Some(column) = table.columns.iter_mut().find(|column| column.name == *key)
            && column.data_type.spelled.eq_ignore_ascii_case("INTEGER")
        {
            // Another name of the row number: never NULL, and the table itself is its index.
            (column.nullable, column.indexed) = (false, true);
        }
    }
    if without_rowid
        && let Some(first) = table.primary_key.first()
        && let Some(column) = table.columns.iter_mut().find(|column| column.name == *first)
    {
        column.indexed = true;
    }
    Ok(Some(table))
}

pub(super) fn load(connection: &Connection, name: &str) -> Result<Table, ConnectorError> {
    find(connection, name)?
        .ok_or_else(|| ConnectorError::new(ErrorKind::NotFound, format!("There is no table or view `{name}`.")))
}

fn indexes(connection: &Connection, table: &str) -> Result<Vec<Index>, ConnectorError> {
    let told = failure::of(table);
    let mut statement =
        connection.prepare("select name, \"unique\", partial from pragma_index_list(?1) order by seq").map_err(told)?;
    let names = statement
        .query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))
        .map_err(told)?
        .collect::<Result<Vec<(String, bool, bool)>, _>>()
        .map_err(told)?;
    let mut statement = connection.prepare("select name from pragma_index_info(?1) order by seqno").map_err(told)?;
    let mut indexes = Vec::new();
    for (name, unique, partial) in names {
        let columns = statement
            .query_map([name], |row| row.get::<_, Option<String>>(0))
            .map_err(told)?
            .collect::<Result<Option<Vec<String>>, _>>()
            .map_err(told)?
            .unwrap_or_default();
        indexes.push(Index { columns, unique, partial });
    }
    Ok(indexes)
}

/// The one kind of value that an undeclared column holds in its first rows, or text for a mixture.
fn sniff(connection: &Connection, table: &str, column: &str) -> Result<LogicalType, ConnectorError> {
    let told = failure::of(table);
    let (table, column) = (quoted(table), quoted(column));
    let sql = format!(
        "select distinct typeof(v) from (select {column} as v from {table} limit ?1) where v is not null order by 1"
    );
    let mut statement = connection.prepare(&sql).map_err(told)?;
    let kinds = statement
        .query_map(params![SNIFFED], |row| row.get::<_, String>(0))
        .map_err(told)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(told)?;
    Ok(match kinds.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["integer"] => LogicalType::Int64,
        ["real"] => LogicalType::Float64,
        ["text"] => LogicalType::Text,
        ["blob"] => LogicalType::Binary,
        _ => LogicalType::Other,
    })
}
