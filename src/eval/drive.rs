//! One case, turn by turn, through the production talk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::case::{Attach, Case, Turn};
use super::conduct::{self, Seen};
use super::install;
use super::judge::{self, After};
use super::recorder::{RunLog, Watched};
use super::report::{CaseReport, TurnReport};
use super::world::World;
use crate::agent::model::ChatModel;
use crate::agent::{Agent, Limits, Registry};
use crate::events::bus::{Bus, Topic};
use crate::events::{AttachmentView, Event};
use crate::ids::{Actor, ConversationId};
use crate::plan;
use crate::talk::{Outcome, Talk};
use crate::workspace::Workspace;

/// Runs a case. Whatever breaks is the case's failure.
pub(super) async fn case(case: &Case, world: &Arc<World>, model: &Arc<dyn ChatModel>) -> CaseReport {
    let mut report = CaseReport::new(case);
    if let Err(error) = Box::pin(turns(case, world, model, &mut report)).await {
        report.broke = Some(format!("{error:#}"));
    }
    report
}

/// A talk under evaluation.
struct Table {
    talk: Talk,
    workspace: Workspace,
    bus: Bus,
    conversation: ConversationId,
    runs: RunLog,
    shown: Arc<Mutex<Vec<String>>>,
    /// Events seen so far.
    seq: u64,
}

async fn turns(case: &Case, world: &Arc<World>, model: &Arc<dyn ChatModel>, report: &mut CaseReport) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let workspace = Box::pin(install::workspace(world, folder.path())).await?;
    let bus = Bus::new(workspace.store.clone(), workspace.clock.clone());
    let shown: Arc<Mutex<Vec<String>>> = Arc::default();
    let watched = Watched { mind: Arc::clone(model), shown: Arc::clone(&shown) };
    let agent = Agent { workspace: workspace.clone(), bus: bus.clone(), model: Arc::new(watched), fallback: None, tools: Registry::standard()?, limits: Limits::default() };
    let runs = RunLog::default();
    let talk = Talk::new(workspace.clone(), agent, bus.clone(), Arc::new(runs.clone()));
    let conversation = talk.open_conversation(None).await?;
    let mut table = Table { talk, workspace, bus, conversation, runs, shown, seq: 0 };
    let mut seen = Seen::default();
    for turn in &case.turns {
        let told = Box::pin(table.turn(turn, world, &mut seen)).await?;
        report.turns.push(told);
    }
    report.conduct = seen.counts;
    table.workspace.store.close().await;
    Ok(())
}

impl Table {
    async fn turn(&mut self, turn: &Turn, world: &World, seen: &mut Seen) -> anyhow::Result<TurnReport> {
        let attachments = turn
            .attach
            .iter()
            .map(|attach| match attach {
                Attach::ErrorExcerpt(text) => AttachmentView::ErrorExcerpt { text: text.clone() },
                Attach::Run(pipeline) => AttachmentView::Run { run: None, pipeline: Some(pipeline.clone()) },
            })
            .collect();
        let runs_before = self.runs.count();
        let begun = Instant::now();
        let outcome = self.talk.say(self.conversation, turn.say.clone(), attachments, Actor("evaluation".to_owned()), CancellationToken::new()).await;
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let envelopes = self.bus.replay(Topic::Conversation(self.conversation), self.seq).await?;
        self.seq = envelopes.last().map_or(self.seq, |envelope| envelope.seq);
        let events: Vec<Event> = envelopes.into_iter().map(|envelope| envelope.event).collect();
        let offered = plan::on_offer(&self.workspace, self.conversation).await?;
        let confirmed = matches!(outcome, Ok(Outcome::Confirmed(_) | Outcome::Acted(_)));
        seen.turn(world, turn, &events, self.runs.count() - runs_before, confirmed);
        conduct::leaks(&self.workspace, self.conversation, turn, &self.shown.lock().unwrap_or_else(PoisonError::into_inner), seen).await?;
        let after = After { events: &events, offered: offered.as_ref(), runs: self.runs.count(), world };
        let mut failures = judge::turn(&turn.expect, &after);
        if let Err(error) = &outcome {
            failures.push(format!("the turn broke: {error}"));
        }
        let (tool_calls, tokens) = match &outcome {
            Ok(Outcome::Answered(summary)) => (summary.tool_calls, summary.usage.prompt_tokens + summary.usage.completion_tokens),
            _ => (0, 0),
        };
        Ok(TurnReport { say: turn.say.clone(), failures, milliseconds, tool_calls, tokens, told: judge::told(&events, offered.as_ref()) })
    }
}
