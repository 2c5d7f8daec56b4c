//! What DuckDB's catalog says about tables and views.

use duckdb::Connection;

use super::{DEFAULT_SCHEMA, FAMILY, failure, quoted, spelling};
use crate::connectors::{
    Column, ColumnType, ConnectorError, ErrorKind, OUR_PREFIX, StreamSchema, StreamSummary, TargetName,
};

/// A table or view in full.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) view: bool,
    pub(super) rows: Option<u64>,
    pub(super) comment: Option<String>,
    pub(super) columns: Vec<Column>,
    /// Columns of each primary key or unique constraint; the first is the primary key, if there is one.
    pub(super) unique: Vec<Unique>,
}

#[derive(Clone, Debug)]
pub(super) struct Unique {
    pub(super) columns: Vec<String>,
    pub(super) primary: bool,
}

impl Table {
    /// As it stands in a statement.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }

    /// As plans name it: bare in the default schema.
    pub(super) fn stream(&self) -> String {
        stream_name(&self.schema, &self.name)
    }

    pub(super) fn column(&self, name: &str) -> Result<&Column, ConnectorError> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            ConnectorError::new(ErrorKind::NotFound, format!("`{}` has no column `{name}`.", self.stream()))
        })
    }

    /// The column of a target that answers to this name: DuckDB does not tell case apart.
    pub(super) fn folded(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase()))
    }

    pub(super) fn described(self) -> StreamSchema {
        let primary_key = self.unique.iter().find(|unique| unique.primary).map(|unique| unique.columns.clone());
        StreamSchema {
            summary: StreamSummary {
                stream: self.stream(),
                namespace: Some(self.schema),
                name: self.name,
                rows: self.rows,
                bytes: None,
                comment: self.comment,
                readable: true,
            },
            columns: self.columns,
            primary_key: primary_key.unwrap_or_default(),
        }
    }
}

/// A name that holds a point is quoted, so that two streams never share one.
fn stream_name(schema: &str, name: &str) -> String {
    let part = |name: &str| if name.contains(['.', '"']) { quoted(name) } else { name.to_owned() };
    if schema == DEFAULT_SCHEMA { part(name) } else { format!("{}.{}", part(schema), part(name)) }
}

struct Listed {
    schema: String,
    name: String,
    view: bool,
    rows: Option<u64>,
    comment: Option<String>,
}

const LIST: &str = "
select schema_name, table_name as name, false as is_view, estimated_size, comment from duckdb_tables()
where database_name = current_database() and not internal and not temporary
union all
select schema_name, view_name, true, null, comment from duckdb_views()
where database_name = current_database() and not internal and not temporary
order by 1, 2";

fn listed(connection: &Connection) -> Result<Vec<Listed>, ConnectorError> {
    let told = failure::of("duckdb_tables");
    let mut statement = connection.prepare(LIST).map_err(told)?;
    let rows = statement
        .query_map([], |row| {
            Ok(Listed {
                schema: row.get(0)?,
                name: row.get(1)?,
                view: row.get(2)?,
                rows: row.get::<_, Option<i64>>(3)?.and_then(|rows| u64::try_from(rows).ok()),
                comment: row.get(4)?,
            })
        })
        .map_err(told)?;
    rows.collect::<Result<_, _>>().map_err(told)
}

/// Tables and views that are not DuckDB's or ours.
pub(super) fn list(connection: &Connection) -> Result<Vec<StreamSummary>, ConnectorError> {
    let found = listed(connection)?;
    Ok(found
        .into_iter()
        .filter(|found| !found.name.to_lowercase().starts_with(OUR_PREFIX))
        .map(|found| StreamSummary {
            stream: stream_name(&found.schema, &found.name),
            namespace: Some(found.schema),
            name: found.name,
            rows: found.rows,
            bytes: None,
            comment: found.comment,
            readable: true,
        })
        .collect())
}

/// The stream of this name. The default schema may be written out.
pub(super) fn load(connection: &Connection, stream: &str) -> Result<Table, ConnectorError> {
    let missing = || ConnectorError::new(ErrorKind::NotFound, format!("There is no table or view `{stream}`."));
    let bare = stream.strip_prefix("main.").unwrap_or(stream);
    let all = listed(connection)?;
    let named = |wanted: &str| all.iter().find(|found| stream_name(&found.schema, &found.name) == wanted);
    let found = named(stream).or_else(|| named(bare)).ok_or_else(missing)?;
    filled(connection, found)
}

/// What stands at a target; names are matched as DuckDB matches them, without case.
pub(super) fn find(connection: &Connection, target: &TargetName) -> Result<Option<Table>, ConnectorError> {
    let schema = target.namespace.as_deref().unwrap_or(DEFAULT_SCHEMA).to_lowercase();
    let name = target.name.to_lowercase();
    let all = listed(connection)?;
    let found = all.iter().find(|found| found.schema.to_lowercase() == schema && found.name.to_lowercase() == name);
    found.map(|found| filled(connection, found)).transpose()
}

fn filled(connection: &Connection, found: &Listed) -> Result<Table, ConnectorError> {
    let told = failure::of(&found.name);
    let mut statement = connection
        .prepare(
            "select constraint_type = 'PRIMARY KEY', array_to_string(list_transform(constraint_column_names, \
             lambda name: replace(name, chr(31), '')), chr(31)) \
             from duckdb_constraints() where database_name = current_database() and schema_name = ? and table_name = ? \
             and constraint_type in ('PRIMARY KEY', 'UNIQUE') order by 1 desc",
        )
        .map_err(told)?;
    let unique = statement
        .query_map([&found.schema, &found.name], |row| {
            let names: String = row.get(1)?;
            Ok(Unique { primary: row.get(0)?, columns: names.split('\u{1f}').map(str::to_owned).collect() })
        })
        .map_err(told)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(told)?;
    let mut statement = connection
        .prepare(
            "select column_name, data_type, is_nullable, comment from duckdb_columns() \
             where database_name = current_database() and schema_name = ? and table_name = ? order by column_index",
        )
        .map_err(told)?;
    let columns = statement
        .query_map([&found.schema, &found.name], |row| {
            let (name, spelled): (String, String) = (row.get(0)?, row.get(1)?);
            let data_type = ColumnType::new(spelling::meaning(&spelled), FAMILY, spelled);
            let mut column = Column::new(name, data_type, row.get(2)?);
            column.comment = row.get(3)?;
            column.indexed = unique.iter().any(|unique| unique.columns.first() == Some(&column.name));
            Ok(column)
        })
        .map_err(told)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(told)?;
    Ok(Table {
        schema: found.schema.clone(),
        name: found.name.clone(),
        view: found.view,
        rows: found.rows,
        comment: found.comment.clone(),
        columns,
        unique,
    })
}

pub(super) fn schemas(connection: &Connection) -> Result<Vec<String>, ConnectorError> {
    let told = failure::of("duckdb_schemas");
    let mut statement = connection
        .prepare(
            "select schema_name from duckdb_schemas() where database_name = current_database() and not internal \
             or (database_name = current_database() and schema_name = 'main') group by 1 order by 1",
        )
        .map_err(told)?;
    let names = statement.query_map([], |row| row.get(0)).map_err(told)?;
    names.collect::<Result<_, _>>().map_err(told)
}
