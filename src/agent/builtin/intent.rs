//! What a person wants of the agent: a move of data, or something else about the workspace, or nothing that is its work.

use std::collections::BTreeMap;
use std::sync::LazyLock;

mod action;
pub(super) mod pipeline;
mod question;

use super::lexicon::{self, Class};
use super::token::{Kind, Sentence};
use action::{action, has_place};
use question::question;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Data to move, or a change of a plan for it.
    Move,
    Diagnose,
    Logs,
    /// Runs or pipelines to be shown; of one phase where one is named.
    Runs(Option<&'static str>),
    /// Something that a person has to confirm: as `offer_action` names it.
    Act(&'static str),
    Explain,
    Connections,
    Catalog,
    Tables,
    Columns,
    Count,
    Rows,
    NextRun,
    Greeting,
    Thanks,
    Help,
    /// Not now: the plan stays where it is.
    Later,
    /// How the plan on offer goes on.
    AboutPlan,
    Undo,
    Restart,
    Affirm,
    Deny,
    /// Not this product's work, with the reason.
    Decline(&'static str),
}

/// What the talk is at, as far as it bears on what is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// A plan is on offer, or a request is half said.
    pub begun: bool,
    /// The last turn asked something.
    pub asked: bool,
    /// Something is attached.
    pub attached: bool,
    /// A pipeline was confirmed or spoken of in this talk.
    pub pipeline: bool,
    /// A connection is named for sure.
    pub named: bool,
    /// Something that can be read from and something that can be written to are named, one of them by a verb or by `to`.
    pub places: bool,
}

pub(super) const NOT_OURS: &str = "That is not something I do. I plan and watch transfers of data between the connections of this workspace: say what should move, from where and to where.";
const NO_CHANGES: &str = "I do not change or delete data in your systems beyond what a confirmed plan writes at its destination. Say what should be moved, and I will put a plan before you.";
const NO_SECRETS: &str = "Credentials are never shown or passed on. They are entered and replaced under Connections.";
const NO_QUERIES: &str = "I do not run queries or compute figures. I can move the rows to where you analyse them: say which table and where to.";

static PHRASES: LazyLock<BTreeMap<String, Vec<Vec<String>>>> = LazyLock::new(|| {
    let read: BTreeMap<String, Vec<String>> =
        serde_json::from_str(include_str!("lexicon/intents.json")).unwrap_or_default();
    read.into_iter()
        .map(|(intent, phrases)| {
            (
                intent,
                phrases
                    .iter()
                    .map(|phrase| Sentence::new(phrase).tokens.into_iter().map(|token| token.word).collect())
                    .collect(),
            )
        })
        .collect()
});

/// Where a phrase of this list stands.
fn find(sentence: &Sentence, intent: &str) -> Option<usize> {
    let phrases = PHRASES.get(intent)?;
    (0..sentence.len()).find(|at| {
        phrases.iter().any(|phrase| phrase.iter().enumerate().all(|(step, word)| sentence.word(at + step) == word))
    })
}

fn says(sentence: &Sentence, intent: &str) -> bool {
    find(sentence, intent).is_some()
}

fn any(sentence: &Sentence, words: &[&str]) -> bool {
    (0..sentence.len()).any(|at| sentence.is(at, words))
}

/// The first word that is more than politeness.
fn opening(sentence: &Sentence) -> usize {
    const POLITE: &[&str] = &[
        "please",
        "pls",
        "plz",
        "can",
        "could",
        "would",
        "will",
        "you",
        "hey",
        "hi",
        "hello",
        "ok",
        "okay",
        "now",
        "just",
        "kindly",
        "i",
        "we",
        "want",
        "need",
        "to",
        "i'd",
        "like",
        "us",
        "me",
        "let",
        "let's",
        "also",
        "then",
        "and",
        "so",
        "well",
        "actually",
        "should",
        "must",
        "the",
        "no",
        "yes",
        "quickly",
        "immediately",
        "right",
        "away",
        "help",
    ];
    (0..sentence.len()).find(|at| !(sentence.is(*at, POLITE) || sentence.kind(*at) == Some(Kind::Mark))).unwrap_or(0)
}

/// Whether the whole utterance is phrases of these classes and politeness.
fn wholly(sentence: &Sentence, classes: &[Class]) -> bool {
    const AROUND: &[&str] = &[
        "please",
        "then",
        "all",
        "again",
        "now",
        "the",
        "you",
        "so",
        "much",
        "very",
        "and",
        "oh",
        "it",
        "that",
        "this",
        "plan",
        "just",
        "let's",
        "lets",
        "let",
        "us",
        "ok",
        "okay",
        "well",
        "completely",
        "everything",
        "there",
        "everyone",
        "for",
        "help",
        "your",
        "a",
        "lot",
        "hold",
        "on",
        "about",
        "hmm",
        "ah",
        "better",
        "actually",
        "no",
        "wait",
        "my",
        "to",
        "i",
        "want",
        "can",
        "we",
        "could",
        "change",
        "last",
        "with",
        "one",
        "of",
        "is",
        "sorry",
        "sir",
        "dear",
        "again",
        "how",
        "are",
        "today",
        "doing",
        "towpath",
    ];
    let mut at = 0;
    let mut found = false;
    while at < sentence.len() {
        if let Some((_, length)) = lexicon::longest(sentence, at, classes) {
            found = true;
            at += length;
        } else if sentence.kind(at) == Some(Kind::Mark) || sentence.is(at, AROUND) {
            at += 1;
        } else {
            return false;
        }
    }
    found
}

fn has(sentence: &Sentence, class: Class) -> bool {
    lexicon::find(sentence, class).is_some()
}

pub(super) fn read(sentence: &Sentence, standing: Standing) -> Intent {
    if let Some(intent) = short(sentence, standing) {
        return intent;
    }
    if standing.attached {
        return attached(sentence);
    }
    if quotes_error(sentence) {
        return Intent::Diagnose;
    }
    // From here to there: whatever else is said, data is to move.
    if standing.places && !about_pipelines(sentence) {
        return Intent::Move;
    }
    if standing.begun && says(sentence, "later") && !has(sentence, Class::Transfer) && sentence.len() <= 16 {
        return Intent::Later;
    }
    if let Some(reason) = refused(sentence, standing) {
        return Intent::Decline(reason);
    }
    if let Some(intent) = action(sentence, standing) {
        return intent;
    }
    if let Some(intent) = question(sentence, standing) {
        return intent;
    }
    let of_data = moves(sentence) && has_place(sentence) || wants_data(sentence, standing);
    if says(sentence, "topics") && !of_data && !standing.asked {
        return Intent::Decline(NOT_OURS);
    }
    Intent::Move
}

/// A connection is named, and something is wanted of it: no talk of the weather.
fn wants_data(sentence: &Sentence, standing: Standing) -> bool {
    let wanted = any(
        sentence,
        &["need", "needs", "want", "wants", "require", "requires", "refresh", "please", "should", "must"],
    );
    standing.named && (has(sentence, Class::Transfer) || wanted && sentence.len() > 6)
}

/// An error in quotation marks, and somebody who asks about it.
fn quotes_error(sentence: &Sentence) -> bool {
    let error = sentence.tokens.iter().any(|token| {
        let text = token.text.to_lowercase();
        token.kind == Kind::Quoted
            && token.text.contains(' ')
            && ["error", "sqlstate", "exception", "denied", "fatal", "failed", "refused", "timed out"]
                .iter()
                .any(|mark| text.contains(mark))
    });
    error
        && any(
            sentence,
            &[
                "why", "what", "how", "getting", "get", "keep", "keeps", "see", "seeing", "says", "fix", "help",
                "throws", "means", "mean",
            ],
        )
        && !any(sentence, &["where", "whose"])
}

/// Utterances that are nothing but a greeting, thanks, a yes, a no, a call to go back.
fn short(sentence: &Sentence, standing: Standing) -> Option<Intent> {
    if sentence.len() == 0 {
        return (!standing.attached).then_some(Intent::Help);
    }
    if standing.attached && (sentence.len() > 3 || wholly(sentence, &[Class::Help, Class::Greeting])) {
        return None;
    }
    if wholly(sentence, &[Class::Undo]) {
        return Some(Intent::Undo);
    }
    if wholly(sentence, &[Class::Restart]) {
        return Some(if standing.begun || !standing.pipeline { Intent::Restart } else { Intent::Act("retry_run") });
    }
    if standing.asked && wholly(sentence, &[Class::Affirm]) {
        return Some(Intent::Affirm);
    }
    if wholly(sentence, &[Class::Deny]) {
        return Some(Intent::Deny);
    }
    if wholly(sentence, &[Class::Greeting]) {
        return Some(Intent::Greeting);
    }
    if !standing.asked && wholly(sentence, &[Class::Thanks, Class::Greeting]) {
        return Some(Intent::Thanks);
    }
    if wholly(sentence, &[Class::Affirm]) {
        return Some(Intent::Affirm);
    }
    if wholly(sentence, &[Class::Help, Class::Greeting]) {
        return Some(Intent::Help);
    }
    None
}

fn attached(sentence: &Sentence) -> Intent {
    let start = opening(sentence);
    if sentence.is(start, &["retry", "rerun", "re-run", "restart"])
        || (sentence.is(start, &["run", "try", "start"]) && any(sentence, &["again"]))
    {
        return Intent::Act("retry_run");
    }
    if sentence.is(start, &["stop", "cancel", "abort", "kill"]) {
        return Intent::Act("stop_run");
    }
    if sentence.is(start, &["pause", "suspend"]) {
        return Intent::Act("pause_schedule");
    }
    if says(sentence, "diagnose") {
        return Intent::Diagnose;
    }
    if says(sentence, "logs") {
        return Intent::Logs;
    }
    if sentence.is(start, &["explain", "describe"]) && any(sentence, &["pipeline"]) {
        return Intent::Explain;
    }
    Intent::Diagnose
}

/// `pause players to bi`: a pipeline is called like a move.
fn about_pipelines(sentence: &Sentence) -> bool {
    let start = opening(sentence);
    any(sentence, &["pipeline", "pipelines", "job", "runs", "schedule of", "log", "logs"])
        || sentence.is(
            start,
            &[
                "stop", "cancel", "pause", "resume", "retry", "rerun", "delete", "explain", "why", "show", "list",
                "suspend",
            ],
        )
        || holds(sentence)
}

/// `put … on hold`.
fn holds(sentence: &Sentence) -> bool {
    (1..sentence.len()).any(|at| sentence.is(at, &["hold"]) && sentence.is(at - 1, &["on"]))
        && sentence.is(opening(sentence), &["put", "place", "set"])
}

/// Whether data is asked to move.
fn moves(sentence: &Sentence) -> bool {
    let verb = has(sentence, Class::Transfer);
    let place = (0..sentence.len())
        .any(|at| lexicon::word_is(sentence.word(at), Class::From) || lexicon::word_is(sentence.word(at), Class::To));
    verb && (place || sentence.len() > 2)
}

/// What is refused whatever else is said: other people's secrets, changes of their systems, queries.
fn refused(sentence: &Sentence, standing: Standing) -> Option<&'static str> {
    let start = opening(sentence);
    let copying = (has(sentence, Class::Transfer) || any(sentence, &["take", "put", "bring", "get", "send"]))
        && (0..sentence.len()).any(|at| sentence.is(at, &["to", "into", "from"]));
    if says(sentence, "secrets") && !copying {
        return Some(NO_SECRETS);
    }
    if let Some(at) = find(sentence, "harm").filter(|at| {
        *at <= start + 2 && !standing.begun && !any(sentence, &["pipeline", "pipelines", "job", "schedule"])
    }) {
        let moves_on = (at..sentence.len()).any(|at| lexicon::word_is(sentence.word(at), Class::Transfer));
        if !moves_on {
            return Some(NO_CHANGES);
        }
    }
    // `update the price of all products`: a change of somebody's data.
    let edits = sentence
        .is(start, &["update", "change", "increase", "decrease", "raise", "lower", "modify", "edit", "correct", "fix"])
        && !standing.begun
        && !standing.asked
        && !standing.named
        && !copying
        && sentence.len() > start + 2
        && !any(
            sentence,
            &["schedule", "pipeline", "plan", "filter", "destination", "source", "stream", "run", "it", "that"],
        );
    if edits {
        return Some(NO_CHANGES);
    }
    let query = sentence.is(start, &["select", "query"])
        && (any(sentence, &["count", "sum", "avg", "group"]) || sentence.text(start + 1) == "*")
        && !copying;
    let figure = sentence.is(start, &["how"])
        && sentence.is(start + 1, &["many", "much"])
        && !any(
            sentence,
            &["rows", "row", "records", "runs", "pipelines", "connections", "tables", "streams", "columns"],
        )
        && !copying
        && !standing.named;
    let compute =
        sentence.is(start, &["sum", "average", "count", "compute", "calculate", "aggregate", "join"]) && !copying;
    (query || figure || compute).then_some(NO_QUERIES)
}

#[cfg(test)]
mod tests;
