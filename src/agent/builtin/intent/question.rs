//! Questions about the workspace, and which of them are requests after all.

use super::{Intent, NOT_OURS, Standing, any, has, has_place, moves, opening, says, wants_data};
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// Questions about the workspace, its runs and its systems.
#[expect(clippy::too_many_lines, reason = "one question after the other")]
pub(super) fn question(sentence: &Sentence, standing: Standing) -> Option<Intent> {
    let start = opening(sentence);
    let asks = sentence.is(
        start,
        &[
            "what",
            "which",
            "how",
            "who",
            "where",
            "when",
            "why",
            "is",
            "are",
            "does",
            "did",
            "do",
            "has",
            "have",
            "was",
            "were",
            "any",
            "show",
            "list",
            "tell",
            "give",
            "see",
            "display",
            "view",
            "describe",
            "explain",
            "get",
            "check",
            "status",
            "what's",
            "whats",
            "how's",
            "print",
            "open",
            "look",
            "read",
            "tail",
            "whats",
            "find",
            "my",
            "diagnose",
            "investigate",
            "troubleshoot",
            "debug",
        ],
    ) || sentence.raw.trim_end().ends_with('?')
        || sentence.len() <= 6;
    let moving = moves(sentence) && sentence.is(start, &[""]) || starts_move(sentence, start);
    if moving || !asks {
        return (!moving && (says_why(sentence))).then_some(Intent::Diagnose);
    }
    if says_why(sentence) {
        return Some(Intent::Diagnose);
    }
    if about_plan(sentence, standing, start) {
        return Some(Intent::AboutPlan);
    }
    let table = any(sentence, &["table", "tables", "streams", "collections", "topics"]);
    if says(sentence, "logs") && !(table && moves(sentence)) && !standing.asked {
        return Some(Intent::Logs);
    }
    if says(sentence, "catalog") && !standing.asked {
        return Some(Intent::Catalog);
    }
    if says(sentence, "connections") {
        return Some(Intent::Connections);
    }
    if any(sentence, &["next"])
        && any(sentence, &["run", "runs", "fire", "start", "when"])
        && sentence.is(start, &["when", "what", "show"])
    {
        return Some(Intent::NextRun);
    }
    if let Some(intent) = objects(sentence, start) {
        return Some(intent);
    }
    if sentence.is(start, &["explain", "describe"])
        || (sentence.is(start, &["what", "how", "tell", "show"])
            && any(sentence, &["pipeline", "plan", "job", "sync"])
            && any(sentence, &["does", "do", "works", "work", "about", "is"])
            && !any(sentence, &["pipelines", "status", "doing", "running"]))
    {
        return Some(Intent::Explain);
    }
    if says(sentence, "runs")
        && !standing.asked
        && !any(sentence, &["weather", "capital", "meaning"])
        && about_runs(sentence, standing)
    {
        return Some(Intent::Runs(phase(sentence)));
    }
    let connected = any(sentence, &["connected", "connections", "hooked", "attached", "wired"])
        || sentence.is(start, &["where"])
            && any(sentence, &["can", "could"])
            && any(sentence, &["load", "put", "send", "write", "copy", "store", "land", "move", "export"]);
    if connected && !standing.asked && !standing.named {
        return Some(Intent::Connections);
    }
    // `is Oracle something you can talk to?`
    let system = (0..sentence.len()).any(|at| {
        sentence.word(at).len() > 2
            && lexicon::nickname(&crate::agent::builtin::fold::fold(sentence.text(at))).is_some()
    });
    let able = sentence.is(0, &["is", "are", "can", "could", "do", "does", "will", "would"])
        && any(sentence, &["you", "towpath", "it"])
        && any(
            sentence,
            &[
                "talk",
                "connect",
                "support",
                "supported",
                "speak",
                "handle",
                "work",
                "works",
                "reach",
                "possible",
                "know",
            ],
        );
    if system && able && !standing.asked && !standing.places {
        return Some(Intent::Catalog);
    }
    if any(sentence, &["catalog", "catalogue", "connectors", "integrations"]) && !standing.asked {
        return Some(Intent::Catalog);
    }
    // `what's been running lately?`, `did everything go through tonight?`
    let runs = any(
        sentence,
        &["running", "progress", "ran", "succeed", "succeeded", "finish", "finished", "failed", "lately"],
    ) || any(sentence, &["go", "went", "gone"]) && any(sentence, &["through", "well", "fine"]);
    if runs && !standing.asked && !standing.named && !has(sentence, Class::Transfer) {
        return Some(Intent::Runs(phase(sentence)));
    }
    if says(sentence, "topics") && !wants_data(sentence, standing) {
        return Some(Intent::Decline(NOT_OURS));
    }
    if lexicon::find(sentence, Class::Help)
        .is_some_and(|(at, length)| at <= start && length + 3 >= sentence.len().saturating_sub(at))
        && !standing.asked
    {
        return Some(Intent::Help);
    }
    let wh = sentence
        .is(start, &["who", "when", "where", "what", "what's", "why", "how", "is", "are", "does", "do", "tell"])
        && sentence.raw.trim_end().ends_with('?');
    (wh && !standing.asked
        && !standing.begun
        && !wants_data(sentence, standing)
        && !has(sentence, Class::Transfer)
        && !any(sentence, &["data", "table", "tables", "columns", "schema", "rows"]))
    .then_some(Intent::Decline(NOT_OURS))
}

/// `will it run by itself?`, `when does that start?`: a question about the plan on offer, which it leaves as it is.
fn about_plan(sentence: &Sentence, standing: Standing, start: usize) -> bool {
    let asks = sentence.raw.trim_end().ends_with('?')
        && (sentence.is(0, &["will", "would", "does", "is", "when", "how", "why", "which", "what"])
            || sentence.is(start, &["when", "how", "why", "does", "is"]));
    let pronoun = any(sentence, &["it", "that", "this", "plan", "they", "run", "start", "happen", "happens"]);
    let change = any(
        sentence,
        &["possible", "about", "also", "instead", "without", "add", "only", "hash", "mask", "include", "exclude", "if"],
    ) && !any(sentence, &["said", "say", "confirm"]);
    standing.begun && !standing.asked && asks && pronoun && !change && sentence.len() <= 16
}

/// Begins with a verb of moving, or asks for something to be moved.
pub(super) fn starts_move(sentence: &Sentence, start: usize) -> bool {
    let verb = lexicon::phrase(sentence, start, Class::Transfer).is_some()
        && !sentence.is(start, &["stream", "load", "copy"])
        || sentence.is(start, &["copy", "load", "stream"]);
    let wanted = sentence.is(
        start,
        &["get", "give", "have", "set", "schedule", "create", "make", "put", "send", "take", "keep", "build"],
    ) && has_place(sentence)
        && !any(sentence, &["log", "logs", "runs"]);
    let can = sentence.is(0, &["can", "could", "would", "will"])
        && has(sentence, Class::Transfer)
        && has_place(sentence)
        && !says(sentence, "catalog");
    let how = sentence.is(start, &["how", "is", "what"])
        && has(sentence, Class::Transfer)
        && (0..sentence.len()).any(|at| sentence.is(at, &["from"]))
        && (0..sentence.len()).any(|at| sentence.is(at, &["to", "into"]));
    (verb && sentence.len() > start + 1) || wanted || can || how
}

/// `why did it fail`: a question about a failure, and not one about a plan.
pub(super) fn says_why(sentence: &Sentence) -> bool {
    let failure = sentence.tokens.iter().any(|token| {
        let word = token.word.as_str();
        ["fail", "error", "broke", "crash", "exception", "stuck", "abort"].iter().any(|stem| word.starts_with(stem))
            || matches!(
                word,
                "wrong"
                    | "problem"
                    | "issue"
                    | "stopped"
                    | "die"
                    | "died"
                    | "happened"
                    | "cause"
                    | "failure"
                    | "sqlstate"
                    | "denied"
                    | "refused"
                    | "timeout"
                    | "stalled"
                    | "slow"
            )
    });
    says(sentence, "diagnose") && failure || any(sentence, &["diagnose", "troubleshoot"])
}

/// Whether a question of runs speaks of runs, pipelines or what is known to run.
pub(super) fn about_runs(sentence: &Sentence, standing: Standing) -> bool {
    let noun = any(
        sentence,
        &[
            "run",
            "runs",
            "ran",
            "running",
            "pipeline",
            "pipelines",
            "job",
            "jobs",
            "sync",
            "syncs",
            "load",
            "transfer",
            "replication",
            "execution",
            "executions",
            "failed",
            "fail",
            "failing",
            "failures",
            "finish",
            "finished",
            "done",
            "succeed",
            "succeeded",
            "complete",
            "completed",
            "status",
            "progress",
            "history",
            "copy",
            "overnight",
            "night",
            "errors",
            "worked",
            "work",
            "state",
            "going",
            "doing",
            "through",
            "import",
            "export",
            "backup",
        ],
    );
    noun || standing.pipeline
}

pub(super) fn phase(sentence: &Sentence) -> Option<&'static str> {
    if any(sentence, &["failed", "failing", "failures", "failure", "fail", "broken", "errors"]) {
        return Some("failed");
    }
    if any(sentence, &["cancelled", "canceled"]) {
        return Some("cancelled");
    }
    if any(sentence, &["completed", "successful", "succeeded"]) && any(sentence, &["runs"]) {
        return Some("completed");
    }
    None
}

/// Questions about tables, columns and rows.
pub(super) fn objects(sentence: &Sentence, start: usize) -> Option<Intent> {
    let asks = sentence.is(
        start,
        &[
            "what", "which", "list", "show", "see", "tell", "display", "describe", "how", "does", "do", "is", "are",
            "what's", "whats", "give", "get",
        ],
    );
    // A long mail that opens with `see …` asks for more than to be shown something.
    if !asks || sentence.len() > 18 && !sentence.raw.trim_end().ends_with('?') {
        return None;
    }
    let count = sentence.is(start, &["how"])
        && sentence.is(start + 1, &["many", "big", "large"])
        && (any(sentence, &["rows", "records", "row", "entries"]) || sentence.is(start + 1, &["big", "large"]));
    if count && !any(sentence, &["did", "run", "runs"]) {
        return Some(Intent::Count);
    }
    if any(sentence, &["columns", "column", "fields", "schema", "structure"])
        && !any(sentence, &["schemas"])
        && sentence
            .is(start, &["what", "which", "list", "show", "describe", "tell", "does", "do", "see", "what's", "give"])
    {
        return Some(Intent::Columns);
    }
    if any(sentence, &["tables", "streams", "collections", "topics", "schemas", "datasets", "namespaces"])
        || (sentence.is(start, &["what's", "what"])
            && any(sentence, &["in", "inside"])
            && any(sentence, &["database", "there", "have"]))
    {
        return Some(Intent::Tables);
    }
    (any(sentence, &["rows", "sample", "preview", "records", "data"])
        && sentence.is(start, &["show", "give", "display", "see", "preview"])
        && (any(sentence, &["sample", "few", "first", "some", "example", "preview"])
            || sentence.tokens.iter().any(|token| token.kind == Kind::Number)))
    .then_some(Intent::Rows)
}
