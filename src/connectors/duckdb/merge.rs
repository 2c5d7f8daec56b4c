//! Merging by key: the newest staged row of each key updates what stands there or is added.

use duckdb::Connection;

use super::writer::Place;
use super::{failure, quoted};
use crate::connectors::{ConnectorError, DELETED_COLUMN, Deletes, ErrorKind, RUN_ID_COLUMN, SYNCED_AT_COLUMN};

pub(super) fn apply(
    connection: &Connection,
    target: &str,
    places: &[Place],
    key: &[String],
    deletes: Deletes,
) -> Result<(), ConnectorError> {
    let keys = key
        .iter()
        .map(|name| {
            places.iter().find(|place| place.name == *name).ok_or_else(|| {
                let message = format!("The key names `{name}`, which is not written to `{target}`.");
                ConnectorError::new(ErrorKind::Config, message)
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let by = keys.iter().map(|place| place.cell.as_str()).collect::<Vec<_>>().join(", ");
    let on = keys
        .iter()
        .map(|place| format!("d.{} = s.{}", quoted(&place.standing), quoted(&place.standing)))
        .collect::<Vec<_>>()
        .join(" and ");
    let set = |wanted: &dyn Fn(&Place) -> bool| {
        places
            .iter()
            .filter(|place| wanted(place))
            .map(|place| format!("{} = s.{}", quoted(&place.standing), quoted(&place.standing)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let names = places.iter().map(|place| quoted(&place.standing)).collect::<Vec<_>>().join(", ");
    let values = places.iter().map(|place| format!("s.{}", quoted(&place.standing))).collect::<Vec<_>>().join(", ");
    let cells = places
        .iter()
        .map(|place| format!("{} as {}", place.stored(), quoted(&place.standing)))
        .collect::<Vec<_>>()
        .join(", ");
    // By log position where there is one, otherwise by arrival. The rows are found by their numbers: DuckDB would keep many
    // wide copies of them while it ranks.
    let newest = |of: &str, deleted: bool| {
        format!(
            "(select {cells} from temp.stage where seq in (select seq from (select seq, deleted, row_number() over \
             (partition by {by} order by position desc nulls last, seq desc) as place from temp.stage {of}) \
             where place = 1 and deleted = {deleted}))"
        )
    };
    let (rows, gone) = (newest("where not deleted", false), newest("", true));
    let update = |set: &str, from: &str| format!("update {target} as d set {set} from {from} as s where {on}");
    let insert = |from: &str| {
        format!(
            "insert into {target} ({names}) select {values} from {from} as s \
             where not exists (select 1 from {target} as d where {on})"
        )
    };
    let mut steps = Vec::new();
    let all_but_key = set(&|place| !key.contains(&place.name));
    if !all_but_key.is_empty() {
        steps.push(update(&all_but_key, &rows));
    }
    steps.push(insert(&rows));
    match deletes {
        Deletes::Hard => {
            steps.push(format!("delete from {target} as d using {gone} as s where {on}"));
        }
        Deletes::Soft => {
            let marks = set(&|place| [DELETED_COLUMN, RUN_ID_COLUMN, SYNCED_AT_COLUMN].contains(&place.name.as_str()));
            if !marks.is_empty() {
                steps.push(update(&marks, &gone));
                steps.push(insert(&gone));
            }
        }
        Deletes::Ignore => {}
    }
    for step in steps {
        connection.execute_batch(&step).map_err(failure::of(target))?;
    }
    Ok(())
}
