//! Plans compared by meaning: what an expectation leaves out is free, what it sets to null must be absent, the rest must
//! mean the same.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::recorder::columns;
use super::world::{World, WorldStream};
use crate::connectors::Column;
use crate::plan::spec::{PlanSpec, ReadSpec, ScheduleSpec, StreamSpec, WriteSpec};
use crate::plan::{cast, filter, schedule::Timetable, span::Span};

/// What differs.
pub(super) fn plan(expected: &Value, spec: &PlanSpec, world: &World) -> Vec<String> {
    let mut differences = Vec::new();
    let Some(fields) = expected.as_object() else {
        return vec!["the expectation is no object".to_owned()];
    };
    let actual = json!(spec);
    for (name, wanted) in fields {
        match name.as_str() {
            "streams" => streams(wanted, spec, world, &mut differences),
            "schedule" => schedule(wanted, spec.schedule.as_ref(), world.now, &mut differences),
            _ => subset(name, wanted, actual.get(name), &mut differences),
        }
    }
    differences
}

/// Whether a value holds everything that is wanted of it.
fn subset(path: &str, wanted: &Value, actual: Option<&Value>, differences: &mut Vec<String>) {
    match (wanted, actual) {
        (Value::Null, None | Some(Value::Null)) => {}
        (Value::Null, Some(actual)) => differences.push(format!("{path} is {actual}, expected none")),
        (_, None) => differences.push(format!("{path} is absent, expected {wanted}")),
        (Value::Object(fields), Some(Value::Object(have))) => {
            for (name, wanted) in fields {
                subset(&format!("{path}.{name}"), wanted, have.get(name), differences);
            }
        }
        (Value::Array(items), Some(Value::Array(have))) => {
            for item in items {
                let fits = |candidate: &Value| {
                    let mut inner = Vec::new();
                    subset(path, item, Some(candidate), &mut inner);
                    inner.is_empty()
                };
                if !have.iter().any(fits) {
                    differences.push(format!("{path} has no {item}"));
                }
            }
        }
        (wanted, Some(actual)) => {
            if !same_scalar(path, wanted, actual) {
                differences.push(format!("{path} is {actual}, expected {wanted}"));
            }
        }
    }
}

fn same_scalar(path: &str, wanted: &Value, actual: &Value) -> bool {
    if wanted == actual {
        return true;
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    path.ends_with("batch_bytes") && bytes(&text(wanted)).is_some() && bytes(&text(wanted)) == bytes(&text(actual))
}

fn bytes(text: &str) -> Option<u64> {
    use crate::plan::spec::ByteSize;
    text.parse().ok().map_or_else(|| ByteSize::Text(text.to_owned()).bytes(), Some)
}

fn streams(wanted: &Value, spec: &PlanSpec, world: &World, differences: &mut Vec<String>) {
    let wanted: Vec<&Map<String, Value>> = wanted.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    let name = |stream: &Map<String, Value>| stream.get("stream").and_then(Value::as_str).unwrap_or_default().to_owned();
    let expected: BTreeSet<String> = wanted.iter().map(|stream| name(stream)).collect();
    let actual: BTreeSet<String> = spec.streams.iter().map(|stream| stream.stream.clone()).collect();
    if expected != actual {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        differences.push(format!("streams are {}, expected {}", list(&actual), list(&expected)));
    }
    for stream in wanted {
        let Some(found) = spec.streams.iter().find(|found| found.stream == name(stream)) else { continue };
        let known = world.connection(&spec.source.connection).and_then(|connection| connection.stream(&found.stream).map(|stream| (stream, connection.connector.as_str())));
        let mut inner = Vec::new();
        one(stream, found, known, &mut inner);
        differences.extend(inner.into_iter().map(|difference| format!("{}: {difference}", found.stream)));
    }
}

fn one(wanted: &Map<String, Value>, found: &StreamSpec, world: Option<(&WorldStream, &str)>, differences: &mut Vec<String>) {
    let mut actual = json!(found);
    fill_defaults(&mut actual, found, world);
    let all: Vec<Column> = world.map(|(stream, family)| columns(stream, family)).unwrap_or_default();
    for (name, expected) in wanted {
        let have = actual.get(name);
        if expected.is_null() {
            subset(name, expected, json!(found).get(name), differences);
            continue;
        }
        match name.as_str() {
            "filter" => same_filter(expected, found.filter.as_deref(), &all, differences),
            "select" | "exclude" => same_columns(name, expected, found, &all, differences),
            "key" => {
                let set = |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<String>>();
                let have = have.map(set).unwrap_or_default();
                if have != set(expected) {
                    differences.push(format!("key is {have:?}, expected {expected}"));
                }
            }
            "lookback" => {
                let parse = |text: Option<&str>| text.and_then(Span::parse);
                let (one, other) = (parse(expected.as_str()), parse(found.lookback.as_deref()));
                if one.is_none() || one != other {
                    differences.push(format!("lookback is {:?}, expected {expected}", found.lookback));
                }
            }
            "cast" => {
                for (column, wanted) in expected.as_object().into_iter().flatten() {
                    let parse = |text: Option<&str>| text.and_then(cast::parse);
                    let have = found.cast.get(column).map(String::as_str);
                    if parse(wanted.as_str()).is_none() || parse(wanted.as_str()) != parse(have) {
                        differences.push(format!("{column} is cast to {have:?}, expected {wanted}"));
                    }
                }
            }
            _ => subset(name, expected, have, differences),
        }
    }
}

/// What a plan that leaves something out means.
fn fill_defaults(actual: &mut Value, found: &StreamSpec, world: Option<(&WorldStream, &str)>) {
    let key = world.map(|(stream, _)| stream.primary_key.clone()).unwrap_or_default();
    let write = found.write.unwrap_or(match found.read {
        ReadSpec::Full => WriteSpec::Replace,
        _ if !found.key.is_empty() || !key.is_empty() => WriteSpec::Merge,
        _ => WriteSpec::Append,
    });
    let Some(fields) = actual.as_object_mut() else { return };
    fields.insert("write".to_owned(), json!(write));
    if found.key.is_empty() && write == WriteSpec::Merge && !key.is_empty() {
        fields.insert("key".to_owned(), json!(key));
    }
    let name = world.map_or_else(|| found.stream.rsplit('.').next().unwrap_or_default().to_owned(), |(stream, _)| stream.parts().1.to_owned());
    fields.entry("target").or_insert(json!(name));
}

fn same_filter(expected: &Value, found: Option<&str>, columns: &[Column], differences: &mut Vec<String>) {
    let wanted = expected.as_str().unwrap_or_default();
    let Some(found) = found else {
        differences.push(format!("no filter, expected {wanted}"));
        return;
    };
    let parse = |text: &str| filter::parse(text, columns, "").map(|filter| filter::canonical(&filter, columns));
    match (parse(wanted), parse(found)) {
        (Ok(one), Ok(other)) if one == other => {}
        (Err(problems), _) => differences.push(format!("the expected filter `{wanted}` cannot be read: {problems:?}")),
        _ => differences.push(format!("filter is `{found}`, expected `{wanted}`")),
    }
}

/// A `select` of all others is an `exclude`: what moves is compared.
fn same_columns(name: &str, expected: &Value, found: &StreamSpec, columns: &[Column], differences: &mut Vec<String>) {
    let listed: BTreeSet<&str> = expected.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let wanted: BTreeSet<&str> = if name == "select" { listed } else { all.difference(&listed).copied().collect() };
    let selected: BTreeSet<&str> = if found.select.is_empty() { all } else { found.select.iter().map(String::as_str).collect() };
    let moved: BTreeSet<&str> = selected.into_iter().filter(|column| !found.exclude.iter().any(|left| left == column)).collect();
    if moved != wanted {
        differences.push(format!("the columns that move are {moved:?}, expected {wanted:?}"));
    }
}

fn schedule(wanted: &Value, found: Option<&ScheduleSpec>, now: DateTime<Utc>, differences: &mut Vec<String>) {
    if wanted.is_null() {
        if let Some(found) = found {
            differences.push(format!("schedule is {}, expected none", json!(found)));
        }
        return;
    }
    let Some(found) = found else {
        differences.push(format!("no schedule, expected {wanted}"));
        return;
    };
    let mut complete = wanted.clone();
    // What the expectation leaves out is as the plan has it.
    if let (Some(fields), ScheduleSpec::Cron(cron)) = (complete.as_object_mut(), found) {
        if !fields.contains_key("every") {
            fields.entry("cron").or_insert(json!(cron.cron));
            fields.entry("timezone").or_insert(json!(cron.timezone));
        }
    }
    let parsed: Option<ScheduleSpec> = serde_json::from_value(complete).ok();
    let Some(wanted_times) = parsed.and_then(|spec| Timetable::parse(&spec).ok()) else {
        differences.push(format!("the expected schedule {wanted} cannot be read"));
        return;
    };
    let Ok(times) = Timetable::parse(found) else {
        differences.push(format!("schedule {} cannot be read", json!(found)));
        return;
    };
    // Far enough to see the end of a month, a leap day and both changes of the clock.
    const FIRES: usize = 800;
    let start = |half_year: i64| now + chrono::Duration::days(183 * half_year);
    let same = (0..3).all(|half_year| wanted_times.next(FIRES / 4, start(half_year)) == times.next(FIRES / 4, start(half_year))) && wanted_times.next(40, now) == times.next(40, now);
    let same_kind = wanted.get("every").is_some() == matches!(found, ScheduleSpec::Every(_));
    if !same || !same_kind && !same {
        differences.push(format!("schedule is {}, expected {wanted}", json!(found)));
    }
}
