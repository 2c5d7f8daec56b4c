//! What the tools answered, in words.

use serde_json::{Value, json};

use super::NOT_OURS;
use crate::agent::builtin::lexicon;
use crate::agent::builtin::link::connection::Directory;
use crate::agent::builtin::step::{Step, ask, same};
use crate::agent::builtin::token::{Kind, Sentence};

pub(in crate::agent::builtin) fn names(answer: &Value, list: &str, field: &str) -> Vec<String> {
    answer
        .get(list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item.get(field))
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

pub(in crate::agent::builtin) fn connections(answer: &Value) -> String {
    let names = names(answer, "connections", "name");
    if names.is_empty() {
        return "This workspace has no connections yet. Add one under Connections.".to_owned();
    }
    format!("These connections are set up: `{}`.", names.join("`, `"))
}

pub(in crate::agent::builtin) fn connectors(answer: &Value) -> String {
    let found = names(answer, "connectors", "name");
    let total = answer.get("total").and_then(Value::as_u64).unwrap_or(found.len() as u64);
    match found.as_slice() {
        [] => "No connector fits that. Ask for a system by its name, or for all connectors.".to_owned(),
        [one] => format!("There is a connector for {one}. Add a connection for it under Connections."),
        many => {
            format!("{total} connectors, among them {}.", many.iter().take(12).cloned().collect::<Vec<_>>().join(", "))
        }
    }
}

pub(in crate::agent::builtin) fn runs(answer: &Value) -> String {
    let runs: Vec<String> = answer
        .get("runs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(5)
        .map(|run| {
            format!(
                "`{}`: {}",
                run.get("pipeline").and_then(Value::as_str).unwrap_or_default(),
                run.get("phase").and_then(Value::as_str).unwrap_or_default()
            )
        })
        .collect();
    if runs.is_empty() { "No runs fit.".to_owned() } else { format!("Newest first: {}.", runs.join("; ")) }
}

pub(in crate::agent::builtin) fn log(answer: &Value) -> String {
    let pipeline = answer.get("pipeline").and_then(Value::as_str).unwrap_or_default();
    let lines = answer.get("lines").and_then(Value::as_array).map_or(0, Vec::len);
    format!("The log of the newest run of `{pipeline}`, {lines} lines.")
}

/// The likeliest cause, in words.
pub(in crate::agent::builtin) fn cause(answer: &Value) -> String {
    let Some(cause) = answer.get("causes").and_then(Value::as_array).and_then(|causes| causes.first()) else {
        return "The cause cannot be told from this. Paste more of the log around the error.".to_owned();
    };
    let part = |name: &str| cause.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let fix = cause
        .get("fixes")
        .and_then(Value::as_array)
        .and_then(|fixes| fixes.first())
        .and_then(|fix| fix.get("text"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    [part("explanation"), fix.to_owned()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Nothing was understood.
pub(in crate::agent::builtin) fn puzzled(sentence: &Sentence, directory: &Directory) -> Step {
    let unknown: Vec<&str> = sentence
        .tokens
        .iter()
        .filter(|token| token.kind == Kind::Word && !lexicon::is_known(&token.word))
        .map(|token| token.text.as_str())
        .collect();
    let vocabulary = sentence.tokens.iter().any(|token| {
        matches!(
            token.word.as_str(),
            "data"
                | "table"
                | "tables"
                | "database"
                | "pipeline"
                | "sync"
                | "rows"
                | "etl"
                | "move"
                | "copy"
                | "load"
                | "plan"
                | "schedule"
                | "transfer"
        )
    });
    // `fix my laptop`: a plain order that has nothing to do with data.
    let opening = sentence.tokens.iter().find(|token| token.kind == Kind::Word && !token.word.starts_with("please"));
    let ordered = opening.is_some_and(|token| lexicon::is_english(&token.word) && !lexicon::is_known(&token.word));
    let told = !vocabulary && ordered && sentence.len() > 2 && sentence.len() <= 12;
    if told {
        return Step::Call { say: None, tool: "decline_request", arguments: json!({"text": NOT_OURS}) };
    }
    if !vocabulary && unknown.len() * 2 > sentence.len() && sentence.len() > 3 {
        return Step::Call { say: None, tool: "decline_request", arguments: json!({"text": NOT_OURS}) };
    }
    let sources =
        directory.connections().filter(|connection| connection.source).map(|connection| connection.name.clone());
    ask(
        "goal",
        "That was not understood. Which data should move, from where and to where?",
        same(sources).into_iter().map(|(name, _)| (format!("From {name}"), format!("copy data from {name}"))).collect(),
    )
}
