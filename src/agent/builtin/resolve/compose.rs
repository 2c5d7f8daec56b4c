//! The plan itself.

use super::destination::Target;
use super::work::Work;
use super::{Found, Going, Request, Stop};
use crate::agent::builtin::schedule::{self, Pieces, Timing};
use crate::agent::builtin::step::ask;
use crate::agent::builtin::treatment::Treatment;
use crate::plan::spec::{
    AssumptionSpec, DestinationSpec, NotifySpec, OptionsSpec, PlanSpec, QuarantineSpec, ScheduleSpec, SourceSpec,
    StreamSpec,
};

/// Everything of a plan beside its streams and ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub schedule: Option<ScheduleSpec>,
    pub runtime: Option<String>,
    pub options: OptionsSpec,
    pub quarantine: Option<QuarantineSpec>,
    pub notify: Vec<NotifySpec>,
}

pub(super) fn settings(request: &Request<'_>, found: &mut Found, treatments: &[Treatment]) -> Going<Settings> {
    let mut settings = request
        .draft
        .plan
        .as_ref()
        .map(|plan| Settings {
            schedule: plan.schedule.clone(),
            runtime: plan.runtime.clone(),
            options: plan.options.clone(),
            quarantine: plan.quarantine.clone(),
            notify: plan.notify.clone(),
        })
        .unwrap_or_default();
    settings.schedule = timing(settings.schedule.take(), found, treatments)?;
    for treatment in treatments {
        let options = &treatment.options;
        settings.options.batch_rows = options.batch_rows.or(settings.options.batch_rows);
        settings.options.parallelism = options.parallelism.or(settings.options.parallelism);
        settings.options.verify = options.verify.or(settings.options.verify);
        settings.runtime = treatment.runtime.clone().or(settings.runtime.take());
        settings.quarantine =
            treatment.quarantine.map(|max_rows| QuarantineSpec { max_rows }).or(settings.quarantine.take());
        for (channel, on) in &treatment.notify {
            settings.notify.retain(|known| known.channel != *channel);
            settings.notify.push(NotifySpec { channel: channel.clone(), on: on.clone() });
        }
    }
    Ok(settings)
}

/// What was said of the schedule, utterance by utterance. What one leaves open the next may settle.
fn timing(before: Option<ScheduleSpec>, found: &mut Found, treatments: &[Treatment]) -> Going<Option<ScheduleSpec>> {
    let mut current = before;
    let mut open: Option<(Pieces, Timing)> = None;
    let mut assumptions: Vec<String> = Vec::new();
    for treatment in treatments {
        if treatment.pieces.is_empty() {
            continue;
        }
        let pieces = match open.take() {
            Some((pending, _)) => pending.settled_by(&treatment.pieces),
            None => treatment.pieces.clone(),
        };
        match schedule::compose(&pieces, current.as_ref()) {
            Some(Timing::OnDemand) => {
                current = None;
                assumptions.clear();
            }
            Some(Timing::At { schedule, assumed }) => {
                current = Some(schedule);
                assumptions = assumed;
            }
            Some(unclear @ Timing::Unclear { .. }) => open = Some((pieces, unclear)),
            None => {}
        }
    }
    if let Some((_, Timing::Unclear { question, options })) = open {
        return Err(Stop::Take(ask("schedule", question, options)));
    }
    for text in assumptions {
        found.assume("schedule", text);
    }
    Ok(current)
}

#[expect(clippy::too_many_arguments, reason = "everything that makes a plan comes together here")]
pub(super) fn spec(
    request: &Request<'_>,
    found: &Found,
    target: &Target,
    works: &[Work],
    treatments: &[Treatment],
    settings: Settings,
) -> PlanSpec {
    let mut assumptions = found.assumed.clone();
    for (slot, text) in treatments.iter().flat_map(|treatment| &treatment.assumed) {
        let spoken_of = *slot != "streams.filter" || works.iter().any(|work| work.spec.filter.is_some());
        if spoken_of && !assumptions.iter().any(|known| known.text == *text) {
            assumptions.push(AssumptionSpec { slot: (*slot).to_owned(), text: text.clone() });
        }
    }
    let streams: Vec<StreamSpec> = works.iter().map(|work| work.spec.clone()).collect();
    let mut spec = PlanSpec {
        version: 1,
        name: name(&streams, target),
        source: SourceSpec { connection: found.source.clone() },
        destination: DestinationSpec { connection: target.connection.clone(), namespace: target.namespace.clone() },
        streams,
        schedule: settings.schedule,
        runtime: settings.runtime,
        options: settings.options,
        quarantine: settings.quarantine,
        notify: settings.notify,
        assumptions,
    };
    if let Some(before) = &request.draft.plan {
        let kept: Vec<AssumptionSpec> = before
            .assumptions
            .iter()
            .filter(|old| !spec.assumptions.iter().any(|new| new.text == old.text) && still_holds(before, &spec, old))
            .cloned()
            .collect();
        spec.assumptions.splice(0..0, kept);
    }
    spec
}

/// Whether what was assumed for the plan before is still a part of this one.
fn still_holds(before: &PlanSpec, after: &PlanSpec, assumption: &AssumptionSpec) -> bool {
    let part = |plan: &PlanSpec, of: fn(&StreamSpec) -> String| -> Vec<(String, String)> {
        plan.streams.iter().map(|stream| (stream.stream.clone(), of(stream))).collect()
    };
    let same = |of: fn(&StreamSpec) -> String| {
        let after = part(after, of);
        part(before, of).iter().all(|stream| after.contains(stream))
    };
    match assumption.slot.as_str() {
        "source.connection" => before.source == after.source,
        "destination.connection" => before.destination.connection == after.destination.connection,
        "destination.namespace" => before.destination == after.destination,
        "streams" => before.source == after.source && same(|_| String::new()),
        "streams.filter" => same(|stream| format!("{:?}", stream.filter)),
        "streams.cursor" => same(|stream| format!("{:?} {:?}", stream.cursor, stream.null_cursor)),
        "streams.key" => same(|stream| format!("{:?}", stream.key)),
        "streams.mode" => same(|stream| format!("{:?} {:?}", stream.read, stream.write)),
        "streams.columns" => same(|stream| {
            format!("{:?} {:?} {:?} {:?} {:?}", stream.select, stream.exclude, stream.rename, stream.cast, stream.mask)
        }),
        "schedule" => before.schedule == after.schedule,
        "runtime" => before.runtime == after.runtime,
        _ => false,
    }
}

fn name(streams: &[StreamSpec], target: &Target) -> String {
    let place = target.namespace.as_ref().unwrap_or(&target.connection);
    let last = |stream: &StreamSpec| stream.stream.rsplit(['.', '/']).next().unwrap_or(&stream.stream).to_owned();
    let what = match streams {
        [] => "nothing".to_owned(),
        [one] => last(one),
        [one, other] => format!("{} and {}", last(one), last(other)),
        [one, other, third] => format!("{}, {} and {}", last(one), last(other), last(third)),
        many => format!("{} streams", many.len()),
    };
    format!("{what} to {place}").chars().take(120).collect()
}
