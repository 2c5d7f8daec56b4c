//! From what was said to a plan: who is meant by each name, what is missing, what stands in the way.

mod compose;
mod destination;
mod mode;
pub(super) mod repair;
mod source;
mod work;

use chrono::{DateTime, Utc};

use super::draft::Draft;
use super::knowledge::{Knowledge, Known, Schema, all};
use super::lexicon::{self, Class};
use super::link::column::Columns;
use super::link::connection::Directory;
use super::link::stream::Streams;
use super::reading::{Reading, Use};
use super::step::Step;
use super::transcript::Talk;
use super::treatment::{self, Treatment};
use crate::plan::spec::AssumptionSpec;

/// A request, heard to its end.
pub(super) struct Request<'a> {
    pub talk: &'a Talk,
    pub know: &'a Knowledge,
    pub directory: &'a Directory,
    pub draft: &'a Draft,
    pub streams: &'a Streams,
    /// The utterances since the plan that the draft goes on from, each with the slot that was asked before it.
    pub heard: &'a [(Reading, Option<String>)],
    pub now: DateTime<Utc>,
}

/// What stops the way to a plan: an answer that is missing, or a step to take instead.
pub(super) enum Stop {
    Need(super::knowledge::Need),
    Take(Step),
}

impl From<super::knowledge::Need> for Stop {
    fn from(need: super::knowledge::Need) -> Self {
        Self::Need(need)
    }
}

pub(super) type Going<T> = Result<T, Stop>;

/// A stream that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub stream: String,
    pub target: Option<String>,
}

/// What was found out about the objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub source: String,
    pub streams: Vec<Chosen>,
    pub assumed: Vec<AssumptionSpec>,
    /// Every stream was asked for, so that those that cannot be read incrementally may be copied whole.
    pub wildcard: bool,
}

impl Found {
    pub(super) fn assume(&mut self, slot: &str, text: String) {
        if !self.assumed.iter().any(|known| known.text == text) {
            self.assumed.push(AssumptionSpec { slot: slot.to_owned(), text });
        }
    }
}

/// The next step of a request.
pub(super) fn next(request: &Request<'_>) -> Known<Step> {
    match plan(request) {
        Ok(step) | Err(Stop::Take(step)) => Ok(step),
        Err(Stop::Need(need)) => Err(need),
    }
}

fn plan(request: &Request<'_>) -> Going<Step> {
    destination::obstacles(request)?;
    let mut found = source::find(request)?;
    let schemas = schemas(request, &found)?;
    let columns = Columns::new(schemas);
    let treatments = treatments(request, &columns);
    let mut works = work::apply(request, &found, &treatments, &columns);
    mode::obstacles(request, &mut found, &mut works)?;
    let place = destination::find(request, &mut found)?;
    doubts(&treatments)?;
    mode::settle(request, &mut found, &mut works, &columns)?;
    let settings = compose::settings(request, &mut found, &treatments)?;
    let spec = compose::spec(request, &found, &place, &works, &treatments, settings);
    Ok(repair::propose(request, spec, &columns, &place))
}

/// The columns of the chosen streams, where anything said takes them.
fn schemas(request: &Request<'_>, found: &Found) -> Going<Vec<Schema>> {
    const FEW: usize = 8;
    const MOST: usize = 30;
    let needed = found.streams.len() <= FEW || request.heard.iter().any(|(reading, _)| speaks_of_columns(reading));
    if !needed {
        return Ok(Vec::new());
    }
    let known = all(found.streams.iter().take(MOST).map(|chosen| request.know.schema(&found.source, &chosen.stream)))?;
    Ok(known)
}

/// Whether anything in an utterance may be about columns.
fn speaks_of_columns(reading: &Reading) -> bool {
    const ABOUT: &[Class] = &[
        Class::Hash,
        Class::Mask,
        Class::Redact,
        Class::Partial,
        Class::Nullify,
        Class::Rename,
        Class::Key,
        Class::Column,
        Class::Personal,
        Class::Restore,
        Class::Unmask,
    ];
    (0..reading.sentence.len()).any(|at| {
        let free = reading.free(at) || reading.is(at, Use::Shaded);
        let unknown = reading.free(at)
            && !lexicon::is_known(reading.sentence.word(at))
            && reading.sentence.text(at).chars().any(char::is_alphabetic);
        free && (reading.is(at, Use::Shaded)
            || unknown
            || ABOUT.iter().any(|class| lexicon::is(&reading.sentence, at, *class)))
    })
}

fn treatments(request: &Request<'_>, columns: &Columns) -> Vec<Treatment> {
    let mut incremental =
        request.draft.plan.as_ref().is_some_and(|plan| {
            plan.streams.iter().any(|stream| stream.read == crate::plan::spec::ReadSpec::Incremental)
        });
    let filtered =
        request.draft.plan.as_ref().is_some_and(|plan| plan.streams.iter().any(|stream| stream.filter.is_some()));
    let mut treatments = Vec::new();
    for (reading, focus) in request.heard {
        let context =
            treatment::Context { reading, columns, now: request.now, focus: focus.as_deref(), incremental, filtered };
        let treatment = treatment::read(&context);
        incremental |= treatment
            .changes
            .iter()
            .any(|(_, change)| matches!(change, treatment::Change::Read(crate::plan::spec::ReadSpec::Incremental)));
        treatments.push(treatment);
    }
    treatments
}

/// The first thing that was said and cannot be read for sure, unless a later utterance settles its slot.
fn doubts(treatments: &[Treatment]) -> Going<()> {
    for (index, treatment) in treatments.iter().enumerate() {
        for doubt in &treatment.doubts {
            let settled = treatments.iter().skip(index + 1).any(|later| {
                !later.is_empty() && !later.doubts.iter().any(|other| other.slot == doubt.slot) || later.is_empty()
            });
            if !settled {
                return Err(Stop::Take(super::step::ask(doubt.slot, doubt.text.clone(), doubt.options.clone())));
            }
        }
    }
    Ok(())
}
