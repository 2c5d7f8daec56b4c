//! Merging by key: the newest staged row of each key updates what stands there or is added.

use rusqlite::Connection;

use super::state::short_digest;
use super::{failure, quoted, tables};
use crate::connectors::{
    ConnectorError, DELETED_COLUMN, Deletes, ErrorKind, RUN_ID_COLUMN, SYNCED_AT_COLUMN, WriteRequest,
};

/// Without an index on the key every merge would read the whole target.
pub(super) fn ensure_index(connection: &Connection, target: &str, key: &[String]) -> Result<(), ConnectorError> {
    let table = tables::load(connection, target)?;
    let covers = |columns: &[String]| {
        columns.len() >= key.len()
            && columns.iter().take(key.len()).all(|column| key.iter().any(|name| name.eq_ignore_ascii_case(column)))
    };
    if covers(&table.primary_key) || table.indexes.iter().any(|index| !index.partial && covers(&index.columns)) {
        return Ok(());
    }
    let name = format!("_towpath_key_{}", short_digest(&format!("{target}\0{}", key.join("\0"))));
    let columns = key.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
    let sql = format!("create index if not exists {} on {} ({columns})", quoted(&name), quoted(target));
    connection.execute_batch(&sql).map_err(failure::of(target))
}

pub(super) fn apply(
    connection: &Connection,
    request: &WriteRequest,
    key: &[String],
    deletes: Deletes,
) -> Result<(), ConnectorError> {
    let target = &request.target.name;
    let cell = |name: &String| {
        request
            .columns
            .iter()
            .position(|column| column.column.name == *name)
            .map(|index| format!("c{index}"))
            .ok_or_else(|| {
                ConnectorError::new(
                    ErrorKind::Config,
                    format!("The key names `{name}`, which is not written to `{target}`."),
                )
            })
    };
    let cells = key.iter().map(cell).collect::<Result<Vec<_>, _>>()?;
    let by = cells.join(", ");
    let on = key
        .iter()
        .zip(&cells)
        .map(|(name, cell)| format!("d.{} = s.{cell}", quoted(name)))
        .collect::<Vec<_>>()
        .join(" and ");
    let set = assigned(request, |name| !key.iter().any(|key| key == name));
    let all = request.columns.iter().enumerate();
    let names = all.clone().map(|(_, column)| quoted(&column.column.name)).collect::<Vec<_>>().join(", ");
    let values = all.map(|(index, _)| format!("s.c{index}")).collect::<Vec<_>>().join(", ");
    let marks = assigned(request, |name| [DELETED_COLUMN, RUN_ID_COLUMN, SYNCED_AT_COLUMN].contains(&name));
    let table = quoted(target);
    // By log position where there is one, otherwise by arrival.
    let newest = |of: &str| {
        format!(
            "select seq from (select seq, deleted, row_number() over (partition by {by} order by position desc, seq desc) \
             as place from temp.stage {of}) where place = 1"
        )
    };
    let absent = format!("not exists (select 1 from main.{table} as d where {on})");
    let mut steps = vec![
        "drop table if exists temp.newest; create temp table newest (seq integer primary key)".to_owned(),
        format!("insert into temp.newest {}", newest("where deleted = 0")),
    ];
    if !set.is_empty() {
        steps.push(format!(
            "update main.{table} as d set {set} from temp.stage as s where s.seq in (select seq from temp.newest) and {on}"
        ));
    }
    let insert = format!(
        "insert into main.{table} ({names}) select {values} from temp.stage as s \
         where s.seq in (select seq from temp.newest) and {absent} order by s.seq"
    );
    steps.push(insert.clone());
    if deletes != Deletes::Ignore {
        steps.push(format!("delete from temp.newest; insert into temp.newest {} and deleted = 1", newest("")));
    }
    match deletes {
        Deletes::Hard => steps.push(format!(
            "delete from main.{table} as d where exists \
             (select 1 from temp.stage as s where s.seq in (select seq from temp.newest) and {on})"
        )),
        Deletes::Soft if !marks.is_empty() => {
            steps.push(format!(
                "update main.{table} as d set {marks} from temp.stage as s \
                 where s.seq in (select seq from temp.newest) and {on}"
            ));
            steps.push(insert);
        }
        Deletes::Soft | Deletes::Ignore => {}
    }
    for step in steps {
        connection.execute_batch(&step).map_err(failure::of(target))?;
    }
    Ok(())
}

/// `column = staged value` for the columns wanted.
fn assigned(request: &WriteRequest, wanted: impl Fn(&str) -> bool) -> String {
    let columns = request.columns.iter().enumerate().filter(|(_, column)| wanted(&column.column.name));
    let each = columns.map(|(index, column)| format!("{} = s.c{index}", quoted(&column.column.name)));
    each.collect::<Vec<_>>().join(", ")
}
