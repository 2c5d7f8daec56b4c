//! The statements that bring staged rows into a table by key.

use super::catalog::{MyColumn, UniqueKey};
use super::sql::{quote, quoted_list};
use super::table::{Lane, same_name};
use crate::connectors::{ConnectorError, DELETED_COLUMN, Deletes, ErrorKind, RUN_ID_COLUMN, SYNCED_AT_COLUMN};

#[derive(Clone, Debug)]
pub(super) struct Statements {
    pub(super) upsert: Vec<String>,
    pub(super) delete: Vec<String>,
}

/// Columns that are staged for a row whose key is deleted, with their places.
pub(super) fn deleted_lanes<'a>(lanes: &'a [Lane], key: &[String]) -> Vec<(usize, &'a Lane)> {
    let goes_along = |lane: &Lane| {
        is_key(lane, key) || same_name(&lane.name, RUN_ID_COLUMN) || same_name(&lane.name, SYNCED_AT_COLUMN)
    };
    lanes.iter().enumerate().filter(|(_, lane)| goes_along(lane)).collect()
}

fn is_key(lane: &Lane, key: &[String]) -> bool {
    key.iter().any(|name| same_name(name, &lane.name))
}

/// A key column whose collation takes different texts for one would merge rows of different keys.
pub(super) fn check_key(shown: &str, standing: &[MyColumn], key: &[String]) -> Result<(), ConnectorError> {
    for column in standing.iter().filter(|column| key.iter().any(|name| same_name(name, &column.name))) {
        let Some(collation) = &column.data_type.collation else { continue };
        let by_bytes = collation.ends_with("_nopad_bin") || collation == "utf8mb4_0900_bin" || collation == "binary";
        if !by_bytes {
            let message = format!(
                "The key column `{}` of `{shown}` has the collation `{collation}`, under which different keys are equal.",
                column.name
            );
            return Err(ConnectorError::new(ErrorKind::BadData, message).advise(
                "Alter the column to a collation that compares bytes (`utf8mb4_nopad_bin` on MariaDB, `utf8mb4_0900_bin` on \
                 MySQL), or merge by another key.",
            ));
        }
    }
    Ok(())
}

/// Whether the table's only unique index is this key: conflicts of an insert are then conflicts of keys.
pub(super) fn is_arbiter(unique: &[UniqueKey], key: &[String]) -> bool {
    let same = |index: &UniqueKey| {
        index.columns.len() == key.len()
            && index.columns.iter().all(|column| key.iter().any(|name| same_name(name, column)))
    };
    unique.len() == 1 && unique.iter().all(same)
}

pub(super) fn statements(
    (table, stage): (&str, &str),
    lanes: &[Lane],
    key: &[String],
    deletes: Deletes,
    arbitrated: bool,
) -> Statements {
    let names = quoted_list(lanes.iter().map(|lane| lane.name.as_str()));
    let staged = lanes.iter().map(|lane| format!("s.{}", quote(&lane.name))).collect::<Vec<_>>().join(", ");
    let set = |lane: &Lane| format!("t.{0} = s.{0}", quote(&lane.name));
    let others: Vec<String> = lanes.iter().filter(|lane| !is_key(lane, key)).map(set).collect();
    let keys: Vec<String> = lanes.iter().filter(|lane| is_key(lane, key)).map(set).collect();
    let same = keys.join(" and ");
    let upsert = if arbitrated {
        // Something must be set, and a key is what it is.
        let set = if others.is_empty() { keys.join(", ") } else { others.join(", ") };
        let set = set.replace("t.`", &format!("{table}.`"));
        vec![format!("insert into {table} ({names}) select {staged} from {stage} s on duplicate key update {set}")]
    } else {
        let mut statements = Vec::new();
        if !others.is_empty() {
            statements.push(format!("update {table} t join {stage} s on {same} set {}", others.join(", ")));
        }
        statements.push(format!(
            "insert into {table} ({names}) select {staged} from {stage} s where not exists \
             (select 1 from {table} t where {same})"
        ));
        statements
    };
    let delete = match deletes {
        Deletes::Ignore => Vec::new(),
        Deletes::Hard => vec![format!("delete t from {table} t join {stage} s on {same}")],
        Deletes::Soft => {
            let mut sets = vec![format!("t.{} = 1", quote(DELETED_COLUMN))];
            sets.extend(
                deleted_lanes(lanes, key).iter().filter(|(_, lane)| !is_key(lane, key)).map(|(_, lane)| set(lane)),
            );
            vec![format!("update {table} t join {stage} s on {same} set {}", sets.join(", "))]
        }
    };
    Statements { upsert, delete }
}
