//! A plan put forward, and what becomes of it when it is refused: mended where the mend is plain, otherwise asked about.

use serde_json::{Value, json};

use super::Request;
use super::destination::Target;
use super::source::choices;
use crate::agent::builtin::knowledge::ColumnKind;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::link::column::Columns;
use crate::agent::builtin::step::{Step, ask, obstacle};
use crate::agent::builtin::transcript::{Problem, difference};
use crate::connectors::NullCursor;
use crate::plan::spec::{AssumptionSpec, PlanSpec, WriteSpec};

/// So many times a plan is mended in one turn.
const MENDS: usize = 4;

const OBSTACLES: &[&str] = &[
    "no_permission",
    "not_a_source",
    "not_a_destination",
    "unknown_connector",
    "cdc_not_ready",
    "unsupported_mode",
    "no_cursor",
];

pub(super) fn propose(request: &Request<'_>, mut spec: PlanSpec, columns: &Columns, target: &Target) -> Step {
    let refusals = request.talk.current().map(|turn| turn.refusals.as_slice()).unwrap_or_default();
    for refusal in refusals {
        for problem in &refusal.problems {
            mend(request, &mut spec, problem);
        }
    }
    let plan = json!(spec);
    if let Some(last) = refusals.last()
        && (last.plan == plan || refusals.len() > MENDS)
    {
        return refused(request, &spec, &last.problems, columns, target);
    }
    put(request, &plan)
}

/// Puts a plan before the person: as a change of the one on offer where there is one.
fn put(request: &Request<'_>, plan: &Value) -> Step {
    let offered = request
        .talk
        .plans()
        .last()
        .map(|plan| (*plan).clone())
        .filter(|_| !request.talk.confirmed && !request.talk.cannot_revise && request.talk.on_offer());
    if let Some(before) = offered.filter(|_| request.draft.plan.is_some()) {
        let changes = difference(&before, plan);
        if changes.as_object().is_some_and(|changes| !changes.is_empty())
            && changes.as_object().is_none_or(|changes| !changes.values().any(has_null_inside))
        {
            return Step::Call { say: None, tool: "revise_plan", arguments: json!({"changes": changes}) };
        }
    }
    Step::Call { say: None, tool: "propose_plan", arguments: json!({"plan": plan}) }
}

/// A merge patch cannot set a field to null; plans hold none, so a null below the top would be taken for a removal.
fn has_null_inside(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| item.is_null() || has_null_inside(item)),
        _ => false,
    }
}

/// What a plan that was accepted does, in a sentence: said once it has been checked.
pub(in crate::agent::builtin) fn summary(spec: &PlanSpec) -> String {
    let names: Vec<String> = spec.streams.iter().take(4).map(|stream| format!("`{}`", stream.stream)).collect();
    let more = spec.streams.len().saturating_sub(names.len());
    let streams = if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") };
    let place = match &spec.destination.namespace {
        Some(namespace) => format!("`{namespace}` of `{}`", spec.destination.connection),
        None => format!("`{}`", spec.destination.connection),
    };
    format!("This plan moves {streams} from `{}` to {place}. It waits for your confirmation.", spec.source.connection)
}

/// The stream that a problem's pointer is about.
fn index(problem: &Problem) -> Option<usize> {
    problem.pointer.strip_prefix("/streams/")?.split('/').next()?.parse().ok()
}

/// The last step of a pointer.
fn leaf(problem: &Problem) -> String {
    problem.pointer.rsplit('/').next().unwrap_or("").replace("~1", "/").replace("~0", "~")
}

/// Mends what has one plain mend; says so as an assumption.
fn mend(request: &Request<'_>, spec: &mut PlanSpec, problem: &Problem) {
    let Some(stream) = index(problem).and_then(|index| spec.streams.get_mut(index)) else {
        if problem.code == "unknown_namespace" && problem.suggestion.as_deref() == Some("Leave `namespace` out.") {
            spec.destination.namespace = None;
        }
        return;
    };
    let name = stream.stream.clone();
    let (slot, text) = match problem.code.as_str() {
        "cursor_nullable" => {
            let exclude = problem.suggestion.as_deref() == Some("exclude");
            stream.null_cursor = Some(if exclude { NullCursor::Exclude } else { NullCursor::Include });
            let cursor = stream.cursor.clone().unwrap_or_default();
            let fate = if exclude { "are left out" } else { "are read in every run" };
            ("streams.cursor", format!("Rows of `{name}` without `{cursor}` {fate}."))
        }
        // The destination cannot merge, and nobody asked for it.
        "unsupported_mode"
            if leaf(problem) == "write" && stream.write == Some(WriteSpec::Merge) && !asks_to_merge(request) =>
        {
            stream.write = Some(WriteSpec::Append);
            stream.key.clear();
            (
                "streams.mode",
                format!(
                    "Rows of `{name}` are appended, since the destination cannot merge; a changed row is added again."
                ),
            )
        }
        "target_collision" => {
            let Some(target) = problem.suggestion.clone().filter(|target| !target.contains(' ')) else { return };
            stream.target = Some(target.clone());
            ("streams", format!("`{name}` goes to `{target}`, since another stream takes its name."))
        }
        "lossy_type" => {
            let column = leaf(problem);
            stream.cast.insert(column.clone(), "text".to_owned());
            ("streams.columns", format!("`{column}` of `{name}` is stored as text, which keeps every value."))
        }
        "name_too_long" => {
            let Some(shorter) = problem.suggestion.clone().filter(|name| !name.contains(' ')) else { return };
            let column = leaf(problem);
            if column == "target" {
                stream.target = Some(shorter.clone());
            } else {
                stream.rename.insert(column.clone(), shorter.clone());
            }
            (
                "streams.columns",
                format!("`{column}` is called `{shorter}`, since the destination takes no longer name."),
            )
        }
        _ => return,
    };
    if !spec.assumptions.iter().any(|known| known.text == text) {
        spec.assumptions.push(AssumptionSpec { slot: slot.to_owned(), text });
    }
}

/// Whether somebody asked for rows to be merged.
fn asks_to_merge(request: &Request<'_>) -> bool {
    request.heard.iter().any(|(reading, _)| {
        [Class::Merge, Class::Dedupe, Class::Key]
            .iter()
            .any(|class| lexicon::find(&reading.sentence, *class).is_some_and(|(at, _)| reading.free(at)))
    })
}

/// A refusal that cannot be mended: it stands in the way, or takes an answer.
fn refused(request: &Request<'_>, spec: &PlanSpec, problems: &[Problem], columns: &Columns, target: &Target) -> Step {
    // What was named for the cursor comes before what follows from it.
    let named = problems.iter().find(|problem| problem.code == "cursor_not_orderable");
    let obstacle_found =
        problems.iter().find(|problem| OBSTACLES.contains(&problem.code.as_str())).filter(|_| named.is_none());
    let problems = named.map_or(problems, std::slice::from_ref);
    let Some(problem) = obstacle_found.or(problems.first()) else {
        return Step::Say("The plan was refused without a reason. Say again what should move.".to_owned());
    };
    let text = sentence(problem);
    let stream = index(problem).and_then(|index| spec.streams.get(index));
    if obstacle_found.is_some() {
        let options = match problem.code.as_str() {
            "not_a_source" => choices(request, true),
            "not_a_destination" => choices(request, false),
            "no_cursor" | "cdc_not_ready" => vec![("Full copy".to_owned(), "full refresh".to_owned())],
            _ => Vec::new(),
        };
        return obstacle(&problem.code, text, options);
    }
    let slot = slot(problem);
    let options = match slot {
        "destination.namespace" => target.existing.iter().map(|name| (name.clone(), format!("into {name}"))).collect(),
        "destination.connection" => choices(request, false),
        "source.connection" => choices(request, true),
        "streams.cursor" => times(columns, stream.map(|stream| stream.stream.as_str())),
        "streams.key" => vec![("Append instead".to_owned(), "append, without a key".to_owned())],
        "streams.filter" => vec![("All rows".to_owned(), "no filter".to_owned())],
        "streams.mode" => {
            vec![("Full copy".to_owned(), "full refresh".to_owned()), ("Append".to_owned(), "append".to_owned())]
        }
        "schedule" => vec![("On demand".to_owned(), "no schedule".to_owned())],
        "runtime" => vec![("local".to_owned(), "run it locally".to_owned())],
        _ => Vec::new(),
    };
    ask(slot, text, options)
}

fn sentence(problem: &Problem) -> String {
    match problem.suggestion.as_deref().filter(|suggestion| !suggestion.is_empty()) {
        Some(suggestion) => format!("{} Suggested: {suggestion}", problem.message),
        None => problem.message.clone(),
    }
}

/// The slot whose answer would remove a problem.
fn slot(problem: &Problem) -> &'static str {
    let pointer = problem.pointer.as_str();
    match problem.code.as_str() {
        "unknown_namespace" => "destination.namespace",
        "filter_syntax" | "filter_type" | "filter_unsupported" => "streams.filter",
        "cursor_not_orderable" | "cursor_nullable" => "streams.cursor",
        "no_key" | "key_nullable" | "key_not_unique" => "streams.key",
        "lookback_needs_merge" | "bad_duration" if pointer.contains("/lookback") => "streams.mode",
        "bad_schedule" | "unknown_timezone" | "bad_duration" => "schedule",
        "unknown_runtime" => "runtime",
        "unknown_stream" | "duplicate_stream" | "target_collision" => "streams",
        "unknown_column" if pointer.ends_with("/filter") => "streams.filter",
        "unknown_column" if pointer.ends_with("/cursor") => "streams.cursor",
        "unknown_column" if pointer.contains("/key") => "streams.key",
        "unknown_column" | "bad_cast" | "lossy_type" | "name_collision" | "select_and_exclude" | "no_columns"
        | "reserved_name" => "streams.columns",
        "unknown_connection" | "unreachable" | "same_object" if pointer.starts_with("/source") => "source.connection",
        "unknown_connection" | "unreachable" | "same_object" => "destination.connection",
        _ => "goal",
    }
}

fn times(columns: &Columns, stream: Option<&str>) -> Vec<(String, String)> {
    columns
        .schemas()
        .iter()
        .filter(|schema| stream.is_none_or(|stream| schema.stream == stream))
        .flat_map(|schema| &schema.columns)
        .filter(|column| matches!(column.kind, ColumnKind::Timestamp | ColumnKind::Date))
        .map(|column| (column.name.clone(), format!("incremental by {}", column.name)))
        .collect()
}
