//! What the server says about tables, columns, keys and privileges.

use std::collections::{HashMap, HashSet};

use super::connect::Session;
use super::data_type::MyType;
use super::failure::{code, failure};
use super::sql::qualified;
use super::{Config, FAMILY};
use crate::connectors::{Column, ColumnType, ConnectorError, ErrorKind, StreamSummary};

/// A table or view.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) is_view: bool,
    /// `InnoDB`; absent for views.
    pub(super) engine: Option<String>,
    pub(super) summary: StreamSummary,
}

impl Relation {
    pub(super) fn quoted(&self) -> String {
        qualified(&self.namespace, &self.name)
    }

    pub(super) fn is_innodb(&self) -> bool {
        self.engine.as_deref().is_some_and(|engine| engine.eq_ignore_ascii_case("innodb"))
    }
}

/// A column as the catalog has it.
#[derive(Clone, Debug)]
pub(super) struct MyColumn {
    pub(super) name: String,
    pub(super) data_type: MyType,
    pub(super) nullable: bool,
    pub(super) generated: bool,
    /// NULL is turned into something else in it: a number of a sequence, or now.
    pub(super) fills_null: bool,
    pub(super) indexed: bool,
    pub(super) comment: Option<String>,
    selectable: bool,
}

impl MyColumn {
    #[cfg(test)]
    pub(super) fn new(name: &str, data_type: MyType) -> Self {
        Self {
            name: name.to_owned(),
            data_type,
            nullable: true,
            generated: false,
            fills_null: false,
            indexed: false,
            comment: None,
            selectable: true,
        }
    }

    pub(super) fn column(&self, config: &Config) -> Column {
        let data_type = ColumnType::new(self.data_type.logical(config), FAMILY, self.data_type.shown());
        Column {
            comment: self.comment.clone(),
            indexed: self.indexed,
            generated: self.generated,
            ..Column::new(&self.name, data_type, self.nullable)
        }
    }
}

/// A unique index over whole columns.
#[derive(Clone, Debug)]
pub(super) struct UniqueKey {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

impl UniqueKey {
    pub(super) fn is_primary(&self) -> bool {
        self.name == "PRIMARY"
    }
}

const RELATIONS: &str = "select t.table_schema, t.table_name, t.table_type, t.engine, t.table_rows, \
     cast(coalesce(t.data_length, 0) + coalesce(t.index_length, 0) as unsigned), t.table_comment \
     from information_schema.tables t \
     where t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')";

type RelationRow = (String, String, String, Option<String>, Option<u64>, Option<u64>, Option<String>);

fn relation_of(row: RelationRow) -> Relation {
    let (namespace, name, kind, engine, rows, bytes, comment) = row;
    let is_view = kind == "VIEW";
    Relation {
        is_view,
        engine,
        summary: StreamSummary {
            stream: format!("{namespace}.{name}"),
            namespace: Some(namespace.clone()),
            name: name.clone(),
            rows: rows.filter(|_| !is_view),
            bytes: bytes.filter(|_| !is_view),
            comment: comment.filter(|comment| !comment.is_empty() && !is_view),
            readable: true,
        },
        namespace,
        name,
    }
}

/// Everything that can be read from, in this database or in all but the system's.
pub(super) async fn list(session: &mut Session, database: Option<&str>) -> Result<Vec<StreamSummary>, ConnectorError> {
    let failed = |error| failure("Listing tables failed", error);
    let query = format!(
        "{RELATIONS} and t.table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys') \
         and (? is null or t.table_schema = ?) order by t.table_schema, t.table_name"
    );
    let rows: Vec<RelationRow> = session.rows(&query, (database, database)).await.map_err(failed)?;
    let allowed = Allowed::load(session).await.map_err(failed)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let mut relation = relation_of(row);
            relation.summary.readable = allowed.reads(&relation);
            relation
        })
        .filter(|relation| !relation.name.starts_with(crate::connectors::OUR_PREFIX))
        .filter(|relation| database.is_none_or(|database| relation.namespace.eq_ignore_ascii_case(database)))
        .map(|relation| relation.summary)
        .collect())
}

/// What the account may select from.
struct Allowed {
    everything: bool,
    databases: HashSet<String>,
    tables: HashSet<(String, String)>,
}

/// The account as the views of privileges name it.
const GRANTEE: &str = "concat('''', left(current_user(), char_length(current_user()) - 1 \
     - char_length(substring_index(current_user(), '@', -1))), '''@''', substring_index(current_user(), '@', -1), '''')";

impl Allowed {
    async fn load(session: &mut Session) -> Result<Self, mysql_async::Error> {
        let of = |view: &str, columns: &str| {
            format!(
                "select {columns} from information_schema.{view} p where p.privilege_type = 'SELECT' and p.grantee = {GRANTEE}"
            )
        };
        let everything: Vec<String> = session.rows(&of("user_privileges", "p.grantee"), ()).await?;
        // What a role grants is not listed there: whoever has one is taken at its word.
        let roles: Vec<Option<String>> =
            match session.rows("select role_name from information_schema.enabled_roles", ()).await {
                Ok(roles) => roles,
                Err(mysql_async::Error::Server(_)) => Vec::new(),
                Err(error) => return Err(error),
            };
        let patterns = of("schema_privileges", "p.table_schema");
        let databases = format!(
            "select s.schema_name from information_schema.schemata s join ({patterns}) g \
             on s.schema_name like g.table_schema escape '\\'"
        );
        let databases: Vec<String> = session.rows(&databases, ()).await?;
        let mut tables: Vec<(String, String)> =
            session.rows(&of("table_privileges", "p.table_schema, p.table_name"), ()).await?;
        tables.extend(
            session
                .rows::<(String, String), _>(&of("column_privileges", "distinct p.table_schema, p.table_name"), ())
                .await?,
        );
        Ok(Self {
            everything: !everything.is_empty() || roles.iter().flatten().next().is_some(),
            databases: databases.into_iter().collect(),
            tables: tables.into_iter().collect(),
        })
    }

    fn reads(&self, relation: &Relation) -> bool {
        self.everything
            || self.databases.contains(&relation.namespace)
            || self.tables.contains(&(relation.namespace.clone(), relation.name.clone()))
    }
}

/// The one that a plan names as `database.table`.
pub(super) async fn relation(session: &mut Session, stream: &str) -> Result<Relation, ConnectorError> {
    // A name can hold a dot; whatever stands on the two sides of one must be there.
    let mut found = Vec::new();
    for (at, _) in stream.match_indices('.') {
        let (Some(namespace), Some(name)) = (stream.get(..at), stream.get(at + 1..)) else { continue };
        found.extend(find(session, namespace, name).await?);
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(ConnectorError::new(ErrorKind::NotFound, format!("There is no table or view `{stream}`."))),
        _ => Err(ConnectorError::new(
            ErrorKind::BadData,
            format!("`{stream}` names two tables, since a database or table name holds a dot."),
        )),
    }
}

/// As [`relation`], and the account may read it.
pub(super) async fn readable(session: &mut Session, stream: &str) -> Result<Relation, ConnectorError> {
    let relation = relation(session, stream).await?;
    let question = format!("select 1 from {} limit 0", relation.quoted());
    match session.first::<u8, _>(&question, ()).await {
        Ok(_) => Ok(relation),
        // Some columns may be granted.
        Err(error) if code(&error) == Some(1143) => Ok(relation),
        Err(error) if matches!(code(&error), Some(1142 | 1044)) => {
            Err(ConnectorError::new(ErrorKind::Permission, format!("This user may not read `{stream}`."))
                .because(error)
                .advise(format!("Grant `select` on `{stream}`, then retry.")))
        }
        Err(error) => Err(failure(format!("Looking at `{stream}` failed"), error)),
    }
}

/// What stands under this database and name, if anything does.
pub(super) async fn find(
    session: &mut Session,
    namespace: &str,
    name: &str,
) -> Result<Option<Relation>, ConnectorError> {
    let rows: Vec<RelationRow> = session
        .rows(&format!("{RELATIONS} and t.table_schema = ? and t.table_name = ?"), (namespace, name))
        .await
        .map_err(|error| failure(format!("Looking for `{namespace}.{name}` failed"), error))?;
    let mut relations: Vec<Relation> = rows.into_iter().map(relation_of).collect();
    let exact = relations.iter().position(|found| found.namespace == namespace && found.name == name);
    match exact {
        Some(place) => Ok(Some(relations.swap_remove(place))),
        None if session.server.case_sensitive => Ok(None),
        None => Ok(relations.pop()),
    }
}

type ColumnRow =
    (String, String, String, Option<String>, String, Option<String>, Option<String>, Option<String>, Option<String>);

/// The columns that the account may select, in the table's order.
pub(super) async fn columns(session: &mut Session, relation: &Relation) -> Result<Vec<MyColumn>, ConnectorError> {
    let mut columns = all_columns(session, relation).await?;
    columns.retain(|column| column.selectable);
    Ok(columns)
}

/// Every column, in the table's order.
pub(super) async fn all_columns(session: &mut Session, relation: &Relation) -> Result<Vec<MyColumn>, ConnectorError> {
    let doing = || format!("Describing `{}` failed", relation.summary.stream);
    let place = (relation.namespace.clone(), relation.name.clone());
    let query = "select column_name, column_type, is_nullable, character_set_name, coalesce(extra, ''), column_comment, \
         privileges, generation_expression, collation_name from information_schema.columns \
         where table_schema = ? and table_name = ? order by ordinal_position";
    let rows: Vec<ColumnRow> = session.rows(query, place.clone()).await.map_err(|error| failure(doing(), error))?;
    let first = "select distinct column_name from information_schema.statistics \
         where table_schema = ? and table_name = ? and seq_in_index = 1 and column_name is not null";
    let first: Vec<String> = session.rows(first, place).await.map_err(|error| failure(doing(), error))?;
    let checked = if rows.iter().any(|row| row.1 == "longtext") {
        json_checks(session, relation).await.map_err(|error| failure(doing(), error))?
    } else {
        HashSet::new()
    };
    Ok(rows
        .into_iter()
        .map(|(name, spelled, nullable, charset, extra, comment, privileges, computed, collation)| {
            let extra = extra.to_ascii_lowercase();
            let checked_json = checked.contains(&name);
            let data_type = MyType { charset, collation, checked_json, ..MyType::parse(&spelled) };
            let nullable = nullable == "YES";
            MyColumn {
                nullable,
                generated: computed.is_some_and(|expression| !expression.is_empty())
                    || extra.replace("default_generated", "").contains("generated"),
                fills_null: !nullable && (extra.contains("auto_increment") || data_type.name == "timestamp"),
                indexed: first.contains(&name),
                comment: comment.filter(|comment| !comment.is_empty()),
                // Views of some servers name no privileges.
                selectable: privileges.is_none_or(|list| {
                    list.is_empty() || list.split(',').any(|privilege| privilege.trim() == "select")
                }),
                data_type,
                name,
            }
        })
        .collect())
}

/// Columns that MariaDB checks to be JSON, which is how it keeps the type.
async fn json_checks(session: &mut Session, relation: &Relation) -> Result<HashSet<String>, mysql_async::Error> {
    if !session.server.maria {
        return Ok(HashSet::new());
    }
    let query = "select check_clause from information_schema.check_constraints \
         where constraint_schema = ? and table_name = ?";
    let clauses: Vec<String> = match session.rows(query, (&relation.namespace, &relation.name)).await {
        Ok(clauses) => clauses,
        Err(mysql_async::Error::Server(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(clauses
        .iter()
        .filter_map(|clause| clause.strip_prefix("json_valid(`")?.strip_suffix("`)"))
        .map(|name| name.replace("``", "`"))
        .collect())
}

/// Unique indexes that vouch for whole rows, the primary key first.
pub(super) async fn unique_keys(session: &mut Session, relation: &Relation) -> Result<Vec<UniqueKey>, ConnectorError> {
    let query = "select index_name, column_name, sub_part from information_schema.statistics \
         where table_schema = ? and table_name = ? and non_unique = 0 order by index_name, seq_in_index";
    let rows: Vec<(String, Option<String>, Option<u64>)> = session
        .rows(query, (&relation.namespace, &relation.name))
        .await
        .map_err(|error| failure(format!("Describing `{}` failed", relation.summary.stream), error))?;
    let mut keys: Vec<UniqueKey> = Vec::new();
    let mut partial: HashMap<String, bool> = HashMap::new();
    for (index, column, part) in rows {
        *partial.entry(index.clone()).or_default() |= column.is_none() || part.is_some();
        let column = column.unwrap_or_default();
        match keys.iter_mut().find(|key| key.name == index) {
            Some(key) => key.columns.push(column),
            None => keys.push(UniqueKey { name: index, columns: vec![column] }),
        }
    }
    keys.retain(|key| partial.get(&key.name) == Some(&false));
    keys.sort_by_key(|key| !key.is_primary());
    Ok(keys)
}
