//! Carries out the calls of one reply, in order. Every call gets exactly one result, whatever happens.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::ledger::Traced;
use super::{Stop, Turn, TurnError};
use crate::agent::guard::untrusted::{self, Named};
use crate::agent::model::{Message, ToolCall};
use crate::agent::prompt;
use crate::agent::registry::Refusal;
use crate::agent::tool::{Tool, ToolContext, ToolError, ToolOutput};
use crate::agent::tools::answer;
use crate::events::{Event, Outcome};

/// Longest sentence that goes back to a mind, in letters.
const LONGEST: usize = 2000;

/// Calls that put a plan before the person.
const PLANNING: &[&str] = &["propose_plan", "revise_plan"];

/// What became of a call.
enum Became {
    Answer(ToolOutput),
    Refused(String),
    Failed(String),
    /// The turn cannot go on.
    Broke(String),
}

impl Turn<'_> {
    /// Carries out calls. `Some` when the turn stops here.
    pub(super) async fn act(&mut self, calls: Vec<ToolCall>) -> Result<Option<Stop>, TurnError> {
        let mut stop = None;
        let mut malformed = false;
        for call in calls {
            let mut context = ToolContext {
                workspace: self.agent.workspace.clone(),
                conversation: self.conversation,
                cancel: self.cancel.child_token(),
                heard: None,
            };
            let admitted = match self.admit(&call, stop.as_ref()).await? {
                Ok(tool) => Ok(tool),
                Err(Refusal::Malformed(text)) => {
                    malformed = true;
                    Err(text)
                }
                Err(Refusal::Unknown(text) | Refusal::Unfit(text)) => Err(text),
            };
            let title = match &admitted {
                Ok(tool) => tool.spec().title.clone(),
                Err(_) => self.agent.tools.get(&call.name).map(|tool| tool.spec().title.clone()).unwrap_or_default(),
            };
            let (id, name) = (call.id.clone(), short(&call.name, 64));
            self.emit(Event::ToolStarted { call: id.clone(), tool: name.clone(), title }).await?;
            let begun = Instant::now();
            let untrusted = admitted.as_ref().is_ok_and(|tool| tool.untrusted());
            if admitted.as_ref().is_ok_and(|tool| PLANNING.contains(&tool.spec().name.as_str())) {
                context.heard = self.read_again().await;
            }
            let became = match admitted {
                Ok(tool) => self.carry_out(tool.as_ref(), &context, &call.arguments).await,
                Err(text) => Became::Refused(text),
            };
            let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (outcome, view) = match &became {
                // What a system wrote may hold a secret; events are kept and shown.
                Became::Answer(output) => (Outcome::Ok, output.view.clone().map(cleansed)),
                Became::Refused(_) => (Outcome::Refused, None),
                Became::Failed(_) | Became::Broke(_) => (Outcome::Failed, None),
            };
            self.emit(Event::ToolEnded { call: id, tool: name, outcome, milliseconds, view }).await?;
            let bytes = self.conclude(&call, became, untrusted, &mut stop).await?;
            let traced = Traced { tool: &call.name, arguments: &call.arguments, outcome, milliseconds, bytes };
            self.ledger.made(&traced);
        }
        self.ledger.malformed = if malformed { self.ledger.malformed + 1 } else { 0 };
        // One round to mend it; a mind that still writes no JSON will not.
        if self.ledger.malformed > 1 && stop.is_none() {
            self.ledger.malformed = 0;
            stop = self.fall_back(prompt::UNREADABLE_CALLS).await?;
        }
        Ok(stop)
    }

    /// The tool, or why this call is not carried out.
    async fn admit(&self, call: &ToolCall, stop: Option<&Stop>) -> Result<Result<Arc<dyn Tool>, Refusal>, TurnError> {
        let refuse = |text: &str| Ok(Err(Refusal::Unfit(text.trim().to_owned())));
        if self.cancel.is_cancelled() {
            return refuse(prompt::REFUSED_CANCELLED);
        }
        if stop.is_some() {
            return refuse(prompt::REFUSED_ENDED);
        }
        if self.ledger.calls() >= self.agent.limits.tool_calls {
            return refuse(prompt::REFUSED_LIMIT);
        }
        let tool = match self.agent.tools.admit(&call.name, &call.arguments) {
            Ok(tool) => tool,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.ledger.repeats(&call.name, &call.arguments) {
            return refuse(prompt::REFUSED_REPEATED);
        }
        match self.chosen_by_text(&call.arguments).await? {
            Some(connection) => Ok(Err(Refusal::Unfit(prompt::chosen_by_text(&connection)))),
            None => Ok(Ok(tool)),
        }
    }

    /// The destination of a proposed plan, where a system's text named it and the person did not; see `Taint`.
    async fn chosen_by_text(&self, arguments: &Value) -> Result<Option<String>, TurnError> {
        let destination = ["/plan/destination/connection", "/changes/destination/connection"]
            .iter()
            .find_map(|place| arguments.pointer(place).and_then(Value::as_str));
        let Some(destination) = destination else { return Ok(None) };
        let Ok(connections) = self.agent.workspace.connections().await else { return Ok(None) };
        let takes = |connection: &&crate::workspace::Connection| {
            connection.roles.contains(&crate::workspace::Role::Destination)
        };
        // With one destination in the workspace nobody chooses.
        if connections.iter().filter(takes).count() < 2 {
            return Ok(None);
        }
        let Some(connection) = connections.iter().find(|connection| connection.name == destination) else {
            return Ok(None);
        };
        let about = self.agent.workspace.catalog.get(&connection.connector).map(|connector| connector.about());
        let words = about.map_or_else(Vec::new, |about| {
            let mut words = about.nicknames;
            words.extend([about.id, about.name]);
            words
        });
        let named = Named { name: &connection.name, label: connection.label.as_deref(), words: &words };
        Ok(self.taint.chosen_by_text(named).then(|| connection.name.clone()))
    }

    async fn carry_out(&self, tool: &dyn Tool, context: &ToolContext, arguments: &Value) -> Became {
        let limit = self.agent.limits.tool.min(self.deadline.saturating_duration_since(Instant::now()));
        let answered = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Became::Refused(prompt::REFUSED_CANCELLED.trim().to_owned()),
            answered = timeout(limit, tool.call(context, arguments.clone())) => answered,
        };
        match answered {
            Ok(Ok(output)) => Became::Answer(output),
            Ok(Err(ToolError::TellModel(text))) => Became::Refused(text),
            Ok(Err(ToolError::EndTurn(error))) => {
                tracing::error!(tool.name = tool.spec().name, error = ?error, "a tool broke");
                Became::Broke(prompt::TOOL_BROKE.trim().to_owned())
            }
            Err(_) => {
                context.cancel.cancel();
                Became::Failed(prompt::TOOL_TIMED_OUT.trim().to_owned())
            }
        }
    }

    /// Writes the call's one result and shows the person what came with it. Gives the result's size.
    async fn conclude(
        &mut self,
        call: &ToolCall,
        became: Became,
        untrusted: bool,
        stop: &mut Option<Stop>,
    ) -> Result<usize, TurnError> {
        let mut events = Vec::new();
        let (content, refused) = match became {
            Became::Answer(output) => {
                events = output.events;
                if output.ends_turn {
                    *stop = Some(Stop::Done);
                }
                self.ledger.rejected(output.rejected);
                (answer(&call.name, output.content, untrusted), false)
            }
            Became::Refused(text) | Became::Failed(text) => (short(&text, LONGEST), true),
            Became::Broke(text) => {
                *stop = Some(Stop::Failed(text.clone()));
                (text, true)
            }
        };
        let bytes = content.len();
        let (id, tool) = (call.id.clone(), call.name.clone());
        self.remember(Message::Tool { call: id, tool, content, refused }).await?;
        for event in events {
            self.ledger.shown(&event);
            self.emit(event).await?;
        }
        Ok(bytes)
    }
}

fn cleansed(mut view: Value) -> Value {
    untrusted::cleanse(&mut view);
    view
}

fn short(text: &str, letters: usize) -> String {
    text.chars().take(letters).collect()
}
