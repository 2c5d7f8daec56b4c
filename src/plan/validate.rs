//! Draft in, validated plan or every problem out: shape first, then meaning against the live source and destination.

mod endpoint;
mod reading;
mod rows;
mod settings;
mod stream;
mod target;
mod writing;

use std::collections::BTreeMap;

use futures::StreamExt as _;
use serde_json::Value;

use super::columns::folded;
use super::problem::Findings;
use super::resolution::Resolution;
use super::schedule::Timetable;
use super::spec::PlanSpec;
use super::{Problem, ValidatedPlan, doubt, preview, shape};
use crate::connectors::Folding;
use crate::workspace::Workspace;

pub(super) use endpoint::{Goal, Namespace, Origin, bounded};
pub(super) use stream::{Outcome, describe};

/// Streams that are measured at once.
const AT_ONCE: usize = 4;
/// Of a plan with very many wrong streams, so many problems are told.
const MOST_PROBLEMS: usize = 500;

pub(super) async fn validate(
    draft: Value,
    heard: Option<&PlanSpec>,
    workspace: &Workspace,
) -> Result<ValidatedPlan, Vec<Problem>> {
    let misshapen = shape::problems(&draft);
    if !misshapen.is_empty() {
        return Err(limited(misshapen));
    }
    let spec: PlanSpec = serde_json::from_value(draft)
        .map_err(|_| vec![Problem::new("", "shape", "The plan does not fit the schema of plans.")])?;

    let mut findings = Findings::default();
    let settings = settings::resolve(&spec, &mut findings);
    let timetable = spec.schedule.as_ref().and_then(|schedule| match Timetable::parse(schedule) {
        Ok(timetable) => Some(timetable),
        Err(problem) => {
            findings.refuse(problem);
            None
        }
    });
    let origin = endpoint::origin(workspace, &spec, &mut findings).await;
    let goal = endpoint::goal(workspace, &spec, &mut findings).await;
    let outcomes = match &origin {
        Some(origin) => streams(workspace, &spec, origin, goal.as_ref(), &mut findings).await,
        None => Vec::new(),
    };
    one_target_each(&spec, &outcomes, goal.as_ref(), &mut findings);

    let (Some(origin), Some(goal), Some(settings)) = (origin, goal, settings) else {
        return Err(limited(findings.problems));
    };
    if !findings.problems.is_empty() {
        return Err(limited(findings.problems));
    }
    let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
    if let Some(heard) = heard {
        let columns = |stream: &str| {
            let outcome = outcomes.iter().find(|outcome| outcome.resolved.stream == stream)?;
            Some(outcome.columns.as_slice())
        };
        findings.warnings.extend(doubt::doubts(heard, &spec, goal.namespace.name(), columns));
    }
    let schedule = timetable.map(|timetable| timetable.view(workspace.clock.now()));
    let view = preview::view(&spec, (&origin, &goal), &outcomes, schedule, &findings.warnings);
    let resolution = Resolution {
        source: spec.source.connection.clone(),
        destination: spec.destination.connection.clone(),
        streams: outcomes.into_iter().map(|outcome| outcome.resolved).collect(),
        batch_rows: settings.batch_rows,
        batch_bytes: settings.batch_bytes,
        parallelism: settings.parallelism,
        verify: settings.verify,
        quarantine_max_rows: settings.quarantine_max_rows,
    };
    Ok(ValidatedPlan::seal(spec, resolution, view))
}

/// Every stream, a few at a time, in the plan's order.
async fn streams(
    workspace: &Workspace,
    spec: &PlanSpec,
    origin: &Origin,
    goal: Option<&Goal>,
    findings: &mut Findings,
) -> Vec<Option<Outcome>> {
    let now = workspace.clock.now();
    let scheduled = spec.schedule.is_some();
    // Boxed, for the futures of a stream are large; in a loop, for a closure over borrowed streams would cost the whole
    // future its `Send`.
    let mut work: Vec<futures::future::BoxFuture<'_, _>> = Vec::with_capacity(spec.streams.len());
    for (index, stream) in spec.streams.iter().enumerate() {
        let repeated = spec.streams.iter().take(index).any(|before| before.stream == stream.stream);
        let around = stream::Around { origin, goal, now, scheduled };
        work.push(Box::pin(async move {
            if repeated {
                let mut findings = Findings::default();
                let message = format!("`{}` is in the plan twice.", stream.stream);
                let pointer = format!("/streams/{index}/stream");
                findings.refuse(
                    Problem::new(pointer, "duplicate_stream", message).suggest("Move it once, with one filter."),
                );
                return (findings, None);
            }
            stream::resolve(around, index, stream).await
        }));
    }
    let mut outcomes = Vec::with_capacity(spec.streams.len());
    let mut running = futures::stream::iter(work).buffered(AT_ONCE);
    while let Some((found, outcome)) = running.next().await {
        findings.join(found);
        outcomes.push(outcome);
    }
    outcomes
}

/// No two streams go to one table.
fn one_target_each(spec: &PlanSpec, outcomes: &[Option<Outcome>], goal: Option<&Goal>, findings: &mut Findings) {
    let folding = goal.map_or(Folding::Insensitive, |goal| goal.abilities.folding);
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (index, outcome) in outcomes.iter().enumerate() {
        let (Some(outcome), Some(stream)) = (outcome, spec.streams.get(index)) else { continue };
        let name = &outcome.resolved.target.name;
        if let Some(first) = seen.insert(folded(name, folding), &stream.stream) {
            let message = format!("`{first}` and `{}` would both be written to `{name}`.", stream.stream);
            let namespace = outcome.schema_namespace.as_deref().unwrap_or("other");
            findings.refuse(
                Problem::new(format!("/streams/{index}/target"), "target_collision", message)
                    .suggest(format!("{namespace}_{name}")),
            );
        }
    }
}

fn limited(mut problems: Vec<Problem>) -> Vec<Problem> {
    let more = problems.len().saturating_sub(MOST_PROBLEMS);
    problems.truncate(MOST_PROBLEMS);
    if more > 0 {
        problems.push(Problem::new("", "shape", format!("There are {more} more problems.")));
    }
    problems
}
