//! What the planner does next.

use serde_json::{Value, json};

/// Something said, or something put before the person by a tool.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Say(String),
    Call { say: Option<String>, tool: &'static str, arguments: Value },
}

const OPTIONS: usize = 8;

fn options(given: Vec<(String, String)>) -> Vec<Value> {
    let mut seen: Vec<String> = Vec::new();
    given
        .into_iter()
        .filter(|(label, say)| {
            !label.is_empty() && !say.is_empty() && !seen.contains(label) && {
                seen.push(label.clone());
                true
            }
        })
        .take(OPTIONS)
        .map(|(label, say)| json!({"label": clip(&label, 120), "say": clip(&say, 300)}))
        .collect()
}

fn clip(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

/// One question about a slot, with what can be said to it.
pub(super) fn ask(slot: &str, text: impl Into<String>, choices: Vec<(String, String)>) -> Step {
    let text = clip(&text.into(), 1000);
    Step::Call {
        say: None,
        tool: "ask_user",
        arguments: json!({"about": slot, "text": text, "options": options(choices)}),
    }
}

/// Something stands in the way.
pub(super) fn obstacle(code: &str, text: impl Into<String>, choices: Vec<(String, String)>) -> Step {
    let text = clip(&text.into(), 1000);
    Step::Call {
        say: None,
        tool: "state_problem",
        arguments: json!({"code": code, "text": text, "options": options(choices)}),
    }
}

/// Options that are named and said alike.
pub(super) fn same(names: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    names.into_iter().map(|name| (name.clone(), name)).collect()
}
