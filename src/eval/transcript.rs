//! A turn as one reads it when it went wrong: what was said, called, answered and shown.

use serde_json::json;

use super::EvalError;
use super::check::Seen;
use crate::agent::model::Message;
use crate::agent::transcript;
use crate::events::Event;
use crate::ids::ConversationId;
use crate::workspace::Workspace;

/// Letters of one line.
const LONGEST: usize = 600;

/// How many messages the talk has.
pub(super) async fn length(workspace: &Workspace, conversation: ConversationId) -> Result<usize, EvalError> {
    Ok(transcript::load(&workspace.store, conversation).await?.len())
}

/// What came after so many messages, line by line.
pub(super) async fn tell(
    workspace: &Workspace,
    conversation: ConversationId,
    after: usize,
    seen: &Seen,
) -> Result<Vec<String>, EvalError> {
    let messages = transcript::load(&workspace.store, conversation).await?;
    let mut lines = Vec::new();
    for message in messages.get(after..).unwrap_or_default() {
        match message {
            Message::User { text, .. } => lines.push(format!("person: {text}")),
            Message::Assistant { text, calls } => {
                if !text.trim().is_empty() {
                    lines.push(format!("agent: {text}"));
                }
                lines.extend(calls.iter().map(|call| format!("call {} {}", call.name, call.arguments)));
            }
            Message::Tool { tool, content, refused, .. } => {
                let how = if *refused { "refused" } else { "answered" };
                lines.push(format!("{tool} {how}: {content}"));
            }
            Message::Notice { text } => lines.push(format!("notice: {text}")),
        }
    }
    lines.extend(seen.events.iter().filter_map(shown));
    Ok(lines.iter().map(|line| cut(line)).collect())
}

/// An event that a person decides by.
fn shown(event: &Event) -> Option<String> {
    Some(match event {
        Event::Question { about, text, options } => {
            let options: Vec<&str> = options.iter().map(|option| option.label.as_str()).collect();
            format!("[question] {about}: {text} {options:?}")
        }
        Event::PlanProposed { view, .. } => format!("[plan] {}", view.spec),
        Event::PlanRejected { problems } => format!("[problems] {}", json!(problems)),
        Event::PlanConfirmed { run, .. } => format!("[confirmed] run {}", json!(run)),
        Event::PlanDismissed { .. } => "[dismissed]".to_owned(),
        Event::SecretRedacted { kinds, .. } => format!("[redacted] {}", kinds.join(", ")),
        Event::Diagnosis { causes, .. } => {
            let codes: Vec<String> =
                causes.iter().map(|cause| format!("{} {:.2}", cause.code, cause.confidence)).collect();
            format!("[diagnosis] {}", codes.join(", "))
        }
        Event::Action { action, state, on, .. } => format!("[action] {action} {} {}", json!(state), json!(on)),
        Event::OutOfScope { text } => format!("[out of scope] {text}"),
        _ => return None,
    })
}

fn cut(line: &str) -> String {
    let line = line.replace('\n', " ⏎ ");
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST - 1).chain(['…']).collect() }
}
