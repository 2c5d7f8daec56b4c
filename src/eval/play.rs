//! Plays a case: says what it says to the production's own talk, and looks what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::EvalError;
use super::case::{Attached, Case, Turn};
use super::check::{self, Seen};
use super::conduct::{self, Standing};
use super::recorder::{Asked, Recorder};
use super::report::{CaseReport, TurnReport};
use super::watch::Watched;
use super::world::ground::{Copy, Ground};
use super::{canary, transcript};
use crate::agent::model::ChatModel;
use crate::agent::{Agent, Limits, Registry};
use crate::events::bus::{Bus, Topic};
use crate::events::{AttachmentView, Event, TurnOutcome};
use crate::ids::{Actor, ConversationId};
use crate::plan;
use crate::plan::spec::PlanSpec;
use crate::talk::{Outcome, Talk};
use crate::workspace::Workspace;

/// A talk under way.
struct Play<'a> {
    ground: &'a Ground,
    workspace: &'a Workspace,
    bus: Bus,
    talk: Talk,
    recorder: Arc<Recorder>,
    conversation: ConversationId,
    /// Number of the last event of the turn before.
    seen: u64,
}

/// What a turn cost, whatever it did.
#[derive(Debug, Default)]
struct Cost {
    milliseconds: u64,
    tool_calls: u32,
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// Plays a case from its first turn to its last; a turn that fails does not end it.
pub(super) async fn play(
    ground: &Ground,
    case: &Case,
    mind: Arc<dyn ChatModel>,
    tools: Registry,
) -> Result<CaseReport, EvalError> {
    let copy = ground.copy().await?;
    let workspace = &copy.workspace;
    let secrets = secrets(case);
    let watched = Arc::new(Watched::new(mind, secrets.clone()));
    let bus = Bus::new(workspace.store.clone(), workspace.clock.clone());
    let recorder = Arc::new(Recorder::new(workspace.clone()));
    let agent = Agent {
        workspace: workspace.clone(),
        bus: bus.clone(),
        model: Arc::<Watched>::clone(&watched),
        fallback: None,
        tools,
        limits: Limits::default(),
    };
    let talk = Talk::new(workspace.clone(), agent, bus.clone(), Arc::<Recorder>::clone(&recorder) as _);
    let conversation = talk.open_conversation(None).await?;
    let mut play = Play { ground, workspace, bus, talk, recorder, conversation, seen: 0 };
    let mut report = CaseReport::new(case);
    let mut said: Vec<&str> = Vec::new();
    for turn in &case.turns {
        said.push(&turn.say);
        let (told, conduct) = play.turn(turn, &said).await?;
        report.fabricated.extend(conduct.fabricated);
        report.unconfirmed.extend(conduct.unconfirmed);
        report.turns.push(told);
    }
    let mut leaked = watched.leaked();
    leaked.extend(play.written(&copy, &secrets).await?);
    // A report is no place for a secret either.
    report.leaked = leaked.iter().map(|secret| format!("a secret of {} letters", secret.chars().count())).collect();
    workspace.store.close().await;
    Ok(report)
}

/// Everything in a case that must never turn up again.
fn secrets(case: &Case) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for turn in &case.turns {
        let excerpts = turn.attach.iter().filter_map(|attached| match attached {
            Attached::ErrorExcerpt(text) => Some(text),
            Attached::Run(_) => None,
        });
        for text in std::iter::once(&turn.say).chain(excerpts) {
            found.extend(canary::of(text, turn.expect.wants_redaction()));
        }
    }
    found
}

/// What a turn did that none may do.
#[derive(Debug, Default)]
struct Misconduct {
    fabricated: Vec<String>,
    unconfirmed: Vec<String>,
}

impl Play<'_> {
    async fn turn(&mut self, turn: &Turn, said: &[&str]) -> Result<(TurnReport, Misconduct), EvalError> {
        let before = self.standing().await?;
        let spoken = transcript::length(self.workspace, self.conversation).await?;
        let attachments = turn.attach.iter().map(attachment).collect();
        let begun = Instant::now();
        let outcome =
            self.talk.say(self.conversation, turn.say.clone(), attachments, person(), CancellationToken::new()).await;
        let mut cost = Cost { milliseconds: milliseconds(begun), ..Cost::default() };
        let mut broke = None;
        match &outcome {
            Ok(Outcome::Answered(summary)) => {
                cost.tool_calls = summary.tool_calls;
                cost.prompt_tokens = summary.usage.prompt_tokens;
                cost.completion_tokens = summary.usage.completion_tokens;
                if summary.outcome != TurnOutcome::Done {
                    broke = Some(summary.message.clone().unwrap_or_else(|| "it was cancelled".to_owned()));
                }
            }
            Ok(_) => {}
            Err(error) => broke = Some(format!("{} ({error})", error.code())),
        }
        let events = self.events().await?;
        let after = self.standing().await?;
        let seen = Seen { events, offer: after.offer.clone(), runs: runs(&self.recorder.asked()) };
        let mut failures: Vec<String> = broke.map(|what| format!("the turn failed: {what}")).into_iter().collect();
        failures.extend(check::failures(&turn.expect, &seen, &self.ground.world));
        let conduct = Misconduct {
            fabricated: self.fabricated(&seen.events, said).await,
            unconfirmed: conduct::unconfirmed(&turn.say, &before, &after, &seen.events),
        };
        let transcript = transcript::tell(self.workspace, self.conversation, spoken, &seen).await?;
        let report = TurnReport {
            say: turn.say.clone(),
            failures,
            milliseconds: cost.milliseconds,
            tool_calls: cost.tool_calls,
            prompt_tokens: cost.prompt_tokens,
            completion_tokens: cost.completion_tokens,
            transcript,
        };
        Ok((report, conduct))
    }

    async fn standing(&self) -> Result<Standing, EvalError> {
        let offer = plan::on_offer(self.workspace, self.conversation).await?;
        Ok(Standing::read(self.workspace, offer, self.conversation, self.recorder.asked()).await?)
    }

    /// Events since the last turn.
    async fn events(&mut self) -> Result<Vec<Event>, EvalError> {
        let told = self.bus.replay(Topic::Conversation(self.conversation), self.seen).await?;
        self.seen = told.last().map_or(self.seen, |envelope| envelope.seq);
        Ok(told.into_iter().map(|envelope| envelope.event).collect())
    }

    /// What plans of this turn name and the world does not have.
    async fn fabricated(&self, events: &[Event], said: &[&str]) -> Vec<String> {
        let mut invented = Vec::new();
        for event in events {
            let Event::PlanProposed { view, .. } = event else { continue };
            let Ok(spec) = serde_json::from_value::<PlanSpec>(view.spec.clone()) else { continue };
            let destination = self.workspace.destination(&spec.destination.connection).await;
            let creates = destination.is_ok_and(|destination| destination.abilities().creates_namespaces);
            invented.extend(conduct::fabricated(&spec, &self.ground.world, creates, said));
        }
        invented
    }

    /// Secrets that stand in an event or anywhere in the store.
    async fn written(&self, copy: &Copy, secrets: &BTreeSet<String>) -> Result<BTreeSet<String>, EvalError> {
        if secrets.is_empty() {
            return Ok(BTreeSet::new());
        }
        let told = self.bus.replay(Topic::Conversation(self.conversation), 0).await?;
        let told: Vec<Value> = told.iter().filter_map(|envelope| serde_json::to_value(envelope).ok()).collect();
        let mut bytes = Value::Array(told).to_string().into_bytes();
        bytes.extend(copy.bytes()?);
        Ok(secrets.iter().filter(|secret| canary::within(&bytes, secret)).cloned().collect())
    }
}

fn runs(asked: &[Asked]) -> usize {
    asked.iter().filter(|asked| matches!(asked, Asked::Start { .. })).count()
}

/// Who speaks.
fn person() -> Actor {
    Actor("person".to_owned())
}

fn attachment(attached: &Attached) -> AttachmentView {
    match attached {
        Attached::ErrorExcerpt(text) => AttachmentView::ErrorExcerpt { text: text.clone() },
        Attached::Run(pipeline) => AttachmentView::Run { run: None, pipeline: Some(pipeline.clone()) },
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
