//! What is asked about a pipeline that is named: its name is taken out, and what is left says what should happen.

use super::question::says_why;
use super::{Intent, Standing, any, says};
use crate::agent::builtin::fold::fold;
use crate::agent::builtin::lexicon::{self, Class};
use crate::agent::builtin::token::{Kind, Sentence};

/// Words that speak of runs, so that it is worth asking which pipelines there are.
const ABOUT: &[&str] = &[
    "run",
    "runs",
    "rerun",
    "re-run",
    "retry",
    "redo",
    "stop",
    "cancel",
    "abort",
    "kill",
    "terminate",
    "halt",
    "pause",
    "resume",
    "suspend",
    "hold",
    "freeze",
    "delete",
    "remove",
    "erase",
    "explain",
    "describe",
    "log",
    "logs",
    "status",
    "history",
    "fail",
    "failed",
    "fails",
    "failing",
    "why",
    "how",
    "turn",
    "switch",
    "again",
    "another",
    "tell",
    "does",
    "disable",
    "enable",
    "restart",
    "start",
    "trigger",
    "launch",
    "job",
    "pipeline",
    "broke",
    "broken",
    "went",
    "wrong",
    "show",
    "unpause",
    "rid",
    "repeat",
    "kick",
    "did",
    "is",
    "what",
    "see",
    "drop",
    "scrap",
    "reactivate",
    "continue",
    "progress",
    "finished",
    "interrupt",
    "once",
    "when",
    "output",
    "summarise",
    "summarize",
    "longer",
    "stopped",
    "end",
];

/// Words that speak of runs and of nothing else.
const SURELY: &[&str] = &[
    "run",
    "runs",
    "rerun",
    "re-run",
    "retry",
    "pipeline",
    "pipelines",
    "job",
    "log",
    "logs",
    "pause",
    "resume",
    "unpause",
    "suspend",
    "status",
    "history",
    "restart",
    "explain",
    "abort",
    "kill",
];

/// Whether it is worth asking which pipelines there are. Under a plan on offer most words are about the plan.
pub(in crate::agent::builtin) fn may_be_about(sentence: &Sentence, standing: Standing) -> bool {
    any(sentence, if standing.begun || standing.asked { SURELY } else { ABOUT }) && sentence.len() <= LONGEST
}

/// An order about a pipeline is no longer than this.
const LONGEST: usize = 24;

/// The sentence without the name of the pipeline that it speaks of; the longest name where several are there.
pub(in crate::agent::builtin) fn without_name<'a>(
    sentence: &Sentence,
    pipelines: impl Iterator<Item = &'a str>,
) -> Option<Sentence> {
    let mut best: Option<(usize, usize)> = None;
    for name in pipelines {
        let folded = fold(name);
        for from in 0..sentence.len() {
            let found = (from + 1..=sentence.len().min(from + 8)).find(|to| sentence.folded(from, *to) == folded);
            if let Some(to) =
                found.filter(|to| !folded.is_empty() && best.is_none_or(|(from, end)| end - from < to - from))
            {
                best = Some((from, to));
            }
        }
    }
    let (from, to) = best?;
    let mut rest = sentence.clone();
    rest.tokens.drain(from..to);
    Some(rest)
}

/// What should happen to the pipeline, from what is said around its name.
#[expect(clippy::too_many_lines, reason = "one way of saying it after the other")]
pub(in crate::agent::builtin) fn read(rest: &Sentence) -> Option<Intent> {
    let places = (0..rest.len()).any(|at| lexicon::word_is(rest.word(at), Class::From))
        && (0..rest.len()).any(|at| lexicon::word_is(rest.word(at), Class::To));
    if places {
        return None;
    }
    let twice = |one: &[&str], other: &[&str]| (1..rest.len()).any(|at| rest.is(at - 1, one) && rest.is(at, other));
    if says_why(rest)
        || any(rest, &["why", "diagnose"])
        || any(rest, &["broke", "crashed", "failed"]) && any(rest, &["what"])
    {
        return Some(Intent::Diagnose);
    }
    let off = any(rest, &["off"]) && any(rest, &["turn", "switch", "put", "take"]);
    let denied = twice(&["not", "don't", "dont", "never"], &["run", "start"]) || any(rest, &["hold", "snooze"]) || off;
    if any(rest, &["resume", "unpause", "un-pause", "reactivate", "re-enable", "enable"])
        || twice(&["turn", "switch"], &["on"])
        || any(rest, &["on"]) && any(rest, &["turn", "switch"])
    {
        return Some(Intent::Act("resume_schedule"));
    }
    if any(rest, &["pause", "suspend", "freeze", "disable", "deactivate", "mute"]) || denied {
        return Some(Intent::Act("pause_schedule"));
    }
    if any(rest, &["stop", "cancel", "abort", "kill", "terminate", "halt", "interrupt", "end"]) {
        return Some(Intent::Act(if any(rest, &["schedule", "scheduling"]) { "pause_schedule" } else { "stop_run" }));
    }
    if any(rest, &["delete", "remove", "erase", "destroy", "trash", "drop", "scrap", "rid", "bin"]) {
        return Some(Intent::Act("delete_pipeline"));
    }
    let again =
        any(rest, &["again", "retry", "rerun", "re-run", "redo", "repeat", "restart", "relaunch", "re-execute"])
            || twice(&["another"], &["go", "try", "shot", "chance", "run", "attempt"])
            || twice(&["once", "time"], &["more"])
            || twice(&["one"], &["more"]) && any(rest, &["time", "try", "run"]);
    if again {
        return Some(Intent::Act("retry_run"));
    }
    if any(rest, &["log", "logs", "output", "printed", "prints", "logged"]) || says(rest, "logs") {
        return Some(Intent::Logs);
    }
    let explains = any(rest, &["explain", "describe", "about", "summarise", "summarize"])
        || twice(&["does", "do"], &["do", "work"])
        || any(rest, &["what"]) && any(rest, &["does", "do"])
        || any(rest, &["how"]) && any(rest, &["work", "works"])
        || any(rest, &["what", "what's"])
            && !any(rest, &["status", "doing", "progress", "state", "running", "last"])
            && rest.len() <= 5;
    if explains && !any(rest, &["doing", "runs", "status", "history"]) {
        return Some(Intent::Explain);
    }
    let told = any(
        rest,
        &[
            "status",
            "history",
            "runs",
            "doing",
            "going",
            "did",
            "finish",
            "finished",
            "done",
            "ran",
            "progress",
            "last",
            "when",
            "show",
            "is",
            "has",
            "state",
            "succeed",
            "complete",
            "completed",
            "how",
        ],
    );
    if told {
        return Some(Intent::Runs(super::question::phase(rest)));
    }
    let verbs = any(rest, &["run", "start", "trigger", "launch", "execute", "kick"]);
    let short = rest.tokens.iter().filter(|token| token.kind == Kind::Word).count() <= 6;
    (verbs && short).then_some(Intent::Act("run_now"))
}
