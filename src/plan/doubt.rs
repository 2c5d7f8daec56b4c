//! A plan held against what a second reader found in the person's words. Where the two contradict each other the plan is not
//! refused, for the reader may be the one who is wrong: the person is told what to look at.

use super::Problem;
use super::filter::{canonical, parse, render};
use super::schedule::Timetable;
use super::spec::{PlanSpec, ReadSpec, ScheduleSpec, StreamSpec, WriteSpec};
use crate::connectors::Column;

/// Of a plan that is another one altogether, so many contradictions are told.
const MOST: usize = 8;
/// Schedules are the same when they agree on so many next times.
const FIRES: usize = 6;

/// Where `plan` contradicts `heard`. `namespace` is the one that the plan writes to, the destination's default where it names
/// none; `columns` are those of a stream of the plan, where they are known.
pub(super) fn doubts<'a>(
    heard: &PlanSpec,
    plan: &PlanSpec,
    namespace: Option<&str>,
    columns: impl Fn(&str) -> Option<&'a [Column]>,
) -> Vec<Problem> {
    let mut doubts = places(heard, plan, namespace);
    // Streams of another source are not comparable.
    if heard.source.connection == plan.source.connection {
        streams(heard, plan, columns, &mut doubts);
    }
    doubts.extend(schedule(heard.schedule.as_ref(), plan.schedule.as_ref()));
    doubts.truncate(MOST);
    doubts
}

fn doubt(pointer: impl Into<String>, message: String) -> Problem {
    Problem::new(pointer, "differs_from_words", message).suggest("Say what you meant, if this is not it.")
}

fn places(heard: &PlanSpec, plan: &PlanSpec, namespace: Option<&str>) -> Vec<Problem> {
    let mut doubts = Vec::new();
    let (meant, planned) = (&heard.source.connection, &plan.source.connection);
    if meant != planned {
        doubts.push(doubt(
            "/source/connection",
            format!("Your words seem to name `{meant}` as the source; this plan reads from `{planned}`."),
        ));
    }
    let (meant, planned) = (&heard.destination.connection, &plan.destination.connection);
    if meant != planned {
        doubts.push(doubt(
            "/destination/connection",
            format!("Your words seem to name `{meant}` as the destination; this plan writes to `{planned}`."),
        ));
    } else if let Some(meant) = &heard.destination.namespace
        && let Some(planned) = namespace.filter(|planned| !planned.eq_ignore_ascii_case(meant))
    {
        doubts.push(doubt(
            "/destination/namespace",
            format!(
                "Your words seem to name `{meant}` as the place in the destination; this plan writes to `{planned}`."
            ),
        ));
    }
    doubts
}

fn streams<'a>(
    heard: &PlanSpec,
    plan: &PlanSpec,
    columns: impl Fn(&str) -> Option<&'a [Column]>,
    doubts: &mut Vec<Problem>,
) {
    for meant in &heard.streams {
        if !plan.streams.iter().any(|planned| planned.stream == meant.stream) {
            let message = format!("Your words seem to ask for `{}`; this plan does not move it.", meant.stream);
            doubts.push(doubt("/streams", message));
        }
    }
    for (index, planned) in plan.streams.iter().enumerate() {
        let at = format!("/streams/{index}");
        let Some(meant) = heard.streams.iter().find(|meant| meant.stream == planned.stream) else {
            let message = format!("Nothing in your words seems to ask for `{}`; this plan moves it.", planned.stream);
            doubts.push(doubt(at, message));
            continue;
        };
        doubts.extend(rows(&at, meant, planned, columns(&planned.stream)));
        doubts.extend(modes(&at, meant, planned));
        doubts.extend(left_out(&at, meant, planned));
    }
}

fn rows(at: &str, meant: &StreamSpec, planned: &StreamSpec, columns: Option<&[Column]>) -> Option<Problem> {
    let columns = columns?;
    let plain = |filter: &Option<String>| {
        filter
            .as_ref()
            .and_then(|text| parse(text, columns, "").ok())
            .map(|filter| render(&canonical(&filter, columns)))
    };
    let stream = &planned.stream;
    let message = match (plain(&meant.filter), plain(&planned.filter)) {
        (Some(meant), Some(planned)) if meant != planned => {
            format!(
                "Of `{stream}` your words seem to mean the rows where {meant}; this plan moves those where {planned}."
            )
        }
        // A filter that cannot be read here is not compared.
        (Some(words), None) if planned.filter.is_none() => {
            format!("Of `{stream}` your words seem to mean only the rows where {words}; this plan moves every row.")
        }
        (None, Some(planned)) if meant.filter.is_none() => {
            format!("Nothing in your words seems to limit `{stream}`; this plan moves only the rows where {planned}.")
        }
        _ => return None,
    };
    Some(doubt(format!("{at}/filter"), message))
}

fn modes(at: &str, meant: &StreamSpec, planned: &StreamSpec) -> Option<Problem> {
    let stream = &planned.stream;
    if meant.read != planned.read {
        // Reading in full is what is understood where nothing was said, and contradicts nothing.
        return (meant.read != ReadSpec::Full).then(|| {
            let (meant, planned) = (read(meant.read), read(planned.read));
            let message = format!("Your words seem to ask for {meant} of `{stream}`; this plan makes {planned}.");
            doubt(format!("{at}/read"), message)
        });
    }
    let (meant, planned) = (write(meant), write(planned));
    (meant != planned).then(|| {
        let message = format!("Your words seem to mean that `{stream}` {meant}; in this plan it {planned}.");
        doubt(format!("{at}/write"), message)
    })
}

fn read(read: ReadSpec) -> &'static str {
    match read {
        ReadSpec::Full => "a full read each time",
        ReadSpec::Incremental => "an incremental read",
        ReadSpec::Cdc => "a capture of changes from the log",
    }
}

/// What happens to the target, with the plan's own defaults.
fn write(stream: &StreamSpec) -> &'static str {
    let default = match stream.read {
        ReadSpec::Full => WriteSpec::Replace,
        ReadSpec::Incremental | ReadSpec::Cdc if !stream.key.is_empty() => WriteSpec::Merge,
        ReadSpec::Incremental | ReadSpec::Cdc => WriteSpec::Append,
    };
    match stream.write.unwrap_or(default) {
        WriteSpec::Replace => "replaces the target",
        WriteSpec::Append => "is appended to the target",
        WriteSpec::Merge => "is merged into the target by its key",
    }
}

/// Columns that the person wants left out or masked and that the plan moves as they are.
fn left_out(at: &str, meant: &StreamSpec, planned: &StreamSpec) -> Option<Problem> {
    let bare = |column: &&String| {
        !planned.exclude.contains(column)
            && !planned.mask.contains_key(*column)
            && (planned.select.is_empty() || planned.select.contains(column))
    };
    let columns: Vec<String> =
        meant.exclude.iter().chain(meant.mask.keys()).filter(bare).map(|column| format!("`{column}`")).collect();
    if columns.is_empty() {
        return None;
    }
    let message = format!(
        "Your words seem to ask that {} of `{}` be left out or masked; this plan moves it as it is.",
        columns.join(", "),
        planned.stream
    );
    Some(doubt(at, message))
}

fn schedule(meant: Option<&ScheduleSpec>, planned: Option<&ScheduleSpec>) -> Option<Problem> {
    let read = |schedule: &ScheduleSpec| Timetable::parse(schedule).ok();
    let message = match (meant.map(read), planned.map(read)) {
        (Some(Some(meant)), Some(Some(planned))) if !agree(&meant, &planned) => {
            format!("Your words seem to mean {}; this plan runs {}.", meant.describe(), planned.describe())
        }
        (Some(Some(meant)), None) => {
            format!("Your words seem to ask for a schedule ({}); this plan runs on demand.", meant.describe())
        }
        (None, Some(Some(planned))) => {
            format!("Nothing in your words seems to ask for a schedule; this plan runs {}.", planned.describe())
        }
        _ => return None,
    };
    Some(doubt("/schedule", message))
}

fn agree(a: &Timetable, b: &Timetable) -> bool {
    // Any moment will do: timetables that mean the same agree from each.
    let from = chrono::DateTime::UNIX_EPOCH;
    a.next(FIRES, from) == b.next(FIRES, from)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::connectors::{ColumnType, LogicalType};

    fn spec(change: impl FnOnce(&mut Value)) -> PlanSpec {
        let mut plan = json!({
            "version": 1, "name": "x", "source": {"connection": "shop"}, "destination": {"connection": "lake"},
            "streams": [{"stream": "orders"}],
        });
        change(&mut plan);
        serde_json::from_value(plan).unwrap()
    }

    fn told(heard: impl FnOnce(&mut Value), planned: impl FnOnce(&mut Value)) -> Vec<String> {
        let column = |name: &str, logical: LogicalType, spelled: &str| {
            Column::new(name, ColumnType::new(logical, "postgres", spelled), true)
        };
        let text = || LogicalType::Text;
        let columns = [
            column("id", LogicalType::Int64, "bigint"),
            column("state", text(), "text"),
            column("note", text(), "text"),
        ];
        let planned = spec(planned);
        let namespace = planned.destination.namespace.as_deref().unwrap_or("main");
        let found = doubts(&spec(heard), &planned, Some(namespace), |_| Some(&columns));
        found.into_iter().map(|doubt| format!("{} {}", doubt.pointer, doubt.message)).collect()
    }

    fn same(_: &mut Value) {}

    fn one(heard: impl FnOnce(&mut Value), planned: impl FnOnce(&mut Value), pointer: &str, words: &str) {
        let told = told(heard, planned);
        assert!(told.len() == 1 && told[0].starts_with(pointer) && told[0].contains(words), "{told:?}");
    }

    #[test]
    fn what_says_the_same_in_other_words_is_not_doubted() {
        assert_eq!(told(same, same), [] as [&str; 0]);
        let filter = |text: &'static str| move |plan: &mut Value| plan["streams"][0]["filter"] = json!(text);
        assert_eq!(told(filter("id >= 5 and state = 'x'"), filter("(state = 'x') AND id > 4")), [] as [&str; 0]);
        let cron = |plan: &mut Value| plan["schedule"] = json!({"cron": "0 * * * *"});
        let every = |plan: &mut Value| plan["schedule"] = json!({"cron": "0 0-23 * * *", "timezone": "UTC"});
        assert_eq!(told(cron, every), [] as [&str; 0]);
        let incremental = |plan: &mut Value| {
            plan["streams"][0] = json!({"stream": "orders", "read": "incremental", "cursor": "id", "key": ["id"]});
        };
        assert_eq!(told(same, incremental), [] as [&str; 0]);
        let written = |plan: &mut Value| plan["streams"][0]["write"] = json!("replace");
        assert_eq!(told(written, same), [] as [&str; 0]);
    }

    #[test]
    fn each_contradiction_is_told_with_its_place() {
        let source = |plan: &mut Value| plan["source"]["connection"] = json!("bank");
        one(same, source, "/source/connection", "reads from `bank`");
        let sink = |plan: &mut Value| plan["destination"]["connection"] = json!("evil");
        one(same, sink, "/destination/connection", "writes to `evil`");
        let space = |plan: &mut Value| plan["destination"]["namespace"] = json!("raw");
        one(space, same, "/destination/namespace", "`raw`");
        assert_eq!(told(same, space), [] as [&str; 0]);
        let default = |plan: &mut Value| plan["destination"]["namespace"] = json!("Main");
        assert_eq!(told(default, same), [] as [&str; 0]);
        let more = |plan: &mut Value| plan["streams"] = json!([{"stream": "orders"}, {"stream": "users"}]);
        one(same, more, "/streams/1", "Nothing in your words");
        one(more, same, "/streams", "`users`; this plan does not move it");
        let filter = |plan: &mut Value| plan["streams"][0]["filter"] = json!("state = 'paid'");
        one(filter, same, "/streams/0/filter", "moves every row");
        one(same, filter, "/streams/0/filter", "only the rows where");
        let other = |plan: &mut Value| plan["streams"][0]["filter"] = json!("state = 'open'");
        one(filter, other, "/streams/0/filter", "this plan moves those where");
        let cron = |plan: &mut Value| plan["schedule"] = json!({"cron": "0 2 * * *"});
        one(cron, same, "/schedule", "on demand");
        one(same, cron, "/schedule", "Nothing in your words");
        let hourly = |plan: &mut Value| plan["schedule"] = json!({"cron": "0 * * * *"});
        one(cron, hourly, "/schedule", "this plan runs");
        let incremental = |plan: &mut Value| {
            plan["streams"][0] = json!({"stream": "orders", "read": "incremental", "cursor": "id"});
        };
        one(incremental, same, "/streams/0/read", "an incremental read");
        let append = |plan: &mut Value| plan["streams"][0]["write"] = json!("append");
        one(append, same, "/streams/0/write", "replaces the target");
        let bare = |plan: &mut Value| plan["streams"][0]["exclude"] = json!(["note"]);
        one(bare, same, "/streams/0", "`note`");
        let masked = |plan: &mut Value| plan["streams"][0]["mask"] = json!({"note": "hash"});
        one(masked, same, "/streams/0", "`note`");
        assert_eq!(told(bare, masked), [] as [&str; 0]);
        let few = |plan: &mut Value| plan["streams"][0]["select"] = json!(["id"]);
        assert_eq!(told(bare, few), [] as [&str; 0]);
    }
}
