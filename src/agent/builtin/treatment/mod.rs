//! What an utterance wants done with the streams: which rows and columns, read and written how, when.

mod clauses;
mod columns;
mod cursor;
mod modes;
mod scope;
mod settings;

use chrono::{DateTime, Utc};

use super::condition::{self, Expression};
use super::lexicon::{self, Class};
use super::link::column::Columns;
use super::reading::{Reading, Use};
use super::schedule::{self, Pieces};
use super::token::Kind;
use crate::connectors::{Deletes, NullCursor};
use crate::plan::spec::{MaskSpec, OptionsSpec, ReadSpec, SchemaPolicy, WriteSpec};
pub(super) use scope::Scope;

/// One change of how streams are treated.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Read(ReadSpec),
    /// How to read where the way that was asked for is not open.
    Otherwise(ReadSpec),
    Write(WriteSpec),
    /// No row twice.
    Dedupe,
    Cursor(Vec<String>),
    Key(Vec<String>),
    Lookback(String),
    Deletes(Deletes),
    NullCursor(NullCursor),
    Filter(Expression),
    NoFilter,
    Select(Vec<String>),
    Exclude(Vec<String>),
    Restore(Vec<String>),
    Rename(Vec<String>, String),
    Cast(Vec<String>, String),
    Mask(Vec<String>, MaskSpec),
    Unmask(Vec<String>),
    /// Another number in the filter that stands.
    Bound(String),
    /// Other values in place of those of the filter that stands, as SQL literals.
    Values(Vec<String>),
    /// Another value for one in the filter that stands.
    Swap {
        from: String,
        to: String,
    },
    Policy(SchemaPolicy),
}

/// A change and where in the utterance it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub at: usize,
    pub change: Change,
}

/// Something that takes a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub slot: &'static str,
    pub text: String,
    pub options: Vec<(String, String)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Treatment {
    pub changes: Vec<(Scope, Change)>,
    pub doubts: Vec<Doubt>,
    /// Slot and sentence.
    pub assumed: Vec<(&'static str, String)>,
    pub pieces: Pieces,
    pub options: OptionsSpec,
    pub runtime: Option<String>,
    pub quarantine: Option<u64>,
    pub notify: Vec<(String, Vec<String>)>,
}

impl Treatment {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.doubts.is_empty()
            && self.pieces.is_empty()
            && self.options == OptionsSpec::default()
            && self.runtime.is_none()
            && self.quarantine.is_none()
            && self.notify.is_empty()
    }
}

/// What reading a treatment takes.
pub(super) struct Context<'a> {
    pub reading: &'a Reading,
    pub columns: &'a Columns,
    pub now: DateTime<Utc>,
    pub focus: Option<&'a str>,
    /// Some stream is read incrementally already.
    pub incremental: bool,
    /// Some stream of the plan on offer has a filter.
    pub filtered: bool,
}

/// A walk over the tokens that nothing has read yet.
struct Walk<'a> {
    context: &'a Context<'a>,
    used: Vec<bool>,
    changes: Vec<Placed>,
    treatment: Treatment,
}

pub(super) fn read(context: &Context<'_>) -> Treatment {
    let reading = context.reading;
    let used = reading.uses.iter().map(|taken| !matches!(taken, Use::Free | Use::Shaded)).collect();
    let mut walk = Walk { context, used, changes: Vec::new(), treatment: Treatment::default() };
    walk.lookback();
    walk.keys();
    walk.merge_on();
    walk.asked_key();
    walk.modes();
    walk.masks_first();
    walk.conditions();
    walk.bound();
    walk.swap();
    walk.values();
    walk.columns();
    walk.cursors();
    let free = |at: usize| walk.free(at);
    let asked = context.focus == Some("schedule");
    walk.treatment.pieces = schedule::read(&reading.sentence, &free, asked);
    for at in walk.treatment.pieces.taken.clone() {
        walk.take(at, at + 1);
    }
    walk.settings();
    walk.residue();
    let changes = std::mem::take(&mut walk.changes);
    let mut treatment = walk.treatment;
    treatment.changes = changes.into_iter().map(|placed| (scope::of(reading, placed.at), placed.change)).collect();
    treatment
}

const FILTERS: &[&str] =
    &["filter", "filters", "condition", "conditions", "restriction", "restrictions", "constraint", "where"];

/// `forget that condition`, `take the filter away`: a verb of dropping and what is dropped.
pub(super) fn dropped(sentence: &super::token::Sentence, at: usize, nouns: &[&str]) -> Option<usize> {
    const VERBS: &[&str] = &[
        "forget", "drop", "remove", "lose", "skip", "clear", "delete", "cancel", "lift", "undo", "scrap", "ditch",
        "omit", "kill", "discard", "ignore", "without", "no",
    ];
    let mut noun = at + 1;
    while sentence.is(noun, &["the", "that", "this", "any", "all", "my", "our", "about", "of", "a"]) {
        noun += 1;
    }
    let clause = sentence.is(noun + 1, &["clause"]);
    (sentence.is(at, VERBS) && sentence.is(noun, nouns)).then(|| noun + 1 + usize::from(clause) - at)
}

impl Walk<'_> {
    fn free(&self, at: usize) -> bool {
        self.used.get(at) == Some(&false)
    }

    fn take(&mut self, from: usize, to: usize) {
        for used in self.used.iter_mut().take(to).skip(from) {
            *used = true;
        }
    }

    fn change(&mut self, at: usize, change: Change) {
        self.changes.push(Placed { at, change });
    }

    fn doubt(&mut self, slot: &'static str, text: String, options: Vec<(String, String)>) {
        self.treatment.doubts.push(Doubt { slot, text, options });
    }

    fn assume(&mut self, slot: &'static str, text: String) {
        if !self.treatment.assumed.iter().any(|(_, said)| *said == text) {
            self.treatment.assumed.push((slot, text));
        }
    }

    /// `not`, `instead of`, `rather than`, `stop` before a word: it is not wanted.
    fn denied(&self, at: usize) -> bool {
        let sentence = &self.context.reading.sentence;
        let before = |back: usize| at.checked_sub(back).map_or("", |at| sentence.word(at));
        matches!(before(1), "not" | "no" | "without" | "don't" | "dont" | "never" | "stop")
            || (matches!(before(1), "of" | "than") && matches!(before(2), "instead" | "rather"))
            || (matches!(before(1), "an" | "a" | "the" | "do" | "be" | "do a" | "it")
                && matches!(before(2), "not" | "don't" | "dont" | "without"))
    }

    /// A column that is named and of which nothing was understood: it is asked about and not passed over.
    fn residue(&mut self) {
        let reading = self.context.reading;
        let sentence = &reading.sentence;
        let doubted = self.treatment.doubts.iter().any(|doubt| doubt.slot != "schedule");
        if doubted || self.context.columns.is_empty() {
            return;
        }
        let distinct = |at: usize| {
            let text = sentence.text(at);
            text.contains('_')
                || sentence.kind(at) == Some(Kind::Word)
                    && text.chars().skip(1).any(char::is_uppercase)
                    && text.chars().any(char::is_lowercase)
        };
        // A column of one plain word counts where a restriction of rows is due.
        let cued = |at: usize| {
            !lexicon::is_english(sentence.word(at))
                && (at.saturating_sub(4)..at)
                    .any(|here| sentence.is(here, &["who", "whose", "where", "which", "having", "filter", "as"]))
        };
        let left = (0..sentence.len()).find_map(|at| {
            let (to, named) = self.context.columns.mention(sentence, at, &|at| self.free(at))?;
            ((distinct(at) || cued(at)) && named.how == super::link::How::Name).then_some((at, to, named))
        });
        let Some((at, to, named)) = left else { return };
        let known = self.changes.iter().any(|placed| match &placed.change {
            Change::Cursor(names)
            | Change::Key(names)
            | Change::Select(names)
            | Change::Exclude(names)
            | Change::Restore(names)
            | Change::Rename(names, _)
            | Change::Cast(names, _)
            | Change::Mask(names, _)
            | Change::Unmask(names) => names.iter().any(|name| named.names.contains(name)),
            Change::Filter(expression) => expression.columns().iter().any(|name| named.names.contains(name)),
            _ => false,
        });
        if known {
            return;
        }
        let name = named.names.join("`, `");
        let written = sentence.span(at, to).to_owned();
        self.doubt(
            "streams.columns",
            format!("What should happen with the column `{name}`? What was said of it was not understood."),
            vec![
                ("Leave it out".to_owned(), format!("without {written}")),
                ("Hash it".to_owned(), format!("hash {written}")),
                ("Copy it as it is".to_owned(), "go on without it".to_owned()),
            ],
        );
    }

    /// Restrictions of rows.
    fn conditions(&mut self) {
        let reading = self.context.reading;
        let sentence = &reading.sentence;
        for at in 0..sentence.len() {
            if let Some(length) = lexicon::phrase(sentence, at, Class::NoFilter)
                .or_else(|| dropped(sentence, at, FILTERS))
                .filter(|length| (at..at + length).all(|at| self.free(at)))
            {
                // `all rows where …` restricts them after all; `all rows` matters only where a filter may stand.
                let restricted = (at + length..sentence.len()).any(|at| {
                    sentence.is(at, &["where", "whose", "with", "from", "since", "after", "before", "that"])
                        && self.free(at)
                        && sentence.is(at, &["where", "whose", "since", "after", "before"])
                });
                let explicit = dropped(sentence, at, FILTERS).is_some()
                    || sentence.span(at, at + length).contains("filter")
                    || sentence.span(at, at + length).contains("condition")
                    || sentence.span(at, at + length).contains("where")
                    || sentence.span(at, at + length).contains("unfiltered");
                if !restricted || explicit {
                    self.take(at, at + length);
                    self.change(at, Change::NoFilter);
                }
            }
        }
        let used = self.used.clone();
        let free = |at: usize| used.get(at) == Some(&false);
        let stream = |at: usize| reading.is(at, Use::Stream);
        let reader = condition::Reader {
            sentence,
            columns: self.context.columns,
            free: &free,
            stream: &stream,
            now: self.context.now,
            asked: self.context.focus == Some("streams.filter"),
        };
        let (conditions, unclear) = condition::read(&reader);
        let mentioned: Vec<String> = conditions.iter().map(|condition| condition.expression.text()).collect();
        for condition in conditions {
            let from = (condition.from..condition.to).find(|at| self.free(*at)).unwrap_or(condition.from);
            for at in condition.from..condition.to {
                if self.free(at) {
                    self.take(at, at + 1);
                }
            }
            // `only active users … where status = 'active'`: said twice, meant once.
            let text = condition.expression.text();
            let again = self
                .changes
                .iter()
                .any(|placed| matches!(&placed.change, Change::Filter(before) if before.text() == text))
                || (!condition.assumed.is_empty()
                    && mentioned.iter().filter(|other| **other == text).count() > 1
                    && self.changes.iter().any(|placed| matches!(&placed.change, Change::Filter(_))));
            if again {
                continue;
            }
            for text in &condition.assumed {
                self.assume("streams.filter", text.clone());
            }
            self.change(from, Change::Filter(condition.expression));
        }
        for problem in unclear {
            self.take(problem.from, problem.to);
            self.doubt("streams.filter", problem.text, problem.options);
        }
    }
}
