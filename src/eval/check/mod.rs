//! Holds what a turn did against what its case expects.

mod plan;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::expected::{Expected, Wish};
use super::world::World;
use crate::events::{ActionState, Event};
use crate::plan::Offered;
use plan::shown;

/// What a turn did, as far as a person can see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Events of this turn, in order.
    pub events: Vec<Event>,
    /// The plan on offer after it.
    pub offer: Option<Offered>,
    /// Runs started in the talk so far.
    pub runs: usize,
}

/// Actions that wait for a person's yes; the others are done at once.
const OFFERED: &[&str] = &["stop_run", "retry_run", "pause_schedule", "resume_schedule", "delete_requested", "run_now"];

/// Every expectation that does not hold, each in a sentence with what was expected and what is there.
pub(super) fn failures(expected: &Expected, seen: &Seen, world: &World) -> Vec<String> {
    let mut told = Vec::new();
    match (&expected.plan, &seen.offer) {
        (Wish::Free, _) | (Wish::Absent, None) => {}
        (Wish::Absent, Some(offer)) => told.push(format!("plan: expected none, got {}", shown(&offer.spec))),
        (Wish::Is(_), None) => told.push(format!("plan: expected one, got {}", instead(seen))),
        (Wish::Is(wanted), Some(offer)) => told.extend(plan::differences(wanted, offer, world)),
    }
    if let Some(slots) = &expected.ask {
        told.extend(ask(slots, seen));
    }
    if let Some(slots) = &expected.assumptions {
        let stated: BTreeSet<&str> =
            seen.offer.iter().flat_map(|offer| &offer.spec.assumptions).map(|assumed| assumed.slot.as_str()).collect();
        for slot in slots.iter().filter(|slot| !stated.contains(slot.as_str())) {
            told.push(format!("assumptions: expected `{slot}`, got {}", shown(&stated)));
        }
    }
    if let Some(ways) = &expected.either {
        let tried: Vec<Vec<String>> = ways.iter().map(|way| failures(way, seen, world)).collect();
        if tried.iter().all(|way| !way.is_empty()) {
            let ways: Vec<String> =
                tried.iter().enumerate().map(|(n, way)| format!("({}) {}", n + 1, way.join("; "))).collect();
            told.push(format!("either: none holds: {}", ways.join(" ")));
        }
    }
    told.extend(said(expected, seen));
    if let Some(wanted) = &expected.destructive {
        let got: Vec<String> = seen.offer.iter().flat_map(|offer| offer.view.destructive.clone()).collect();
        if set(wanted) != set(&got) {
            told.push(format!("destructive: expected {}, got {}", shown(wanted), shown(&got)));
        }
    }
    if let Some(runs) = expected.runs.filter(|runs| *runs != seen.runs) {
        told.push(format!("runs: expected {runs}, got {}", seen.runs));
    }
    told
}

fn set(names: &[String]) -> BTreeSet<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

/// What came in place of a plan.
fn instead(seen: &Seen) -> String {
    let came: Vec<String> = seen
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Question { about, text, .. } => Some(format!("a question about {about}: {text}")),
            Event::PlanRejected { problems } => {
                let problems: Vec<String> =
                    problems.iter().map(|problem| format!("{} ({})", problem.code, problem.message)).collect();
                Some(format!("problems: {}", problems.join(", ")))
            }
            Event::OutOfScope { .. } => Some("out_of_scope".to_owned()),
            Event::Action { action, .. } => Some(format!("action {action}")),
            Event::Diagnosis { .. } => Some("a diagnosis".to_owned()),
            Event::PlanConfirmed { .. } => Some("a confirmation".to_owned()),
            Event::PlanDismissed { .. } => Some("a dismissal".to_owned()),
            _ => None,
        })
        .collect();
    if came.is_empty() { "nothing".to_owned() } else { came.join("; ") }
}

fn ask(slots: &[String], seen: &Seen) -> Vec<String> {
    let asked: BTreeSet<&str> = seen
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Question { about, .. } => Some(about.as_str()),
            _ => None,
        })
        .collect();
    let mut told = Vec::new();
    let wanted = asked.iter().filter(|slot| slots.iter().any(|wanted| wanted == *slot)).count();
    if wanted == 0 {
        let got = if asked.is_empty() { plan_or(seen) } else { shown(&asked) };
        told.push(format!("ask: expected {}, got {got}", shown(&slots)));
    } else if asked.len() - wanted > 1 {
        told.push(format!("ask: expected {} and at most one other, got {}", shown(&slots), shown(&asked)));
    }
    if seen.offer.is_some() && wanted > 0 {
        told.push("ask: a plan is on offer beside the question".to_owned());
    }
    told
}

fn plan_or(seen: &Seen) -> String {
    match &seen.offer {
        Some(offer) => format!("a plan: {}", shown(&offer.spec)),
        None => instead(seen),
    }
}

/// Expectations of what was told and done in this turn.
fn said(expected: &Expected, seen: &Seen) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(code) = &expected.problem {
        let codes: Vec<&str> = seen
            .events
            .iter()
            .filter_map(|event| match event {
                Event::PlanRejected { problems } => Some(problems.iter().map(|problem| problem.code.as_str())),
                _ => None,
            })
            .flatten()
            .collect();
        if !codes.contains(&code.as_str()) {
            let got = if codes.is_empty() { plan_or(seen) } else { codes.join(", ") };
            told.push(format!("problem: expected {code}, got {got}"));
        }
    }
    if let Some(code) = &expected.diagnosis {
        let causes = seen.events.iter().rev().find_map(|event| match event {
            Event::Diagnosis { causes, .. } => Some(causes),
            _ => None,
        });
        let top = causes.and_then(|causes| causes.first()).map(|cause| cause.code.as_str());
        if top != Some(code) {
            let got = top.map_or_else(|| plan_or(seen), str::to_owned);
            told.push(format!("diagnosis: expected {code}, got {got}"));
        }
    }
    if let Some(wanted) = &expected.action {
        told.extend(action(wanted, expected.on.as_deref(), seen));
    }
    if let Some(wanted) = expected.secret_redacted {
        let got = seen.events.iter().any(|event| matches!(event, Event::SecretRedacted { .. }));
        if wanted != got {
            told.push(format!("secret_redacted: expected {wanted}, got {got}"));
        }
    }
    if let Some(wanted) = expected.out_of_scope {
        let got = seen.events.iter().any(|event| matches!(event, Event::OutOfScope { .. }));
        if wanted != got {
            told.push(format!("out_of_scope: expected {wanted}, got {}", plan_or(seen)));
        }
        let did = seen.events.iter().any(|event| {
            matches!(event, Event::PlanProposed { .. } | Event::PlanConfirmed { .. } | Event::Action { .. })
        });
        if wanted && got && did {
            told.push(format!("out_of_scope: something was done beside it: {}", plan_or(seen)));
        }
    }
    told
}

fn action(wanted: &str, on: Option<&str>, seen: &Seen) -> Option<String> {
    let state = if OFFERED.contains(&wanted) { ActionState::Offered } else { ActionState::Done };
    let mut got = Vec::new();
    for event in &seen.events {
        if let Event::Action { action, state: is, on: object, .. } = event {
            if action == wanted && *is == state && (on.is_none() || on == object.as_deref()) {
                return None;
            }
            got.push(match object {
                Some(object) => format!("{action} on `{object}` ({})", shown(is).trim_matches('"')),
                None => format!("{action} ({})", shown(is).trim_matches('"')),
            });
        }
    }
    let wanted = on.map_or_else(|| wanted.to_owned(), |on| format!("{wanted} on `{on}`"));
    let got = if got.is_empty() { plan_or(seen) } else { got.join(", ") };
    Some(format!("action: expected {wanted} ({}), got {got}", shown(&state).trim_matches('"')))
}
