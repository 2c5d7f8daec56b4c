//! Whether what a turn did is what was expected of it.

use serde_json::{Map, Value, json};

use super::compare;
use super::world::World;
use crate::events::{ActionState, Event};
use crate::plan::Offered;

/// Where the talk stands after a turn.
pub(super) struct After<'a> {
    /// What the turn told.
    pub events: &'a [Event],
    pub offered: Option<&'a Offered>,
    /// Started in the whole talk.
    pub runs: usize,
    pub world: &'a World,
}

/// Everything that does not hold, each with its reason.
pub(super) fn turn(expect: &Map<String, Value>, after: &After<'_>) -> Vec<String> {
    let mut failures = Vec::new();
    for (key, expected) in expect {
        match key.as_str() {
            "plan" => plan(expected, after, &mut failures),
            "ask" => ask(expected, after, &mut failures),
            "assumptions" => assumptions(expected, after, &mut failures),
            "either" => either(expected, after, &mut failures),
            "problem" => problem(expected, after, &mut failures),
            "diagnosis" => diagnosis(expected, after, &mut failures),
            "action" => action(expected, expect.get("on"), after, &mut failures),
            "on" if expect.contains_key("action") => {}
            "destructive" => destructive(expected, after, &mut failures),
            "secret_redacted" => flag("a secret was redacted", expected, after.events.iter().any(|event| matches!(event, Event::SecretRedacted { .. })), &mut failures),
            "out_of_scope" => flag("it was declined, and nothing was done", expected, declined(after), &mut failures),
            "runs" => {
                if expected.as_u64() != u64::try_from(after.runs).ok() {
                    failures.push(format!("{} runs were started, expected {expected}", after.runs));
                }
            }
            other => failures.push(format!("`{other}` is no expectation of this format")),
        }
    }
    failures
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn plan(expected: &Value, after: &After<'_>, failures: &mut Vec<String>) {
    match (expected.is_null(), after.offered) {
        (true, None) => {}
        (true, Some(offered)) => failures.push(format!("a plan is on offer: {}", json!(offered.spec))),
        (false, None) => failures.push("no plan is on offer".to_owned()),
        (false, Some(offered)) => failures.extend(compare::plan(expected, &offered.spec, after.world).into_iter().map(|difference| format!("plan: {difference}"))),
    }
}

fn asked(after: &After<'_>) -> Vec<String> {
    let mut slots: Vec<String> = Vec::new();
    for event in after.events {
        if let Event::Question { about, .. } = event
            && !slots.contains(about)
        {
            slots.push(about.clone());
        }
    }
    slots
}

fn ask(expected: &Value, after: &After<'_>, failures: &mut Vec<String>) {
    let wanted = texts(expected);
    let slots = asked(after);
    if after.offered.is_some() {
        failures.push(format!("a plan is on offer where a question about {} was expected", wanted.join(" or ")));
    } else if !slots.iter().any(|slot| wanted.contains(slot)) {
        let told = if slots.is_empty() { "nothing".to_owned() } else { slots.join(", ") };
        failures.push(format!("asked about {told}, expected {}", wanted.join(" or ")));
    } else if slots.iter().filter(|slot| !wanted.contains(slot)).count() > 1 {
        failures.push(format!("asked about too much: {}", slots.join(", ")));
    }
}

fn assumptions(expected: &Value, after: &After<'_>, failures: &mut Vec<String>) {
    let stated: Vec<&str> = after.offered.map(|offered| offered.spec.assumptions.iter().map(|assumption| assumption.slot.as_str()).collect()).unwrap_or_default();
    for slot in texts(expected) {
        if !stated.contains(&slot.as_str()) {
            failures.push(format!("no assumption is stated about {slot}; stated: {}", stated.join(", ")));
        }
    }
}

fn either(expected: &Value, after: &After<'_>, failures: &mut Vec<String>) {
    let sets: Vec<&Map<String, Value>> = expected.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    let outcomes: Vec<Vec<String>> = sets.iter().map(|set| turn(set, after)).collect();
    if !outcomes.iter().any(Vec::is_empty) {
        let reasons: Vec<String> = outcomes.iter().map(|outcome| outcome.join("; ")).collect();
        failures.push(format!("neither holds: {}", reasons.join(" | ")));
    }
}

fn problems(after: &After<'_>) -> Vec<&str> {
    after
        .events
        .iter()
        .filter_map(|event| match event {
            Event::PlanRejected { problems } => Some(problems.iter().map(|problem| problem.code.as_str())),
            _ => None,
        })
        .flatten()
        .collect()
}

fn problem(expected: &Value, after: &After<'_>, failures: &mut Vec<String>) {
    let said = problems(after);
    let wanted = expected.as_str().unwrap_or_default();
    if !said.contains(&wanted) {
        failures.push(format!("the problem {wanted} was not stated; stated: {}", said.join(", ")));
    }
}

fn diagnosis(expected: &Value, after: &After<'_>, failures: &mut Vec<String>) {
    let top = after.events.iter().rev().find_map(|event| match event {
        Event::Diagnosis { causes, .. } => Some(causes.first().map_or("nothing", |cause| cause.code.as_str())),
        _ => None,
    });
    if top != expected.as_str() {
        failures.push(format!("diagnosed as {}, expected {expected}", top.unwrap_or("nothing at all")));
    }
}

fn action(expected: &Value, on: Option<&Value>, after: &After<'_>, failures: &mut Vec<String>) {
    let wanted = expected.as_str().unwrap_or_default();
    let changes = !matches!(wanted, "show_runs" | "show_logs" | "explain_pipeline" | "list_connections" | "search_catalog");
    let done: Vec<(&str, Option<&str>, ActionState)> = after
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Action { action, on, state, .. } => Some((action.as_str(), on.as_deref(), *state)),
            _ => None,
        })
        .collect();
    let fits = |(action, at, state): &(&str, Option<&str>, ActionState)| {
        *action == wanted && on.and_then(Value::as_str).is_none_or(|on| *at == Some(on)) && (!changes || *state == ActionState::Offered)
    };
    if !done.iter().any(fits) {
        let told: Vec<String> = done.iter().map(|(action, at, _)| at.map_or_else(|| (*action).to_owned(), |at| format!("{action} on {at}"))).collect();
        let on = on.and_then(Value::as_str).map(|on| format!(" on {on}")).unwrap_or_default();
        failures.push(format!("did {}, expected {wanted}{on}", if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }));
    }
}

fn destructive(expected: &Value, after: &After<'_>, failures: &mut Vec<String>) {
    let named: Vec<String> = after.offered.map(|offered| offered.view.destructive.clone()).unwrap_or_default();
    for target in texts(expected) {
        // A preview names a table with its namespace; an expectation may leave that out.
        let there = named.iter().any(|name| *name == target || name.strip_suffix(&target).is_some_and(|rest| rest.ends_with('.')) || target.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')));
        if !there {
            failures.push(format!("`{target}` is not named as replaced; named: {}", named.join(", ")));
        }
    }
}

fn declined(after: &After<'_>) -> bool {
    let said = after.events.iter().any(|event| matches!(event, Event::OutOfScope { .. }));
    let acted = after.events.iter().any(|event| matches!(event, Event::PlanProposed { .. } | Event::Action { .. }));
    said && !acted
}

fn flag(what: &str, expected: &Value, found: bool, failures: &mut Vec<String>) {
    if expected.as_bool() != Some(found) {
        failures.push(format!("{what}: {found}, expected {expected}"));
    }
}

/// What a turn came to, in a line, for reports.
pub(super) fn told(events: &[Event], offered: Option<&Offered>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut text = String::new();
    for event in events {
        match event {
            Event::TextDelta { text: more, .. } => text.push_str(more),
            Event::Question { about, text, options } => {
                let options: Vec<&str> = options.iter().map(|option| option.label.as_str()).collect();
                parts.push(format!("asked about {about}: {text} [{}]", options.join(" | ")));
            }
            Event::PlanRejected { problems } => parts.extend(problems.iter().map(|problem| format!("problem {} at `{}`: {}", problem.code, problem.pointer, problem.message))),
            Event::Action { action, on, .. } => parts.push(format!("{action} on {}", on.as_deref().unwrap_or("-"))),
            Event::OutOfScope { .. } => parts.push("declined".to_owned()),
            Event::Diagnosis { causes, .. } => parts.push(format!("diagnosed {}", causes.first().map_or("nothing", |cause| cause.code.as_str()))),
            Event::TurnEnded { message: Some(message), .. } => parts.push(format!("ended: {message}")),
            _ => {}
        }
    }
    if let Some(offered) = offered {
        parts.push(format!("plan {}", json!(offered.spec)));
    }
    if !text.is_empty() {
        parts.push(format!("said: {}", text.trim()));
    }
    parts.join("; ")
}
