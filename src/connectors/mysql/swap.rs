//! The end of a replace: the staged rows take the old table's place.
//!
//! Renaming tables is atomic, but no part of a transaction. So the run's last commit says that the staging table is to be
//! renamed, then it is, then the commit says no more of it; whoever finds the word standing carries it out. A table that other
//! things hang on (foreign keys, triggers) stays, and is emptied and filled instead, in the commit's own transaction.

use super::catalog::{self, MyColumn, Relation};
use super::connect::Session;
use super::failure::failure;
use super::sql::{qualified, quoted_list};
use super::state::{self, our_name};
use super::table::{is_same, same_name};
use crate::connectors::{ConnectorError, ErrorKind, TargetColumn};

/// Whether the table must stay where it is when its rows are replaced.
pub(super) async fn is_held(session: &mut Session, relation: &Relation) -> Result<bool, ConnectorError> {
    let place = (&relation.namespace, &relation.name, &relation.namespace, &relation.name);
    let references = "select 1 from information_schema.referential_constraints \
         where (constraint_schema = ? and table_name = ?) \
         or (unique_constraint_schema = ? and referenced_table_name = ?) limit 1";
    let triggers = "select 1 from information_schema.triggers \
         where event_object_schema = ? and event_object_table = ? limit 1";
    let doing = |error| failure(format!("Asking what depends on `{}` failed", relation.summary.stream), error);
    let referred: Option<u8> = session.first(references, place).await.map_err(doing)?;
    let triggered: Option<u8> = session.first(triggers, (&relation.namespace, &relation.name)).await.map_err(doing)?;
    Ok(referred.is_some() || triggered.is_some())
}

/// Whether both have the same columns, whatever their order.
pub(super) fn same_columns(one: &[MyColumn], other: &[MyColumn]) -> bool {
    let written = |columns: &[MyColumn]| columns.iter().filter(|column| !column.generated).count();
    written(one) == written(other)
        && one.iter().filter(|column| !column.generated).all(|column| {
            other
                .iter()
                .any(|found| same_name(&found.name, &column.name) && is_same(&found.data_type, &column.data_type))
        })
}

/// The staging table takes the target's name. Safe to be done again, as far as it has not been.
pub(super) async fn exchange(
    session: &mut Session,
    namespace: &str,
    (name, staging): (&str, &str),
    state_key: &str,
) -> Result<(), ConnectorError> {
    let failed = |error| failure(format!("Replacing `{namespace}.{name}` failed"), error);
    let old = our_name("old", &format!("{name}\0{state_key}"));
    let (target, staged, aside) =
        (qualified(namespace, name), qualified(namespace, staging), qualified(namespace, &old));
    if catalog::find(session, namespace, staging).await?.is_some() {
        session.run(&format!("drop table if exists {aside}")).await.map_err(failed)?;
        let rename = if catalog::find(session, namespace, name).await?.is_some() {
            format!("rename table {target} to {aside}, {staged} to {target}")
        } else {
            format!("rename table {staged} to {target}")
        };
        session.run(&rename).await.map_err(failed)?;
    }
    session.run(&format!("drop table if exists {aside}")).await.map_err(failed)?;
    state::swapped(session, namespace, state_key).await
}

/// The old table stays and takes the staged rows, within the open transaction.
pub(super) async fn refill(
    session: &mut Session,
    relation: &Relation,
    staged: &str,
    columns: &[TargetColumn],
) -> Result<(), ConnectorError> {
    let stream = &relation.summary.stream;
    let table = relation.quoted();
    let failed = |error| failure(format!("Replacing the rows of `{stream}` failed"), error);
    let list = quoted_list(columns.iter().map(|column| column.column.name.as_str()));
    session.run(&format!("delete from {table}")).await.map_err(failed)?;
    session.run(&format!("insert into {table} ({list}) select {list} from {staged}")).await.map_err(failed)?;
    let count = |of: &str| format!("select count(*) from {of}");
    let staged_rows: Option<u64> = session.first(&count(staged), ()).await.map_err(failed)?;
    let filled: Option<u64> = session.first(&count(&table), ()).await.map_err(failed)?;
    if staged_rows != filled {
        let message = format!(
            "`{stream}` took {} of {} rows; a trigger drops or adds rows.",
            filled.unwrap_or_default(),
            staged_rows.unwrap_or_default()
        );
        return Err(ConnectorError::new(ErrorKind::BadData, message));
    }
    Ok(())
}
