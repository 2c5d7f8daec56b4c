//! Something to be done to a pipeline or its run.

use super::{Intent, Standing, any, holds, opening};
use crate::agent::builtin::token::{Kind, Sentence};

/// Something to be done to a pipeline or its run.
#[expect(clippy::too_many_lines, reason = "one list of verbs after the other")]
pub(super) fn action(sentence: &Sentence, standing: Standing) -> Option<Intent> {
    let start = opening(sentence);
    let noun = any(
        sentence,
        &[
            "run",
            "runs",
            "pipeline",
            "pipelines",
            "job",
            "jobs",
            "sync",
            "transfer",
            "load",
            "replication",
            "copy",
            "execution",
            "migration",
            "stream",
            "backup",
            "import",
            "export",
            "ingestion",
            "schedule",
            "schedules",
        ],
    );
    let pronoun = any(sentence, &["it", "that", "this", "everything", "them", "all"]);
    let scheduled =
        any(sentence, &["every", "daily", "hourly", "weekly", "monthly", "nightly", "weekdays", "weekday", "cron"])
            || (any(sentence, &["at"]) && sentence.tokens.iter().any(|token| token.kind == Kind::Number));
    // A change of a plan that is not confirmed: `stop hashing email`, `drop orders`.
    let edits = standing.begun && !any(sentence, &["run", "runs", "pipeline", "pipelines", "job", "jobs"]);
    let again =
        any(sentence, &["again", "rerun", "re-run", "retry"]) || (any(sentence, &["once"]) && any(sentence, &["more"]));
    // `the weekly loans are hammering us, stop it`: what is wanted stands at the end.
    if let Some(intent) = last_clause(sentence, standing) {
        return Some(intent);
    }
    let schema = any(sentence, &["schema", "columns", "changes", "drift"]) && any(sentence, &["if", "when", "on"]);
    match sentence.word(start) {
        "stop" | "cancel" | "abort" | "kill" | "terminate" | "halt" | "interrupt" | "end" if !schema => {
            if any(sentence, &["schedule", "schedules", "scheduled", "scheduling"]) && !standing.begun {
                return Some(Intent::Act("pause_schedule"));
            }
            (!edits && (noun || pronoun || sentence.len() <= start + 6)).then_some(Intent::Act("stop_run"))
        }
        "retry" | "rerun" | "re-run" | "redo" | "repeat" | "restart" | "relaunch" | "re-execute" => {
            (!edits || noun).then_some(Intent::Act("retry_run"))
        }
        "run" | "try" | "start" | "execute" | "do" | "kick" | "launch" | "trigger" if again && !scheduled => {
            (!edits || !standing.begun).then_some(Intent::Act("retry_run"))
        }
        "run" | "start" | "execute" | "trigger" | "launch" | "kick" if !scheduled && !edits && !has_place(sentence) => {
            (noun || pronoun || sentence.len() <= start + 5).then_some(Intent::Act("run_now"))
        }
        "pause" | "suspend" | "hold" | "freeze" | "disable" | "deactivate" | "mute" | "snooze" if !schema && !edits => {
            Some(Intent::Act("pause_schedule"))
        }
        "put" | "place" | "set" if holds(sentence) => Some(Intent::Act("pause_schedule")),
        "turn" | "switch" | "put" if !edits && (any(sentence, &["off", "hold"])) && noun => {
            Some(Intent::Act("pause_schedule"))
        }
        "turn" | "switch" if !edits && any(sentence, &["on"]) && noun && !has_place(sentence) => {
            Some(Intent::Act("resume_schedule"))
        }
        "resume" | "unpause" | "un-pause" | "reactivate" | "enable" | "re-enable" | "continue" if !edits => {
            Some(Intent::Act("resume_schedule"))
        }
        "delete" | "remove" | "drop" | "destroy" | "erase" | "trash"
            if !edits && any(sentence, &["pipeline", "pipelines", "job", "jobs", "sync"]) =>
        {
            Some(Intent::Act("delete_pipeline"))
        }
        "get" if !edits && sentence.is(start + 1, &["rid"]) && any(sentence, &["pipeline", "job", "sync"]) => {
            Some(Intent::Act("delete_pipeline"))
        }
        "don't" | "dont" | "do"
            if sentence.is(start + 1, &["run"])
                || (sentence.is(start + 1, &["not"]) && sentence.is(start + 2, &["run"])) =>
        {
            (!edits).then_some(Intent::Act("pause_schedule"))
        }
        _ => None,
    }
}

/// A short order behind a comma or a full stop: `…, stop it`.
fn last_clause(sentence: &Sentence, standing: Standing) -> Option<Intent> {
    let at = (1..sentence.len()).rev().find(|at| {
        sentence.kind(*at) == Some(Kind::Mark)
            && matches!(sentence.text(*at), "," | "." | ";" | "!" | "-" | "–" | "—")
            && *at + 2 < sentence.len()
    })?;
    let start = at + 1 + usize::from(sentence.is(at + 1, &["please", "so", "pls", "and"]));
    let short = sentence.len() - start <= 5 && sentence.is(start + 1, &["it", "that", "them", "this", "the"]);
    if !short || standing.begun {
        return None;
    }
    Some(Intent::Act(match sentence.word(start) {
        "stop" | "cancel" | "abort" | "kill" | "terminate" | "halt" => "stop_run",
        "pause" | "suspend" | "disable" => "pause_schedule",
        "retry" | "rerun" | "re-run" => "retry_run",
        "resume" | "unpause" => "resume_schedule",
        _ => return None,
    }))
}

pub(super) fn has_place(sentence: &Sentence) -> bool {
    (0..sentence.len()).any(|at| sentence.is(at, &["from", "into", "onto"]) || (sentence.is(at, &["to"]) && at > 1))
}
