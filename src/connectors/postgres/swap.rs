//! The end of a replace: the staged rows take the old table's place, in the transaction that commits the run.
//!
//! A plain table is exchanged for the staging table, which takes over its grants, comments and index names. A table that other
//! things hang on (views, foreign keys, triggers, policies, publications, partitions, another owner) stays, and is emptied and
//! filled instead.

use std::collections::HashMap;

use tokio_postgres::error::SqlState;

use super::catalog::{self, Relation};
use super::connect::Session;
use super::failure::failure;
use super::sql::{qualified, quote, quoted_list, text_literal};
use super::table;
use crate::connectors::{ConnectorError, ErrorKind, TargetColumn};

/// Whether the table must stay where it is; and whether rows elsewhere refer to its rows.
const HELD: &str = "select c.relkind <> 'r' or c.relrowsecurity or c.relispartition or c.reloftype <> 0 \
       or not pg_has_role(c.relowner, 'usage') or c.relowner <> (select oid from pg_roles where rolname = current_user) \
       or exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) \
       or exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) \
       or exists (select from pg_constraint k where c.oid in (k.conrelid, k.confrelid) and k.contype = 'f') \
       or exists (select from pg_policy p where p.polrelid = c.oid) \
       or exists (select from pg_publication_rel p where p.prrelid = c.oid) \
       or exists (select from pg_attribute a where a.attrelid = c.oid and a.attacl is not null) \
       or exists (select from pg_rewrite r where r.ev_class = c.oid) \
       or exists (select from pg_depend d where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid \
         and d.deptype = 'n'), \
     exists (select from pg_constraint k where k.confrelid = c.oid and k.contype = 'f' and k.conrelid <> c.oid) \
     from pg_class c where c.oid = $1";

/// Whether a table must stay where it is when its rows are replaced.
pub(super) async fn is_held(session: &Session, relation: &Relation) -> Result<bool, ConnectorError> {
    let row = session
        .query_one(HELD, &[&relation.oid])
        .await
        .map_err(|error| failure(format!("Asking what depends on `{}` failed", relation.summary.stream), error))?;
    Ok(row.get(0))
}

/// Puts the staged rows in place. Runs inside of the caller's transaction.
pub(super) async fn swap(
    session: &Session,
    namespace: &str,
    name: &str,
    staging: &str,
    columns: &[TargetColumn],
) -> Result<(), ConnectorError> {
    let failed = |error| failure(format!("Replacing `{namespace}.{name}` failed"), error);
    let (table, staged) = (qualified(namespace, name), qualified(namespace, staging));
    let rename = format!("alter table {staged} rename to {}", quote(name));
    // Readers of the old table are waited for, but others who then wait for us are not kept waiting for ever.
    session.batch_execute("set local lock_timeout = '60s'").await.map_err(failed)?;
    let Some(relation) = catalog::find(session, namespace, name).await? else {
        return session.batch_execute(&rename).await.map_err(failed);
    };
    let row = session.query_one(HELD, &[&relation.oid]).await.map_err(failed)?;
    let (held, referred): (bool, bool) = (row.get(0), row.get(1));
    if !held {
        session.batch_execute("savepoint towpath_swap").await.map_err(failed)?;
        match exchange(session, &relation, (&table, &staged), &rename).await {
            Ok(()) => return session.batch_execute("release savepoint towpath_swap").await.map_err(failed),
            Err(error) if error.code() == Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => {
                session.batch_execute("rollback to savepoint towpath_swap").await.map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    refill(session, &relation, (&table, &staged), columns, referred).await
}

/// The staging table takes the old one's name, and the old one goes.
async fn exchange(
    session: &Session,
    relation: &Relation,
    (table, staged): (&str, &str),
    rename: &str,
) -> Result<(), tokio_postgres::Error> {
    for statement in inheritance(session, relation, staged).await? {
        session.batch_execute(&statement).await?;
    }
    let old = indexes(session, table).await?;
    session.batch_execute(&format!("drop table {table}; {rename}")).await?;
    let mut free: HashMap<String, Vec<String>> = HashMap::new();
    for (index, shape) in old {
        free.entry(shape).or_default().push(index);
    }
    for (index, shape) in indexes(session, table).await? {
        if let Some(name) = free.get_mut(&shape).and_then(Vec::pop) {
            let rename = format!(
                "alter index {} rename to {}",
                qualified(relation.summary.namespace.as_deref().unwrap_or_default(), &index),
                quote(&name)
            );
            session.batch_execute(&rename).await?;
        }
    }
    Ok(())
}

/// Statements that give the staging table the old one's grants and comments.
async fn inheritance(
    session: &Session,
    relation: &Relation,
    staged: &str,
) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut statements = Vec::new();
    let grants = session
        .query(
            "select a.privilege_type, case when a.grantee = 0 then null else r.rolname::text end, a.is_grantable \
             from pg_class c cross join lateral aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee \
             where c.oid = $1 and a.grantee <> c.relowner",
            &[&relation.oid],
        )
        .await?;
    for grant in grants {
        let (privilege, role): (String, Option<String>) = (grant.get(0), grant.get(1));
        let role = role.map_or_else(|| "public".to_owned(), |role| quote(&role));
        let option = if grant.get(2) { " with grant option" } else { "" };
        statements.push(format!("grant {privilege} on {staged} to {role}{option}"));
    }
    if let Some(comment) = &relation.summary.comment {
        statements.push(format!("comment on table {staged} is {}", text_literal(comment)));
    }
    let comments = session
        .query(
            "select n.attname::text, d.description from pg_attribute o join pg_description d \
             on d.classoid = 'pg_class'::regclass and d.objoid = o.attrelid and d.objsubid = o.attnum \
             join pg_attribute n on n.attrelid = $2::text::regclass and n.attname = o.attname and not n.attisdropped \
             where o.attrelid = $1",
            &[&relation.oid, &staged],
        )
        .await?;
    for comment in comments {
        let (column, text): (String, String) = (comment.get(0), comment.get(1));
        statements.push(format!("comment on column {staged}.{} is {}", quote(&column), text_literal(&text)));
    }
    Ok(statements)
}

/// Each index of a table with what it does, apart from the names.
async fn indexes(session: &Session, table: &str) -> Result<Vec<(String, String)>, tokio_postgres::Error> {
    let rows = session
        .query(
            "select c.relname::text, i.indisunique::text || i.indisprimary::text \
               || substring(pg_get_indexdef(i.indexrelid) from position(' USING ' in pg_get_indexdef(i.indexrelid))) \
             from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = $1::text::regclass \
             order by i.indexrelid",
            &[&table],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The old table stays and takes the staged rows.
async fn refill(
    session: &Session,
    relation: &Relation,
    (table, staged): (&str, &str),
    columns: &[TargetColumn],
    referred: bool,
) -> Result<(), ConnectorError> {
    let stream = &relation.summary.stream;
    let failed = |error| failure(format!("Replacing the rows of `{stream}` failed"), error);
    let standing = table::widen(session, relation, table, columns).await?;
    let name = staged.to_owned();
    let oid: u32 = session.query_one("select $1::text::regclass::oid", &[&name]).await.map_err(failed)?.get(0);
    let staged_columns = catalog::all_columns(session, &Relation { oid, ..relation.clone() }).await?;
    for column in columns {
        let of = |columns: &[catalog::PgColumn]| {
            columns.iter().find(|found| found.name == column.column.name).map(|found| found.data_type.clone())
        };
        let (old, new) = (of(&standing), of(&staged_columns));
        if old != new {
            let message = format!(
                "Column `{}` of `{stream}` has another type than `{}`, and the table cannot be exchanged since other objects \
                 depend on it.",
                column.column.name, column.target_type
            );
            return Err(ConnectorError::new(ErrorKind::BadData, message)
                .advise("Alter the column's type, or drop what depends on the table."));
        }
    }
    let list = quoted_list(columns.iter().map(|column| column.column.name.as_str()));
    // A table that others refer to cannot be truncated, but its rows may go as long as nobody misses them.
    let empty = if referred { format!("delete from {table}") } else { format!("truncate {table}") };
    session.batch_execute(&empty).await.map_err(failed)?;
    let filled = session
        .execute(&format!("insert into {table} ({list}) overriding system value select {list} from {staged}"), &[])
        .await
        .map_err(failed)?;
    let staged_rows: i64 =
        session.query_one(&format!("select count(*) from {staged}"), &[]).await.map_err(failed)?.get(0);
    if u64::try_from(staged_rows).ok() != Some(filled) {
        let message = format!("`{stream}` took {filled} of {staged_rows} rows; a trigger or a rule drops rows.");
        return Err(ConnectorError::new(ErrorKind::BadData, message));
    }
    session.batch_execute(&format!("drop table {staged}")).await.map_err(failed)
}
