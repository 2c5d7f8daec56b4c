//! The words that minds read, from `prompts/`, and the sentences in which a turn tells how it ended. A placeholder is
//! `{{name}}`; a text with a placeholder that nobody fills does not pass the tests.

use chrono::{DateTime, SecondsFormat, Utc};

use super::guard::untrusted;
use super::model::ModelError;

/// Each file of `prompts/`, by name; `prompts/README.md` says what each is for.
pub const FILES: &[(&str, &str)] = &[
    ("system", include_str!("../../prompts/system.md")),
    ("conduct", include_str!("../../prompts/conduct.md")),
    ("planning", include_str!("../../prompts/planning.md")),
    ("untrusted", include_str!("../../prompts/untrusted.md")),
    ("today", include_str!("../../prompts/today.md")),
    ("answer_left_out", ANSWER_LEFT_OUT),
    ("earlier", include_str!("../../prompts/earlier.md")),
    ("empty_reply", EMPTY_REPLY),
    ("json_protocol", include_str!("../../prompts/json_protocol.md")),
    ("chosen_by_text", include_str!("../../prompts/chosen_by_text.md")),
    ("refused_cancelled", REFUSED_CANCELLED),
    ("refused_ended", REFUSED_ENDED),
    ("refused_limit", REFUSED_LIMIT),
    ("refused_repeated", REFUSED_REPEATED),
    ("run_ended", include_str!("../../prompts/run_ended.md")),
    ("tool_broke", TOOL_BROKE),
    ("tool_timed_out", TOOL_TIMED_OUT),
];

pub(super) const ANSWER_LEFT_OUT: &str = include_str!("../../prompts/answer_left_out.md");
pub(super) const EMPTY_REPLY: &str = include_str!("../../prompts/empty_reply.md");
pub(super) const REFUSED_CANCELLED: &str = include_str!("../../prompts/refused_cancelled.md");
pub(super) const REFUSED_ENDED: &str = include_str!("../../prompts/refused_ended.md");
pub(super) const REFUSED_LIMIT: &str = include_str!("../../prompts/refused_limit.md");
pub(super) const REFUSED_REPEATED: &str = include_str!("../../prompts/refused_repeated.md");
pub(super) const TOOL_BROKE: &str = include_str!("../../prompts/tool_broke.md");
pub(super) const TOOL_TIMED_OUT: &str = include_str!("../../prompts/tool_timed_out.md");

// For the person.
pub(super) const LIMIT_TIME: &str = "This took too long and was stopped. Say it again in smaller steps.";
pub(super) const LIMIT_ROUNDS: &str =
    "The model went back and forth too often and was stopped. Say it in smaller steps.";
pub(super) const LIMIT_CALLS: &str = "The model asked for too many look-ups and was stopped. Say it in smaller steps.";
pub(super) const LIMIT_TOKENS: &str = "The model used up the tokens of one turn. Say it in smaller steps.";
pub(super) const REPLY_CUT: &str = "The model's reply was cut off at its length limit. Ask for less at once.";
pub(super) const REPLY_WITHHELD: &str = "The model's endpoint withheld the reply. Say it in other words.";
pub(super) const UNREADABLE_CALLS: &str =
    "The model keeps writing tool calls that cannot be read. Say it again, or choose another model.";
pub(super) const NOTHING_SAID: &str = "The model answered with nothing. Say it again, or choose another model.";
pub(super) const FALLBACK: &str = "The built-in planner takes this turn.";

/// The system prompt. Everything that changes stands at the end, so that endpoints can cache what comes before.
pub fn system(now: DateTime<Utc>) -> String {
    let parts: Vec<&str> =
        ["system", "conduct", "planning", "untrusted", "today"].into_iter().map(|name| file(name).trim()).collect();
    render(
        &parts.join("\n\n"),
        &[("now", &now.to_rfc3339_opts(SecondsFormat::Secs, true)), ("weekday", &now.format("%A").to_string())],
    )
}

/// A plan's destination that only a system's text named.
pub(super) fn chosen_by_text(connection: &str) -> String {
    render(file("chosen_by_text").trim(), &[("connection", connection)])
}

/// The part of a talk that is not shown any more, in short.
pub(super) fn earlier(said: &[String], untold: usize, notices: &[String], offered: Option<&str>) -> String {
    let list = |items: &[String]| if items.is_empty() { "- nothing".to_owned() } else { items.join("\n") };
    let mut said = list(said);
    if untold > 0 {
        said.push_str("\n- and, before that, ");
        said.push_str(&untold.to_string());
        said.push_str(" messages that are left out here");
    }
    let plan = offered.map_or_else(|| "none".to_owned(), |plan| untrusted::wrap("plan_on_offer", plan));
    render(file("earlier").trim(), &[("said", &said), ("notices", &list(notices)), ("plan", &plan)])
}

/// How a mind without tool calls writes them down.
pub(super) fn json_protocol(tools: &str) -> String {
    render(file("json_protocol").trim(), &[("tools", tools)])
}

/// A run that ended, for a notice. Texts of systems are wrapped by the caller.
pub(super) struct EndedRun<'a> {
    pub(super) run: &'a str,
    pub(super) phase: &'a str,
    pub(super) pipeline: &'a str,
    /// Read, written, quarantined.
    pub(super) rows: [u64; 3],
    /// Kind and text of what went wrong.
    pub(super) error: Option<(&'a str, &'a str)>,
}

pub(super) fn run_ended(ended: &EndedRun<'_>) -> String {
    let [read, written, quarantined] = ended.rows.map(|rows| rows.to_string());
    let error = ended.error.map(|(kind, told)| format!(" Error of kind `{kind}`: {told}")).unwrap_or_default();
    let values = [
        ("run", ended.run),
        ("phase", ended.phase),
        ("pipeline", ended.pipeline),
        ("read", &read),
        ("written", &written),
        ("quarantined", &quarantined),
        ("error", &error),
    ];
    render(file("run_ended").trim(), &values)
}

/// What every notice of this run's end holds and no other text does.
pub(super) fn run_ended_mark(run: &str) -> String {
    format!("{run} has ended")
}

/// What a person is told when a secret was taken out.
pub(super) fn secret_redacted(kinds: &[String]) -> String {
    format!(
        "A secret was removed from your message before it was stored or shown to a model ({}). Enter credentials under \
         Connections, where they are sealed.",
        kinds.join(", ")
    )
}

/// What a person is told when a mind gave no reply.
pub(super) fn model_failed(error: &ModelError) -> String {
    match error {
        ModelError::Throttled { .. } => "The model's endpoint asks for a pause.",
        ModelError::TooLong => "This talk is too long for the model. Start a new one.",
        ModelError::Unauthorized => "The model's endpoint refused the key. Correct it in the server's settings.",
        ModelError::Refused { .. } => {
            "The model's endpoint refused the request. Check its address and the model's name in the server's settings."
        }
        ModelError::Unreachable(_) => "The model's endpoint does not answer.",
        ModelError::Malformed(_) => "The model's endpoint gave an answer that could not be read.",
    }
    .to_owned()
}

fn file(name: &str) -> &'static str {
    FILES.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
}

/// Fills `{{name}}`. What is filled in is never looked at again, so a value cannot bring placeholders of its own.
fn render(template: &str, values: &[(&str, &str)]) -> String {
    let mut rendered = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        rendered.push_str(before);
        let Some((name, behind)) = after.split_once("}}") else {
            rendered.push_str("{{");
            rest = after;
            continue;
        };
        let value = values.iter().find(|(known, _)| *known == name.trim()).map(|(_, value)| *value);
        rendered.push_str(&value.map_or_else(|| format!("{{{{{name}}}}}"), str::to_owned));
        rest = behind;
    }
    rendered.push_str(rest);
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_is_listed_and_every_placeholder_is_filled() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let mut on_disk: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md")
            .collect();
        on_disk.sort();
        let mut known: Vec<String> = FILES.iter().map(|(name, _)| format!("{name}.md")).collect();
        known.sort();
        assert_eq!(on_disk, known);
        for name in on_disk {
            assert!(readme.contains(&format!("`{name}`")), "{name} is not in prompts/README.md");
        }
        assert!(!system(DateTime::UNIX_EPOCH).contains("{{"));
        assert!(!chosen_by_text("lake").contains("{{"));
        assert!(!earlier(&["- a".to_owned()], 1, &[], Some("{}")).contains("{{"));
        assert!(!json_protocol("[]").contains("{{"));
        let ended = EndedRun { run: "r1", phase: "failed", pipeline: "p", rows: [1, 2, 3], error: Some(("auth", "x")) };
        let text = run_ended(&ended);
        assert!(!text.contains("{{") && text.contains(&run_ended_mark("r1")) && text.contains("`auth`: x"), "{text}");
        let filled = [
            "run_ended",
            "earlier",
            "json_protocol",
            "system",
            "conduct",
            "planning",
            "untrusted",
            "today",
            "chosen_by_text",
        ];
        for (name, text) in FILES.iter().filter(|(name, _)| !filled.contains(name)) {
            assert!(!text.contains("{{"), "{name} has a placeholder that nobody fills");
        }
    }

    #[test]
    fn only_the_end_of_the_system_prompt_changes() {
        let (one, two) = (system(DateTime::UNIX_EPOCH), system(DateTime::UNIX_EPOCH + chrono::Duration::days(400)));
        let same = one.chars().zip(two.chars()).take_while(|(a, b)| a == b).count();
        assert!(same + 200 > one.chars().count(), "{same} of {}", one.chars().count());
    }

    #[test]
    fn a_value_brings_no_placeholder() {
        assert_eq!(render("a {{x}} {{y}} {{", &[("x", "{{y}}"), ("y", "1")]), "a {{y}} 1 {{");
    }
}
